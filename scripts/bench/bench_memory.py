"""Resident memory of a search's processes over hundreds of evaluations.

    python scripts/bench/bench_memory.py [DATA.h5] [--evaluations 300] [--ranks 2] [--processes 1]

Compares the memory after all evaluations with that after 50: of the manager, which keeps the
history, and of all trainers together. A process that kept every traced network would grow by 8 to
60 MiB with each of them.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from agebo_hpc.storage.reader import read_history

ROOT = Path(__file__).resolve().parents[2]
WINDOW = 10
"""Samples of so many evaluations around a point are summed up by their median."""


def main() -> None:
    """Run the search, sample its processes, print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=ROOT / "demo" / "nycflights13.h5")
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--ranks", type=int, default=2, help="manager included")
    parser.add_argument("--processes", default="1", help="n of the evaluations")
    asked = parser.parse_args()
    if not asked.data.is_file():
        parser.error(f"there is no data set {asked.data}; run `make demo` first or name another")
    with tempfile.TemporaryDirectory() as place:
        samples = sample_search(asked, Path(place) / "run")
    report(asked, samples)


def sample_search(asked: argparse.Namespace, run: Path) -> list[tuple[int, float, float]]:
    """Return (finished evaluations, MiB of the manager, MiB of the trainers), twice a second."""
    command = [ROOT / "scripts" / "ranks.sh", asked.ranks, sys.executable, "-m", "agebo_hpc"]
    command += ["search", asked.data, "--out", run, "--max-evals", asked.evaluations]
    command += ["--epochs", 1, "--fix", "batch_size=512", "--processes", asked.processes]
    samples = []
    with subprocess.Popen([str(word) for word in command], cwd=ROOT) as search:
        while search.poll() is None:
            time.sleep(0.5)
            memory = [rank.memory_info().rss / 2**20 for rank in ranks_below(search.pid)]
            if len(memory) == asked.ranks and (run / "journal.jsonl").exists():
                samples.append((len(read_history(run)), memory[0], sum(memory[1:])))
    return samples


def ranks_below(pid: int) -> list[psutil.Process]:
    """Return the Python processes that a launcher started, the first rank first."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        ranks = [process for process in below if "python" in process.name()]
        return sorted(ranks, key=lambda process: process.pid)
    except psutil.NoSuchProcess:
        return []


def report(asked: argparse.Namespace, samples: list[tuple[int, float, float]]) -> None:
    """Print the memory at some counts of evaluations, and ratios of the last to that at 50."""

    def around(count: int) -> tuple[float, ...]:
        near = [memory for number, *memory in samples if abs(number - count) <= WINDOW]
        kinds = zip(*near, strict=True) if near else ([math.nan], [math.nan])
        return tuple(statistics.median(kind) for kind in kinds)

    counts = sorted({*range(50, asked.evaluations + 1, 50), 50, asked.evaluations})
    found = {count: around(count) for count in counts}
    print(f"{'evaluations':>12} {'manager, MiB':>14} {'trainers, MiB':>14}")
    for count, memory in found.items():
        print(f"{count:12d}", *(f"{kind:14.0f}" for kind in memory))
    ends = zip(found[50], found[asked.evaluations], strict=True)
    manager, trainers = (round(last / first, 3) for first, last in ends)
    figures = {
        "ranks": asked.ranks,
        "processes": asked.processes,
        "mib": {count: [round(kind, 1) for kind in memory] for count, memory in found.items()},
        "manager_to_50": manager,
        "trainers_to_50": trainers,
    }
    print(f"ratios to that at 50: manager {manager}, trainers {trainers}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
