"""Bayesian optimization with a new scikit-optimize forest for each proposal.

The plain way, kept to compare with: forest and acquisition function are scikit-optimize's, there
is no state but the observations, and the cost of a proposal grows with their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from skopt.acquisition import gaussian_lcb
from skopt.learning import RandomForestRegressor

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.proposers import Proposer, Value
from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates.objectives import LIES, Standing, finite_objectives
from agebo_hpc.search.surrogates.points import PointSpace


class RefittingOptimizer(Proposer[Value]):
    """Proposes points by Bayesian optimization; for the parameters see `BayesianOptimizer`."""

    def __init__(
        self,
        space: PointSpace[Value],
        seed: int,
        num_initial: int,
        settings: BayesianSettings | None = None,
    ) -> None:
        self._space = space
        self._allowed = space
        self._largest: int | None = None
        self._seed = seed
        self._num_initial = num_initial
        self._settings = settings or BayesianSettings()
        self._points: list[list[Any]] = []
        self._objectives: list[float | None] = []

    def propose(self, evaluation_id: int, pending: Mapping[int, Value]) -> Value:
        """Return the candidate with the smallest lower bound of the negative objective."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS)
        uninformed = evaluation_id < self._num_initial or not len(
            finite_objectives(self._objectives)
        )
        if not uninformed and self._space.num_dimensions:
            forest = self._fit(list(pending.values()), rng)
            columns = self._candidates(rng)
            if len(columns[0]):
                bound = gaussian_lcb(self._space.encode(columns), forest, self._settings.kappa)
                smallest = np.flatnonzero(bound == bound.min())
                return self._space.point(columns, int(smallest[rng.integers(len(smallest))]))
        return self._allowed.point(self._allowed.sample_columns(1, rng), 0)

    def limit_processes(self, largest: int) -> None:
        """Choose among the candidates that are left."""
        self._allowed = self._space.limited(largest)
        self._largest = largest

    def learn(
        self, evaluation_id: int, value: Value, objective: float | None, epochs: int = 0
    ) -> None:
        """Add an observation; None stands for a failure."""
        self._points.append(self._space.to_data(value))
        self._objectives.append(objective)

    def state(self) -> dict[str, Any]:
        """Return the observations in order."""
        points = [list(point) for point in self._points]
        return {"points": points, "objectives": list(self._objectives)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over observations."""
        self._points = [list(point) for point in state["points"]]
        self._objectives = list(state["objectives"])

    def _fit(self, pending: list[Value], rng: np.random.Generator) -> RandomForestRegressor:
        """Fit the forest to the negative objectives and to the pending points' lies."""
        standing = Standing()
        objectives = standing.refresh(np.asarray(self._objectives, dtype=np.float64))
        lie = LIES[self._settings.lie](standing)
        targets = -np.concatenate([objectives, np.full(len(pending), lie)])
        forest = RandomForestRegressor(
            n_estimators=self._settings.num_trees,
            min_samples_leaf=1,
            random_state=int(rng.integers(2**31)),
        )
        points = [*self._points, *(self._space.to_data(point) for point in pending)]
        return forest.fit(self._space.encode(self._space.columns(points)), targets)

    def _candidates(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Draw points from the priors; leave out those with too many processes."""
        columns = self._space.sample_columns(self._settings.num_candidates, rng)
        if self._largest is None:
            return list(columns)
        allowed = self._space.num_processes(columns) <= self._largest
        return [column[allowed] for column in columns]
