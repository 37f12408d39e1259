"""What one result costs on its way into a run directory, with and without the sync of the disk.

A history of many evaluations with curves of twenty epochs is written, one submission and one
result at a time, as a search does. The times are those of the last tenth, where it is longest.
Then ``history.h5`` is written and the directory opened again.

    python scripts/bench/bench_history.py --evaluations 10000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_history
from agebo_hpc.storage.run_directory import RunDirectory

NUM_VARIABLES = 37
METRICS = ("loss", "validation_loss", "validation_metric", "learning_rate", "seconds")


def make_result(number: int, epochs: int, rng: np.random.Generator) -> Result:
    """Return a result as a training gives it."""
    values = {
        "batch_size": int(rng.choice([32, 64, 128, 256, 512, 1024])),
        "learning_rate": float(rng.uniform(0.001, 0.1)),
        "num_processes": int(rng.choice([1, 2, 4, 8])),
    }
    architecture = tuple(rng.integers(31, size=NUM_VARIABLES).tolist())
    curve = [
        {"epoch": epoch, **dict(zip(METRICS, rng.random(len(METRICS)).tolist(), strict=True))}
        for epoch in range(1, epochs + 1)
    ]
    return Result(
        Evaluation(number, Configuration(architecture, values)),
        Status.DONE,
        objective=float(rng.random()),
        curve=tuple(curve),
        times={name: float(rng.random()) for name in ("queue", "build", "train", "validate")},
        submitted=1e9 + number,
        started=1e9 + number + 0.1,
        ended=1e9 + number + 60,
        ranks=(1, 2),
        host="node",
        num_parameters=50_000,
        peak_memory=1 << 29,
    )


def measure(folder: Path, durable: bool, options: argparse.Namespace) -> dict[str, float]:
    """Write a history and return its figures in milliseconds and seconds."""
    rng = np.random.default_rng(0)
    run = RunDirectory.create(folder / str(durable), {"search": {"method": "agebo"}})
    history = History.open(run, durable)
    history.session("start", {"slots": 8})
    results, submissions = [], []
    for number in range(options.evaluations):
        result = make_result(number, options.epochs, rng)
        began = time.perf_counter()
        history.submitted(result.evaluation)
        middle = time.perf_counter()
        history.append(result)
        submissions.append(middle - began)
        results.append(time.perf_counter() - middle)
    began = time.perf_counter()
    history.snapshot({}, force=True)
    written = time.perf_counter() - began
    history.close()
    began = time.perf_counter()
    History.open(RunDirectory.open(run.path)).close()
    opened = time.perf_counter() - began
    began = time.perf_counter()
    read_history(run.path)
    last = slice(-max(1, options.evaluations // 10), None)
    return {
        "submission_median_ms": 1e3 * float(np.median(submissions[last])),
        "result_median_ms": 1e3 * float(np.median(results[last])),
        "result_99_ms": 1e3 * float(np.quantile(results[last], 0.99)),
        "history_h5_seconds": written,
        "open_seconds": opened,
        "read_seconds": time.perf_counter() - began,
        "journal_mebibytes": run.journal_path.stat().st_size / 2**20,
    }


def main() -> None:
    """Measure both and print them side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20, help="length of each curve")
    parser.add_argument("--folder", help="where to write; a directory on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        without = measure(Path(name), False, options)
        synced = measure(Path(name), True, options)
    print(f"{options.evaluations} evaluations, {options.epochs} epochs each")
    print(f"{'':<24}{'without sync':>14}{'with sync':>14}")
    for key, value in without.items():
        print(f"{key:<24}{value:>14.3f}{synced[key]:>14.3f}")
    print(json.dumps({"without_sync": without, "with_sync": synced, **vars(options)}))


if __name__ == "__main__":
    main()
