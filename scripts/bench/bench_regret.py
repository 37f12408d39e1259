"""Regret of Bayesian optimization with many workers: ours, scikit-optimize's and random search.

    python scripts/bench/bench_regret.py --data DIR [--seeds 20] [--evaluations 150]
        [--workers 8] [--methods ours,ours-ahead-1,ours-ahead-2,refit,skopt-10,skopt-100,random]
        [--problems fcnet/slice_localization,...] [--kappa 0.001] [--jobs 2]
        [--csv curves.csv] [--png curves.png]

DIR (or the environment variable AGEBO_BENCH_DATA) holds fcnet/ and lcbench-surrogate/. Workers
are simulated: an evaluation takes the time it took when it was really trained, and whoever ends
first gets the next proposal. All methods get the same random points at the start of a seed.

ours          the forest that is kept up to date, 10 trees
ours-ahead-L  the same, each proposal made without the L latest results
refit         a new scikit-optimize forest for each proposal, 10 trees, leaves of one sample
skopt-N       skopt.Optimizer, N trees, its own defaults, pending points told as the mean
random        draws from the priors
"""

import argparse
import heapq
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from regret_problems import Problem, available, problem
from scipy.stats import wilcoxon
from skopt import Optimizer
from skopt.space import Integer, Real
from skopt.space.space import Dimension
from skopt.utils import cook_estimator

from agebo_hpc.search.proposers import Proposer, RandomHyperparameters
from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates.bayesian import BayesianOptimizer
from agebo_hpc.search.surrogates.points import HyperparameterPoints
from agebo_hpc.search.surrogates.refit import RefittingOptimizer

METHODS = "ours,ours-ahead-1,ours-ahead-2,ours-ahead-4,refit,skopt-10,skopt-100,random"
Point = dict[str, Any]


