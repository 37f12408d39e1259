"""Networks chosen by hand, without a search: of the first paper, and of the preset `tabular`.

    python scripts/bench/bench_tabular.py DATA.h5 ... [--seeds 0,1,2] [--networks v1,first,packed]
        [--choose repeated=0,members=4,units=128,dropout=0.3,epochs=60 ...]

`v1` is four dense layers of 96 units by the recipe of the first paper (20 epochs, rate reduced on
a plateau, batches of 256, rate 0.003), `first` the configuration that a search of the preset
begins with, epochs and batch size by the rows, and `packed` four members of 192 units, 24
frequencies and 16 outputs, sigma 0.25, dropout 0.05. `--choose` adds networks that are `first` but
for these decisions, hyperparameters, `units`, number of `layers` or `epochs`. All: Adam, one
thread. The validation rows are looked at after each epoch and choose nothing. Processor time is
that of the training, validation and compiling included.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.numbers import network_shape
from agebo_hpc.run.notation import read_settings
from agebo_hpc.space.by_rows import usual_of
from agebo_hpc.space.problem import preset
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot

FIRST = {"members": 2, "embedding": (16, 8), "categories": 8, "repeated": 64, "means": False}
PACKED = {**FIRST, "members": 4, "embedding": (24, 16)}
OF_V1 = {"batch_size": 256, "learning_rate": 0.003, "num_processes": 1}


def main() -> None:
    """Train each network with each seed; print a line for each, and all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", help="prepared data sets")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--networks", default="v1,first,packed")
    parser.add_argument("--choose", action="append", default=[], metavar="NAME=VALUE,...")
    asked = parser.parse_args()
    configure_tensorflow(Slot())
    names = [name for name in asked.networks.split(",") if name]
    rows = [
        train(path, name, int(seed))
        for path in asked.data
        for name in [*names, *asked.choose]
        for seed in asked.seeds.split(",")
    ]
    print(json.dumps(rows))


def described(path: str, name: str):
    """Return problem, architecture and hyperparameters of a network by its name."""
    problem = preset("v1" if name == "v1" else "tabular")
    space = problem.architecture
    if name == "v1":
        return problem, space.of_layers([(96, "relu")] * 4), OF_V1
    data = open_dataset(path)
    rows = data.num_rows["train"]
    problem = problem.for_data(rows, data.task)
    values = dict(problem.hyperparameters.defaults)
    if name == "packed":
        values |= {"sigma": 0.25, "dropout": 0.05}
        return problem, space.of_layers([(192, "relu")] * 3, **PACKED), values
    said = {} if name == "first" else read_settings(name.split(","))
    layers = [(said.pop("units", usual_of(rows).units), "relu")] * said.pop("layers", 3)
    recipe = replace(problem.recipe, epochs=said.pop("epochs", problem.recipe.epochs))
    chosen = {**FIRST, **{kind: said.pop(kind) for kind in FIRST if kind in said}}
    chosen["means"] = bool(chosen["means"])
    if isinstance(chosen["embedding"], str):
        chosen["embedding"] = tuple(map(int, chosen["embedding"].split("/")))
    return replace(problem, recipe=recipe), space.of_layers(layers, **chosen), {**values, **said}


def train(path: str, name: str, seed: int) -> dict[str, object]:
    """Train one network and score it on the test rows."""
    from agebo_hpc.training.data_parallel import SingleProcess
    from agebo_hpc.training.engine import Rows, TrainingPlan, evaluate_rows, train_network
    from agebo_hpc.training.metrics import make_task

    data = open_dataset(path)
    problem, architecture, values = described(path, name)
    space = problem.architecture
    graph = space.decode(architecture, *network_shape(data, space))
    plan = TrainingPlan.of(problem, graph, data.task, values, (seed, 0))
    parts = [
        Rows.of(part.x, part.y, part.codes if graph.num_codes else None)
        for part in (data.train, data.validation, data.test)
    ]
    began = time.process_time()
    trained = train_network(plan, *parts[:2], SingleProcess())
    seconds = round(time.process_time() - began, 1)
    metric = make_task(data.task, data.num_outputs).metric
    test = evaluate_rows(graph, trained.parameters, data.task, parts[2])[metric]
    found = {"data": Path(path).stem, "network": name, "seed": seed}
    found |= {"validation": trained.outcome.objective, "test": test}
    found |= {"seconds": seconds, "parameters": graph.num_parameters}
    found |= {"epochs": plan.recipe.epochs, "batch_size": values["batch_size"]}
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
