"""Networks chosen by hand, without a search: of the first paper, and of the preset `tabular`.

    python scripts/bench/bench_tabular.py DATA.h5 [--seeds 0,1,2] [--networks v1,tabular,packed]
        [--epochs 24]

`v1` is four dense layers of 96 units by the recipe of the first paper (20 epochs, rate reduced on
a plateau), `tabular` three of 256 units in two members behind an embedding of 16 frequencies and 8
outputs for each number, dropout 0.1, by the preset's recipe, and `packed` four members of 192
units, 24 frequencies and 16 outputs, sigma 0.25, dropout 0.05. All: Adam, rate 0.003, batches of
256, one thread. The validation rows are looked at after each epoch and choose nothing. Processor
time is that of the training, validation and compiling included.
"""

import argparse
import json
import os
import time
from dataclasses import replace

os.environ["OMP_NUM_THREADS"] = "1"

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.numbers import number_features
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.problem import Recipe, preset
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot

TABULAR = preset("tabular")
NETWORKS = {
    "v1": (ArchitectureSpace(), 4, (96, "relu"), {}, Recipe()),
    "tabular": (
        *(TABULAR.architecture, 3, (256, "relu"), {"members": 2, "embedding": (16, 8)}),
        replace(TABULAR.recipe, dropout=0.1, sigma=0.3),
    ),
    "packed": (
        *(TABULAR.architecture, 3, (192, "relu"), {"members": 4, "embedding": (24, 16)}),
        replace(TABULAR.recipe, dropout=0.05, sigma=0.25),
    ),
}


def main() -> None:
    """Train each network with each seed; print a line for each, and all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="prepared data set")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--epochs", type=int, default=24, help="of networks of the preset tabular")
    asked = parser.parse_args()
    configure_tensorflow(Slot())
    rows = [
        train(asked.data, name, int(seed), asked.epochs)
        for name in asked.networks.split(",")
        for seed in asked.seeds.split(",")
    ]
    print(json.dumps(rows))


def vector(
    space: ArchitectureSpace, number: int, layer: tuple[int, str], chosen: dict[str, object]
) -> Architecture:
    """Return the decisions for so many equal layers, without skips."""
    node = 1 + space.units.index(layer[0]) * len(space.activations)
    node += space.activations.index(layer[1])
    places = {f"node_{k + 1}": node for k in range(number)}
    if chosen:
        places["members"] = list(space.members).index(chosen["members"])
        places["embedding"] = list(space.embeddings).index(chosen["embedding"])
    return tuple(places.get(variable.name, 0) for variable in space.variables)


def train(path: str, name: str, seed: int, epochs: int) -> dict[str, object]:
    """Train one network and score it on the test rows."""
    from agebo_hpc.training.data_parallel import SingleProcess
    from agebo_hpc.training.engine import Rows, TrainingPlan, evaluate_rows, train_network
    from agebo_hpc.training.metrics import make_task

    data = open_dataset(path)
    space, number, layer, chosen, recipe = NETWORKS[name]
    recipe = replace(recipe, epochs=epochs) if chosen else recipe
    shape = data.input_widths, data.num_outputs, number_features(data)
    graph = space.decode(vector(space, number, layer, chosen), *shape)
    values = {"batch_size": 256, "learning_rate": 0.003, "num_processes": 1}
    plan = TrainingPlan(graph, data.task, values, recipe, seed=seed)
    parts = [Rows.of(part.x, part.y) for part in (data.train, data.validation, data.test)]
    began = time.process_time()
    trained = train_network(plan, *parts[:2], SingleProcess())
    seconds = round(time.process_time() - began, 1)
    metric = make_task(data.task, data.num_outputs).metric
    test = evaluate_rows(graph, trained.parameters, data.task, parts[2])[metric]
    found = {"network": name, "seed": seed, "validation": trained.metric, "test": test}
    print(found | {"seconds": seconds, "parameters": graph.num_parameters}, flush=True)
    return found | {"seconds": seconds, "parameters": graph.num_parameters}


if __name__ == "__main__":
    main()
