"""Time of a proposal: the forest that is kept up to date against scikit-optimize's Optimizer.

    python scripts/bench/bench_bo.py [--sizes 100,500,2000,10000,100000] [--asks 1,8,32]
        [--cycles 100] [--trees 10,100] [--skopt-up-to 2000] [--skopt-cycles 5]

The space is the paper's (batch size, learning rate, number of processes). A cycle tells the k
results of the cycle before and asks for k points one after the other; each knows those before
it by lies (the mean). For scikit-optimize that is `tell` of k points and
`ask(k, strategy="cl_mean")`. All cycles of a series count, those in which trees are regrown or
candidates drawn anew among them.
"""

import argparse
import gc
import json
import math
import resource
import time
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
from skopt import Optimizer
from skopt.utils import cook_estimator

from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates.bayesian import BayesianOptimizer
from agebo_hpc.search.surrogates.points import HyperparameterPoints
from agebo_hpc.space.problem import v1_hyperparameters

SPACE = v1_hyperparameters()
Figures = dict[str, float]


def main() -> None:
    """Time every size and number of points; print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=numbers, default="100,500,2000,10000,100000")
    parser.add_argument("--asks", type=numbers, default="1,8,32", help="k, points in a cycle")
    parser.add_argument("--cycles", type=int, default=100, help="of ours, for each size and k")
    parser.add_argument("--trees", type=numbers, default="10,100", help="of scikit-optimize")
    parser.add_argument("--skopt-up-to", type=int, default=2000, help="observations")
    parser.add_argument("--skopt-cycles", type=int, default=5, help="for each size and k")
    asked = parser.parse_args()
    print(f"{'observed':>8} {'k':>3} {'':16} {'mean':>9} {'median':>9} {'worst':>9} ms, ratio")
    rows = []
    for size in asked.sizes:
        for k in asked.asks:
            ours = summary(cycles(our_cycle(size, k), asked.cycles))
            rows.append(report(size, k, "kept forest, 10", ours, ours))
            for trees in asked.trees if size <= asked.skopt_up_to else ():
                theirs = summary(cycles(skopt_cycle(size, k, trees), asked.skopt_cycles))
                rows.append(report(size, k, f"skopt, {trees}", theirs, ours))
    states = [state_figures(size) for size in asked.sizes]
    print(json.dumps({"cycles": rows, "states": states}))


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def objective(point: dict[str, float]) -> float:
    """Best at a learning rate of 0.004 and a batch of 100, smooth elsewhere."""
    rate = abs(math.log(point["learning_rate"] / 0.004))
    return -rate - 0.1 * abs(math.log(point["batch_size"] / 100))


def filled(size: int) -> BayesianOptimizer:
    """Return our optimizer with so many random observations."""
    optimizer = BayesianOptimizer(HyperparameterPoints(SPACE), 1, 1, BayesianSettings())
    for number, point in enumerate(SPACE.sample(size, np.random.default_rng(0))):
        optimizer.learn(number, point, objective(point))
    return optimizer


def our_cycle(size: int, k: int) -> Iterator[float]:
    """Yield the seconds of each cycle; the first one, which grows all trees, comes before."""
    optimizer, ids, pending = filled(size), count(size), {}

    def ask() -> None:
        for number, _ in zip(ids, range(k), strict=False):
            pending[number] = optimizer.propose(number, pending)

    ask()
    while True:
        results = [(number, point, objective(point)) for number, point in pending.items()]
        pending.clear()
        started = time.perf_counter()
        for result in results:
            optimizer.learn(*result)
        ask()
        yield time.perf_counter() - started


def skopt_cycle(size: int, k: int, trees: int) -> Iterator[float]:
    """Yield the seconds of each cycle of scikit-optimize with its own defaults for forests."""
    optimizer = Optimizer(
        SPACE.dimensions,
        base_estimator=cook_estimator("RF", n_estimators=trees, random_state=1),
        n_initial_points=1,
        acq_func="LCB",
        acq_func_kwargs={"kappa": 0.001},
        random_state=1,
    )
    points = SPACE.sample(size, np.random.default_rng(0))
    names = SPACE.names
    optimizer.tell([[p[name] for name in names] for p in points], [-objective(p) for p in points])
    asked = optimizer.ask(k, strategy="cl_mean")
    while True:
        values = [-objective(dict(zip(names, point, strict=True))) for point in asked]
        started = time.perf_counter()
        optimizer.tell(asked, values)
        asked = optimizer.ask(k, strategy="cl_mean")
        yield time.perf_counter() - started


def cycles(series: Iterator[float], number: int) -> list[float]:
    gc.collect()
    return [next(series) for _ in range(number)]


def summary(seconds: list[float]) -> Figures:
    """Return mean, median and worst in milliseconds."""
    of: dict[str, Callable[[list[float]], float]] = {
        "mean": np.mean,
        "median": np.median,
        "worst": max,
    }
    return {name: round(1000 * float(function(seconds)), 3) for name, function in of.items()}


def report(size: int, k: int, name: str, figures: Figures, ours: Figures) -> dict[str, object]:
    """Print one line; return its figures with the ratios of mean, median and worst to ours."""
    ratios = {key: round(figures[key] / ours[key], 1) for key in figures}
    times = " ".join(f"{value:9.2f}" for value in figures.values())
    print(f"{size:8d} {k:3d} {name:16} {times}  x {ratios['mean']:.1f}", flush=True)
    return {"observations": size, "k": k, "optimizer": name, "ms": figures, "ratio": ratios}


def state_figures(size: int) -> dict[str, float]:
    """Print and return what saving and restoring cost, and the memory of the process so far."""
    optimizer, pending = filled(size), {}
    for number in range(size, size + 8):
        pending[number] = optimizer.propose(number, pending)
    started = time.perf_counter()
    text = json.dumps(optimizer.state())
    saved = time.perf_counter()
    restored = BayesianOptimizer(HyperparameterPoints(SPACE), 1, 1, BayesianSettings())
    restored.load_state(json.loads(text))
    figures = {
        "observations": size,
        "state_mib": round(len(text) / 2**20, 3),
        "save_ms": round(1000 * (saved - started), 1),
        "load_ms": round(1000 * (time.perf_counter() - saved), 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return figures


if __name__ == "__main__":
    main()
