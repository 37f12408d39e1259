"""Part of `bench_training.py`: what an evaluation costs beside its epochs.

    python scripts/bench/bench_training_overhead.py DATA.h5 EVALUATIONS

The time of the epochs is that of the later ones for the first as well: what the first takes more
is tracing and the like, and counts as overhead.
"""

import json
import statistics
import sys
import time
from typing import Any

import numpy as np

from agebo_hpc.space.configuration import Configuration, Evaluation
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer
from agebo_hpc.training.trainer import Slot

EPOCHS = 4
BATCH_SIZES = (256, 512, 1024)


def main() -> None:
    """Run evaluations as a trainer rank does and print one JSON line."""
    problem = Problem(sys.argv[1], recipe=Recipe(epochs=EPOCHS, warmup_epochs=1))
    trainer = TensorFlowTrainer(problem, Slot(1))
    rng = np.random.default_rng(0)
    found = []
    # The first evaluation of a process sets up TensorFlow itself and is no example.
    for number in range(int(sys.argv[2]) + 1):
        hyperparameters = {
            "batch_size": int(rng.choice(BATCH_SIZES)),
            "learning_rate": 0.001,
            "num_processes": 1,
        }
        architecture = problem.architecture.random(rng)
        evaluation = Evaluation(number, Configuration(architecture, hyperparameters))
        found.append(overhead(trainer, evaluation))
    total, before = zip(*found[1:], strict=True)
    figures = {
        "overhead of an evaluation, median, s": statistics.median(total),
        "overhead of an evaluation, 99 %, s": float(np.quantile(total, 0.99)),
        "of it until the first step, median, s": statistics.median(before),
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def overhead(trainer: TensorFlowTrainer, evaluation: Evaluation) -> tuple[float, float]:
    """Return the seconds beside the epochs, and those of them before the first step."""
    ends = []

    def watch(record: Any = None) -> bool:
        if record is not None:
            ends.append(time.perf_counter())
        return False

    began = time.perf_counter()
    trainer.prepare(evaluation, seed=1).run(None, watch)
    trainer.clean()
    ended = time.perf_counter()
    epoch = statistics.median(b - a for a, b in zip(ends, ends[1:], strict=False))
    before = ends[0] - began - epoch
    return ended - began - EPOCHS * epoch, before


if __name__ == "__main__":
    main()
