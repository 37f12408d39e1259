"""What a checkpoint costs, beside the training between two of them.

    python scripts/bench/bench_checkpoints.py [--parameters 100000] [--seconds 5] [--repeats 20]
        [--place DIRECTORY]

One network of about so many parameters is trained for an epoch with each optimizer. Then its state
goes out, out of TensorFlow and to the disk, synced, and in again.

out       seconds from the end of the epoch until the file is durable
in        seconds from the file until the training could go on
size      bytes of the file
share     out and in together, of a rung of --seconds
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.storage.checkpoints import CheckpointFiles
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, never_stop, train_network
from agebo_hpc.training.optimizer import OPTIMIZERS
from agebo_hpc.training.programs import Programs
from agebo_hpc.training.training_state import TrainingState

NUM_FEATURES, NUM_CLASSES = 50, 7


def main() -> None:
    """Measure, print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parameters", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a rung")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--place", type=Path, help="where files are written; else for a while")
    asked = parser.parse_args()
    print(f"{'optimizer':10} {'parameters':>10} {'size':>10} {'out':>10} {'in':>10} {'share':>8}")
    rows = []
    with tempfile.TemporaryDirectory(dir=asked.place) as place:
        for name in OPTIMIZERS:
            row = measure(name, asked, CheckpointFiles(Path(place)))
            rows.append(row)
            print(
                f"{name:10} {row['parameters']:10,} {row['size']:10,} {1e3 * row['out']:7.1f} ms "
                f"{1e3 * row['in']:7.1f} ms {row['share']:8.2%}",
                flush=True,
            )
    print(json.dumps({"rows": rows}))


def measure(optimizer: str, asked: argparse.Namespace, files: CheckpointFiles) -> dict[str, float]:
    """Return the medians of one optimizer."""
    plan = plan_of(optimizer, asked.parameters)
    programs = Programs()
    group, rows = SingleProcess(), table(1000)
    trained = train_network(plan, rows, rows, group, never_stop, programs, 1)
    state = trained.state
    assert state is not None
    # The variables that a state is taken from and put into.
    [program] = programs._kept
    out, back = [], []
    for _ in range(asked.repeats):
        began = time.perf_counter()
        optimizer_state, scale = program.state()
        now = TrainingState(1, optimizer_state, scale, state.schedule, state.best, state.curve)
        files.write(0, 1, now.to_bytes(plan.key))
        written = time.perf_counter()
        found = files.read(0, 1)
        assert found is not None
        read = TrainingState.from_bytes(found, plan.key)
        program.load_state(read.optimizer, read.loss_scale)
        back.append(time.perf_counter() - written)
        out.append(written - began)
    size = files.place(0, 1).stat().st_size
    costs = {"out": median(out), "in": median(back)}
    share = sum(costs.values()) / asked.seconds
    named = {"optimizer": optimizer, "parameters": plan.graph.num_parameters, "size": size}
    return {**named, **costs, "share": share}


def plan_of(optimizer: str, num_parameters: int) -> TrainingPlan:
    """Return the training of the random network that is nearest to so many parameters."""
    space, rng = ArchitectureSpace(num_nodes=10), np.random.default_rng(0)
    graphs = [space.decode(space.random(rng), NUM_FEATURES, NUM_CLASSES) for _ in range(300)]
    graph = min(graphs, key=lambda graph: abs(graph.num_parameters - num_parameters))
    chosen = {"batch_size": 256, "learning_rate": 0.001, "num_processes": 1}
    recipe = Recipe(epochs=4, warmup_epochs=1, optimizer=optimizer)
    return TrainingPlan(graph, "classification", chosen, recipe, keep_best=True)


def table(num_rows: int) -> Rows:
    """Return rows of noise."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(num_rows, NUM_FEATURES)).astype(np.float32)
    return Rows.of(x, rng.integers(NUM_CLASSES, size=num_rows).astype(np.int32))


if __name__ == "__main__":
    main()
