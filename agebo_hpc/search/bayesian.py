"""Asynchronous Bayesian optimization of the hyperparameters (paper, section 3.2).

A random forest models the negative objective; the next point is the candidate with the smallest
lower confidence bound, mean - kappa * standard deviation. Points that are being evaluated are
known to the forest with an invented objective, the lie. Forest and acquisition function are
scikit-optimize's. There is no state but the observations: each proposal fits a new forest from
the generator of its evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from skopt.acquisition import gaussian_lcb
from skopt.learning import RandomForestRegressor

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.points import PointSpace
from agebo_hpc.search.proposers import Proposer, Value

LIES: dict[str, Callable[[np.ndarray], Any]] = {"mean": np.mean, "min": np.min, "max": np.max}
"""The objective told for a pending point, from the objectives seen: ``mean`` (the paper's text),
``min`` (the worst, another passage of it), ``max`` (the best; the authors' code)."""


@dataclass(frozen=True)
class BayesianSettings:
    """How the surrogate and its acquisition work.

    Attributes
    ----------
    kappa
        Weight of the standard deviation in the bound, >= 0; small exploits.
    lie
        A key of `LIES`.
    num_trees
        Of the forest, >= 1; leaves hold one sample.
    num_candidates
        Points drawn to minimise the bound over, >= 1.
    """

    kappa: float = 0.001
    lie: str = "mean"
    num_trees: int = 10
    num_candidates: int = 10_000


class BayesianOptimizer(Proposer[Value]):
    """Proposes points by Bayesian optimization.

    Parameters
    ----------
    space
        Its tuned dimensions are searched.
    seed
        Of the search.
    num_initial
        W: the first W evaluations get random points.
    settings
        Of surrogate and acquisition.
    """

    def __init__(
        self,
        space: PointSpace[Value],
        seed: int,
        num_initial: int,
        settings: BayesianSettings | None = None,
    ) -> None:
        self._space = space
        self._seed = seed
        self._num_initial = num_initial
        self._settings = settings or BayesianSettings()
        self._points: list[Value] = []
        self._objectives: list[float | None] = []

    def propose(self, evaluation_id: int, pending: Mapping[int, Value]) -> Value:
        """Return the candidate with the smallest lower confidence bound."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS)
        objectives = finite_objectives(self._objectives)
        uninformed = evaluation_id < self._num_initial or not len(objectives)
        if uninformed or not self._space.num_dimensions:
            return self._space.point(self._space.sample_columns(1, rng), 0)
        forest = self._fit(objectives, list(pending.values()), rng)
        candidates = self._space.sample_columns(self._settings.num_candidates, rng)
        bound = gaussian_lcb(self._space.encode(candidates), forest, self._settings.kappa)
        return self._space.point(candidates, _argmin_at_random(bound, rng))

    def learn(self, value: Value, objective: float | None) -> None:
        """Add an observation; None stands for a failure."""
        self._points.append(value)
        self._objectives.append(objective)

    def state(self) -> dict[str, Any]:
        """Return the observations in order."""
        points = [self._space.to_data(point) for point in self._points]
        return {"points": points, "objectives": list(self._objectives)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over observations."""
        self._points = [self._space.from_data(data) for data in state["points"]]
        self._objectives = list(state["objectives"])

    def _fit(
        self, objectives: np.ndarray, pending: list[Value], rng: np.random.Generator
    ) -> RandomForestRegressor:
        """Fit the forest to the negative objectives and to the pending points' lies."""
        lie = LIES[self._settings.lie](objectives)
        targets = -np.concatenate([objectives, np.full(len(pending), lie)])
        forest = RandomForestRegressor(
            n_estimators=self._settings.num_trees,
            min_samples_leaf=1,
            random_state=int(rng.integers(2**31)),
        )
        columns = self._space.columns([*self._points, *pending])
        return forest.fit(self._space.encode(columns), targets)


def finite_objectives(objectives: list[float | None]) -> np.ndarray:
    """Replace what would wreck a regression: failures and objectives far below the rest.

    Objectives below the far-out fence, the first quartile less three interquartile ranges, are
    set to the fence; a failure counts as the worst of what is left.

    Parameters
    ----------
    objectives
        In any order; None for a failure.

    Returns
    -------
    ndarray of shape (n,), float64
        Empty if every evaluation failed.
    """
    seen = np.array([value for value in objectives if value is not None], dtype=np.float64)
    if not len(seen):
        return seen
    first, third = np.quantile(seen, [0.25, 0.75])
    fence = first - 3 * (third - first)
    clipped = np.array(
        [np.nan if value is None else max(value, fence) for value in objectives], dtype=np.float64
    )
    return np.where(np.isnan(clipped), np.nanmin(clipped), clipped)


def _argmin_at_random(values: np.ndarray, rng: np.random.Generator) -> int:
    """Return the position of the smallest value; one of them at random where there are several.

    A forest is piecewise constant: many candidates share the smallest bound.
    """
    smallest = np.flatnonzero(values == values.min())
    return int(smallest[rng.integers(len(smallest))])
