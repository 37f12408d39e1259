"""How many random points a search with few workers begins with: the papers' W, or more.

    python scripts/bench/bench_initial_points.py --data DIR [--workers 1,4] [--points 0,5,10]
        [--evaluations 50,100] [--seeds 20] [--jobs 2]

DIR (or the environment variable AGEBO_BENCH_DATA) holds fcnet/ and lcbench-surrogate/; recorded
tables are those of scripts/tables. Whole AgEBO searches, P = 20 and S = 5: an evaluation takes the
time it took when it was really trained, and whoever ends first gets the next proposal. 0 points
are as many as there are workers. The share of searches that end above the same seed's with W
points counts ties half; p is Wilcoxon's for the pairs of all tables, each in its own spread. The
worst of a table's searches shows the ones that never left where they began.
"""

import argparse
import heapq
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from agebo_hpc.search.methods import make_search
from agebo_hpc.search.search import Search
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.simulation.registry import parse_simulation
from agebo_hpc.simulation.simulation import Simulation
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.problem import Problem

FCNET = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
LCBENCH = ("covertype", "airlines", "albert", "dionis")
RECORDED = Path(__file__).parent.parent / "tables"


def available(directory: Path) -> dict[str, str]:
    """Return the tables that are there: what `parse_simulation` reads, by name."""
    found = {}
    fcnet, lcbench = directory / "fcnet" / "fcnet.parquet", directory / "lcbench-surrogate"
    if fcnet.is_file():
        found.update({f"fcnet/{name}": f"fcnet:{fcnet}:{name}" for name in FCNET})
    if lcbench.is_dir():
        found.update({f"lcbench/{name}": f"lcbench:{lcbench}:{name}" for name in LCBENCH})
    for path in sorted(RECORDED.glob("*.parquet")):
        found[f"recorded/{path.stem}"] = f"recorded:{path}"
    return found


def search(job: tuple[str, int, int, int, int]) -> np.ndarray:
    """Return the best objective so far after each evaluation, in order of completion."""
    words, workers, points, seed, num_evaluations = job
    table = parse_simulation(words)
    problem = table.problem(Problem())
    settings = SearchSettings(seed, points or workers, population_size=20, sample_size=5)
    method = make_search("agebo", problem.architecture, problem.hyperparameters, settings)
    running: list[tuple] = []
    ended: list[float] = []
    for _ in range(workers):
        start(method, table, seed, 0.0, running)
    while len(ended) < num_evaluations:
        now, _, evaluation, objective = heapq.heappop(running)
        ended.append(objective)
        method.tell([Result(evaluation, Status.DONE, objective)])
        start(method, table, seed, now, running)
    return np.maximum.accumulate(ended)


def start(method: Search, table: Simulation, seed: int, now: float, running: list[tuple]) -> None:
    """Ask for one evaluation and put it among those that run, by the time when it ends."""
    (evaluation,) = method.ask()
    trained = table.simulate(evaluation, seed)
    heapq.heappush(running, (now + trained.seconds, evaluation.id, evaluation, trained.objective))


def main() -> None:
    """Run all, print the tables and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("AGEBO_BENCH_DATA", "."))
    parser.add_argument("--workers", type=numbers, default="1,4")
    parser.add_argument("--points", type=numbers, default="0,5,10")
    parser.add_argument("--evaluations", type=numbers, default="50,100")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--tables", default="", help="Only those whose names begin so.")
    asked = parser.parse_args()
    found = available(asked.data)
    tables = [name for name in found if name.startswith(asked.tables)]
    cases = list(product(tables, asked.workers, asked.points, range(1, asked.seeds + 1)))
    jobs = [(found[table], *case, max(asked.evaluations)) for table, *case in cases]
    rows = []
    with ProcessPoolExecutor(asked.jobs) as executor:
        for case, curve in zip(cases, executor.map(search, jobs), strict=True):
            rows.append((*case, *(curve[n - 1] for n in asked.evaluations)))
            if not len(rows) % 100:
                print(f"{len(rows)} of {len(jobs)} searches", file=sys.stderr, flush=True)
    columns = ["table", "workers", "points", "seed", *asked.evaluations]
    ended = pd.DataFrame(rows, columns=columns).set_index(columns[:4]).stack()
    ended.index.names = [*columns[:4], "evaluations"]
    show(ended)


def show(ended: pd.Series) -> None:
    """Print medians and worst by table, each number of points against W, one JSON line."""
    groups = ended.groupby(["table", "evaluations", "workers", "points"])
    both = pd.concat({"median": groups.median(), "worst": groups.min()}, axis=1)
    print(both.unstack("points").round(4).to_string())
    figures = []
    for (workers, evaluations), part in ended.groupby(["workers", "evaluations"]):
        part = part.droplevel(["workers", "evaluations"]).unstack("points")
        for points in part.columns[part.columns > 0]:
            gain = part[points] - part[0]
            scaled = gain / part.groupby("table").transform("std").max(axis=1)
            share = float((gain > 0).mean() + (gain == 0).mean() / 2)
            p = float(wilcoxon(scaled).pvalue)
            figures.append([workers, evaluations, int(points), round(share, 3), p])
            print(
                f"{workers} workers, {evaluations} evaluations, {points} points: above W points "
                f"in {share:.0%} of {len(gain)} pairs, p = {p:.2g}"
            )
    print(json.dumps({"workers_evaluations_points_share_p": figures}))


def numbers(text: str) -> list[int]:
    """Read numbers with commas between."""
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
