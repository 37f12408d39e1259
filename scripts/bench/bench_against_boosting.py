"""A searched network and an ensemble beside gradient boosting: test score and rows per second.

All see the same split of a prepared data set. The boosted trees run with their default settings,
LightGBM (extra ``bench``) and scikit-learn's HistGradientBoosting, trained on training and
validation rows together; what is left of the search's time they do not need. Text columns reach
them encoded as the networks get them.

    python scripts/bench/bench_against_boosting.py DATA.h5 --run RUN
    python scripts/bench/bench_against_boosting.py DATA.h5 --walltime 600
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agebo_hpc.experiments.boosting import boosters


def main() -> None:
    """Train all, print one row for each, and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=Path, help="a finished search of this data set")
    parser.add_argument("--walltime", type=float, default=600, help="seconds of a new search")
    parser.add_argument("--size", type=int, default=10, help="candidates of the ensemble")
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        home = Path(own)
        run, searched = arguments.run, None
        if run is None:
            run = home / "run"
            began = time.perf_counter()
            agebo(
                "search", arguments.data, "--out", run, "--max-time", f"{arguments.walltime}s",
                "--seed", arguments.seed, "--executor", "serial", "--processes", "1",
            )  # fmt: skip
            searched = time.perf_counter() - began
        rows = networks(run, arguments.data, arguments.size, home)
        rows += boosters(arguments.data, arguments.seed)
    metric = next(iter(rows))["metric"]
    print(f"{'model':<28}{metric:>12}{'fit s':>10}{'rows/s':>14}")
    for row in rows:
        print(f"{row['model']:<28}{row['score']:>12.5f}{row['seconds']:>10.1f}", end="")
        print(f"{row['rows_per_second']:>14,.0f}")
    print(
        json.dumps(
            {
                "data": str(arguments.data),
                "search_seconds": searched,
                "cores": len(os.sched_getaffinity(0)),
                "results": rows,
            }
        )
    )


def agebo(*words: object) -> str:
    """Run a command of agebo-hpc and return what it printed."""
    command = [sys.executable, "-m", "agebo_hpc", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def networks(run: Path, data: Path, size: int, home: Path) -> list[dict[str, Any]]:
    """Return the rows of the single network and of the ensemble."""
    rows = []
    size = min(size, json.loads(agebo("status", run, "--json"))["counts"]["done"])
    calls = {
        "single network": ("retrain", run, "--out", home / "single"),
        f"ensemble of up to {size}": ("ensemble", run, "--size", size, "--out", home / "many"),
    }
    for name, words in calls.items():
        told = json.loads(agebo(*words, "--data", data, "--json"))
        metric = "accuracy" if "accuracy" in told["scores"]["test"] else "r2"
        rows.append(
            {
                "model": name,
                "metric": metric,
                "score": told["scores"]["test"][metric],
                "seconds": told["seconds"],
                "rows_per_second": told["scores"]["rows_per_second"],
            }
        )
    return rows


if __name__ == "__main__":
    main()