class SkoptOptimizer(Proposer[Point]):
    """scikit-optimize's Optimizer as one asks it for one point while others are pending.

    It searches integers with a logarithmic prior as real numbers that are rounded: version 0.10
    clips such integers to the bounds before it takes the logarithm's inverse, so that each of its
    proposals would be the largest integer.
    """

    def __init__(self, task: Problem, seed: int, trees: int, kappa: float) -> None:
        self._space, self._seed, self._trees, self._kappa = task.space, seed, trees, kappa
        self._dimensions = [as_real(dimension) for dimension in task.space.dimensions]
        self._points: list[Point] = []
        self._objectives: list[float] = []

    def propose(self, evaluation_id: int, pending: Mapping[int, Point]) -> Point:
        """Fit to the observations and the pending points' lies; ask for one point."""
        seed = self._seed * 10_000 + evaluation_id
        optimizer = Optimizer(
            self._dimensions,
            base_estimator=cook_estimator("RF", n_estimators=self._trees, random_state=seed),
            n_initial_points=1,
            acq_func="LCB",
            acq_func_kwargs={"kappa": self._kappa},
            random_state=seed,
        )
        names, objectives = self._space.names, self._objectives
        points = [*self._points, *pending.values()]
        lies = [float(np.mean(objectives))] * len(pending)
        values = [-value for value in [*objectives, *lies]]
        optimizer.tell([[point[name] for name in names] for point in points], values)
        asked = map(plain, optimizer.ask())
        return {
            dimension.name: round(value) if isinstance(dimension, Integer) else value
            for dimension, value in zip(self._space.dimensions, asked, strict=True)
        }

    def learn(self, evaluation_id: int, value: Point, objective: float | None) -> None:
        """Add an observation."""
        assert objective is not None
        self._points.append(value)
        self._objectives.append(objective)

    def state(self) -> dict[str, Any]:
        """Return the observations."""
        return {"points": list(self._points), "objectives": list(self._objectives)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over observations."""
        self._points, self._objectives = list(state["points"]), list(state["objectives"])


def as_real(dimension: Dimension) -> Dimension:
    """Return an integer dimension with a logarithmic prior as a real one, others as they are."""
    if isinstance(dimension, Integer) and dimension.prior == "log-uniform":
        return Real(dimension.low, dimension.high, prior=dimension.prior, name=dimension.name)
    return dimension


def plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def build(method: str, task: Problem, seed: int, asked: argparse.Namespace) -> Proposer[Point]:
    """Return a proposer by the name of its method."""
    name, _, number = method.partition("-")
    points, settings = HyperparameterPoints(task.space), BayesianSettings(kappa=asked.kappa)
    match name:
        case "ours":
            return BayesianOptimizer(points, seed, asked.workers, settings)
        case "refit":
            return RefittingOptimizer(points, seed, asked.workers, settings)
        case "skopt":
            return SkoptOptimizer(task, seed, int(number), asked.kappa)
        case "random":
            return RandomHyperparameters(task.space, seed)
    sys.exit(f"There is no method {method}; choose among {METHODS}.")


def run(method: str, name: str, seed: int, asked: argparse.Namespace) -> list[float]:
    """Return the smallest regret so far after each evaluation, in order of completion."""
    task = problem(asked.data, name)
    proposer = build(method, task, seed, asked)
    ahead = int(method.rpartition("-ahead-")[2]) if "-ahead-" in method else 0
    first = BayesianOptimizer(HyperparameterPoints(task.space), seed, asked.workers)
    pending: dict[int, Point] = {}
    running: list[tuple[float, int, float]] = []
    ended: list[tuple[int, float]] = []

    def submit(number: int, now: float) -> None:
        early = number < asked.workers or not ended[: len(ended) - ahead]
        pending[number] = (first if early else proposer).propose(number, pending)
        objective, seconds = task.evaluate(pending[number])
        heapq.heappush(running, (now + seconds, number, objective))

    for number in range(asked.workers):
        submit(number, 0.0)
    for number in range(asked.workers, asked.evaluations + asked.workers):
        now, finished, objective = heapq.heappop(running)
        ended.append((finished, objective))
        if len(ended) > ahead:
            known, value = ended[len(ended) - 1 - ahead]
            proposer.learn(known, pending.pop(known), value)
        submit(number, now)
    best = np.maximum.accumulate([objective for _, objective in ended])
    return (task.best - best).tolist()


def main() -> None:
    """Run all, print the tables and one JSON line."""
    asked = arguments()
    names = asked.problems or available(asked.data)
    if not names:
        print(
            f"skipped: {asked.data} holds neither fcnet/ nor lcbench-surrogate/; give --data DIR"
        )
        print(json.dumps({"skipped": True}))
        return
    jobs = list(product(names, range(asked.seeds), asked.methods))
    rows = []
    with ProcessPoolExecutor(asked.jobs) as executor:
        done = executor.map(one, [(method, name, seed, asked) for name, seed, method in jobs])
        for job, curve in zip(jobs, done, strict=True):
            rows.append((*job, *curve))
            if not len(rows) % 50:
                print(f"{len(rows)} of {len(jobs)} runs", file=sys.stderr, flush=True)
    columns = ["problem", "seed", "method", *range(1, asked.evaluations + 1)]
    curves = pd.DataFrame(rows, columns=columns).set_index(columns[:3])
    # LCBench's best is that of a sample: a search may find better.
    lowest = curves.groupby("problem").min().min(axis=1).clip(upper=0)
    curves = curves.sub(
        lowest.reindex(curves.index.get_level_values("problem")).to_numpy(), axis=0
    )
    figures = summary(curves)
    show(figures)
    if asked.csv:
        curves.to_csv(asked.csv)
    if asked.png:
        draw(curves, asked.png)
    print(json.dumps({**figures, "options": {k: str(v) for k, v in vars(asked).items()}}))


def one(job: tuple[str, str, int, argparse.Namespace]) -> list[float]:
    # scikit-optimize takes a random point in place of a known one and warns each time.
    warnings.filterwarnings("ignore", "The objective has been evaluated", UserWarning)
    return run(*job)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("AGEBO_BENCH_DATA", "."))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--methods", type=words, default=METHODS)
    parser.add_argument("--problems", type=words, default=[])
    parser.add_argument("--kappa", type=float, default=0.001)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--csv", type=Path, help="write the regret after each evaluation")
    parser.add_argument("--png", type=Path, help="draw the median regret; needs matplotlib")
    asked = parser.parse_args()
    asked.data = Path(asked.data)
    return asked


def words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def summary(curves: pd.DataFrame) -> dict[str, Any]:
    """Return median final regrets, normalised ranks and tests of the first method against others.

    A rank is 0 for the best and 1 for the worst of the methods on a problem and seed. The tests
    are Wilcoxon's signed-rank tests over problems and seeds, on the difference of the regrets
    in units of their problem's spread.
    """
    final = curves.iloc[:, -1].unstack("method")
    final = final[list(dict.fromkeys(curves.index.get_level_values("method")))]
    medians = final.groupby("problem").median()
    ranks = (final.rank(axis=1) - 1) / max(1, final.shape[1] - 1)
    spread = final.stack().groupby("problem").std()
    scaled = final.div(spread.reindex(final.index.get_level_values("problem")).to_numpy(), axis=0)
    tests = {}
    for other in final.columns[1:]:
        difference = scaled[final.columns[0]] - scaled[other]
        tests[other] = {
            "better": int((difference < 0).sum()),
            "equal": int((difference == 0).sum()),
            "worse": int((difference > 0).sum()),
            "p": float(wilcoxon(difference).pvalue) if difference.any() else 1.0,
        }
    return {
        "median_final_regret": medians.T.to_dict(),
        "mean_rank": ranks.mean().to_dict(),
        "first": final.columns[0],
        "against": tests,
    }


def show(figures: Mapping[str, Any]) -> None:
    """Print the tables."""
    methods = list(figures["mean_rank"])
    print(" " * 34 + "".join(f"{method:>13}" for method in methods))
    for name, line in figures["median_final_regret"].items():
        print(f"{name:34}" + "".join(f"{line[method]:13.4g}" for method in methods))
    print(
        f"{'mean rank, 0 best to 1 worst':34}"
        + "".join(f"{figures['mean_rank'][method]:13.3f}" for method in methods)
    )
    for other, test in figures["against"].items():
        print(
            f"{figures['first']} against {other}: better {test['better']}, equal {test['equal']}, "
            f"worse {test['worse']}; Wilcoxon p = {test['p']:.3g}"
        )


def draw(curves: pd.DataFrame, path: Path) -> None:
    """Draw the median regret of each method, a panel for each problem."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    medians = curves.groupby(["problem", "method"], sort=False).median()
    names = list(dict.fromkeys(medians.index.get_level_values("problem")))
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(5 * columns, 3.5 * rows), squeeze=False)
    for name, axis in zip(names, panels(axes), strict=False):
        for method, line in medians.loc[name].iterrows():
            axis.plot(line.index, line.to_numpy(), label=method)
        axis.set(title=name, xlabel="evaluations", ylabel="median regret", yscale="log")
    axes[0][0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def panels(axes: np.ndarray) -> Iterator[Any]:
    yield from axes.ravel()


if __name__ == "__main__":
    main()
