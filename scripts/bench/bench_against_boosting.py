"""A searched network and an ensemble beside gradient boosting: test score and rows per second.

All see the same split of a prepared data set. A search of `--walltime` seconds on `--ranks` ranks
(or one that is there, `--run`) gives the networks; the trees are LightGBM (extra ``bench``) and
scikit-learn's HistGradientBoosting with their default settings, and the latter once more with
settings drawn at random for as long as the search and the training of the best network took
together, the best on the validation part. All trees end up trained on training and validation
rows together, and so does one of the networks. Text columns reach the trees encoded as the
networks get them.

    python scripts/bench/bench_against_boosting.py DATA.h5
    python scripts/bench/bench_against_boosting.py DATA.h5 --walltime 60 --tune 30
    python scripts/bench/bench_against_boosting.py DATA.h5 --run RUN
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agebo_hpc.experiments.boosting import boosters, tuned_booster

RANKS = Path(__file__).parents[1] / "ranks.sh"
Row = dict[str, Any]


def main() -> None:
    """Train all, print one row for each, and one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="prepared data set")
    parser.add_argument("--run", type=Path, help="a finished search of this data set")
    parser.add_argument("--walltime", type=float, default=600, help="seconds of a new search")
    parser.add_argument("--ranks", type=int, default=3, help="of it; 1: without mpirun")
    parser.add_argument("--epochs", type=int, default=20, help="of its trainings")
    parser.add_argument("--size", type=int, default=10, help="candidates of the ensemble")
    parser.add_argument("--tune", type=float, help="seconds for the trees; 0: none")
    parser.add_argument("--seed", type=int, default=42)
    asked = parser.parse_args()
    if not asked.data.is_file():
        parser.error(f"there is no data set {asked.data}; make one with `agebo-hpc data prepare`")
    if find_spec("lightgbm") is None:
        parser.error("LightGBM is not installed; `pip install 'agebo_hpc[bench]'`")
    with tempfile.TemporaryDirectory() as own:
        home = Path(own)
        run = asked.run or search(asked, home / "run")
        stands = json.loads(agebo("status", run, "--json"))
        size = min(asked.size, stands["counts"]["done"])
        rows = list(networks(run, asked.data, size, home))
    budget = stands["seconds"] + rows[0]["seconds"] if asked.tune is None else asked.tune
    rows += boosters(asked.data, asked.seed)
    if budget > 0:
        rows.append(tuned_booster(asked.data, asked.seed, budget))
    print(f"{'model':<40}{rows[0]['metric']:>10}{'fit s':>9}{'rows/s':>12}")
    for row in rows:
        print(
            f"{row['model']:<40}{row['score']:>10.5f}{row['seconds']:>9.1f}"
            f"{row['rows_per_second']:>12,.0f}"
        )
    facts = {
        "data": str(asked.data),
        "search_seconds": stands["seconds"],
        "evaluations": stands["counts"]["done"],
        "cores": len(os.sched_getaffinity(0)),
    }
    print(json.dumps({**facts, "results": rows}))


def search(asked: argparse.Namespace, run: Path) -> Path:
    """Search for as long as was asked; its population suits a few dozen evaluations."""
    launch = [str(RANKS), str(asked.ranks)] if asked.ranks > 1 else []
    words = [
        *("search", asked.data, "--out", run, "--max-time", f"{asked.walltime}s"),
        *("--seed", asked.seed, "--epochs", asked.epochs),
        *("--population", 20, "--sample-size", 5, "--max-processes", max(1, asked.ranks - 1)),
    ]
    agebo(*words, *(() if launch else ("--processes", 1)), launch=launch)
    return run


def agebo(*words: object, launch: list[str] | None = None) -> str:
    """Run a command of agebo-hpc and return what it printed."""
    command = [*(launch or []), sys.executable, "-m", "agebo_hpc", *map(str, words)]
    # mpirun lies beside this Python where it came with the environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = {**os.environ, "PATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def networks(run: Path, data: Path, size: int, home: Path) -> Iterator[Row]:
    """Give the rows of the best network, trained in two ways, and of the ensemble."""
    calls: dict[str, tuple[object, ...]] = {
        "network": ("retrain",),
        "network, validation rows too": ("retrain", "--include-validation"),
        f"ensemble of up to {size}": ("ensemble", "--size", size),
    }
    for number, (name, (command, *options)) in enumerate(calls.items()):
        place = ("--data", data, "--out", home / str(number), "--json")
        told = json.loads(agebo(command, run, *options, *place))
        metric = "accuracy" if "accuracy" in told["scores"]["test"] else "r2"
        yield {
            "model": name,
            "metric": metric,
            "score": told["scores"]["test"][metric],
            "seconds": told["seconds"],
            "rows_per_second": told["scores"]["rows_per_second"],
        }


if __name__ == "__main__":
    main()
