"""What a child process for each evaluation costs, beside training in the rank itself.

    python scripts/bench/bench_isolation.py DATA.h5 [--processes 1,2,4] [--evaluations 6]
        [--epochs 3] [--batch-size 256] [--steps]

Each line is a real search: 1 manager and n trainer ranks, random networks, the same for every kind
of isolation. ``--steps`` adds the executor of job steps.

step        median over the evaluations of an epoch's time by its steps, the first epoch left out
epoch       the same of the seconds of an epoch
overhead    median of what an evaluation takes beside so many such epochs: processes, graphs, data
memory      largest resident memory of a training process
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.storage.reader import read_history

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "rank": ("--isolation", "rank"),
    "child": ("--isolation", "child"),
    "steps": ("--executor", "steps"),
}


def main() -> None:
    """Run the searches, print a table and one JSON line."""
    asked = arguments()
    kinds = [kind for kind in KINDS if kind != "steps" or asked.steps]
    keys = ("step", "epoch", "overhead")
    print(f"{'n':>3} {'isolation':10} {'step':>20} {'epoch':>20} {'overhead':>20} {'memory':>10}")
    rows = []
    for processes in asked.processes:
        first: dict[str, Any] = {}
        for kind in kinds:
            row = measure(search(asked, kind, processes), asked, processes)
            first = first or row
            ratios = {key: row[key] / first[key] for key in keys}
            cells = [f"{row[key]:.4f} s (x {ratios[key]:.2f})" for key in keys]
            print(
                f"{processes:3} {kind:10} {cells[0]:>20} {cells[1]:>20} {cells[2]:>20} "
                f"{row['memory_mib']:6.0f} MiB",
                flush=True,
            )
            rows.append({"processes": processes, "isolation": kind, **row, "ratios": ratios})
    print(json.dumps({"rows": rows}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--processes", type=numbers, default=[1, 2, 4])
    parser.add_argument("--evaluations", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", action="store_true")
    return parser.parse_args()


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def search(asked: argparse.Namespace, kind: str, processes: int) -> pd.DataFrame:
    """Return the history of one search."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        command = [sys.executable, "-m", "agebo_hpc", "search", asked.data.resolve(), "--out", out]
        if kind != "steps":
            command = [ROOT / "scripts" / "ranks.sh", processes + 1, *command]
        command += [*KINDS[kind], "--method", "random", "--seed", 1, "--processes", processes]
        command += ["--max-processes", processes, "--max-evals", asked.evaluations]
        command += ["--epochs", asked.epochs, "--fix", f"batch_size={asked.batch_size}"]
        command += ["--threads-per-slot", 1]
        words = [str(word) for word in command]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
        return read_history(out)


def measure(history: pd.DataFrame, asked: argparse.Namespace, processes: int) -> dict[str, float]:
    """Return the figures of a search."""
    shard = math.ceil(open_dataset(asked.data).num_rows["train"] / processes)
    steps = math.ceil(shard / asked.batch_size)
    unwell = history[history["status"] != "done"]
    if len(unwell):
        sys.exit(f"evaluation {unwell['evaluation_id'].iloc[0]}: {unwell['traceback'].iloc[0]}")
    # The first evaluation of a rank also loads what all others find loaded, and the first epoch
    # of an evaluation traces its graph.
    later = history.iloc[1:]
    epochs = later["curve"].map(lambda curve: [epoch["seconds"] for epoch in curve[1:]])
    usual = epochs.map(lambda seconds: float(pd.Series(seconds).median()))
    trained = later["seconds_train"] / (asked.epochs - 1)
    overhead = later["ended"] - later["started"] - usual * later["curve"].map(len)
    return {
        "step": float(trained.median() / steps),
        "epoch": float(usual.median()),
        "overhead": float(overhead.median()),
        "memory_mib": float(history["peak_memory"].max() / 2**20),
    }


if __name__ == "__main__":
    main()
