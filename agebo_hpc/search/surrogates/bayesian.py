"""Asynchronous Bayesian optimization of the hyperparameters (paper, section 3.2).

A random forest models the objective; the next point is the candidate with the largest upper
confidence bound, mean + kappa * standard deviation (the paper's lower bound of the negative
objective). Points that are being evaluated are known to the forest with an invented objective,
the lie. Forest and candidates are kept from one proposal to the next, see `forest` and `pool`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.proposers import Proposer, Value
from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates.forest import PENDING_WEIGHT, Forest
from agebo_hpc.search.surrogates.observations import Observations
from agebo_hpc.search.surrogates.points import PointSpace
from agebo_hpc.search.surrogates.pool import Pool

ASKS_PER_POOL = 50
"""Largest number of proposals that share candidates, unless thousands are pending."""

PENDING_PER_ASK = 32
"""One set of candidates serves one more proposal for each of so many pending evaluations."""

TOLD_PER_ASK = 50
"""One more proposal shares its candidates for so many observations: few observations cost little,
and fresh candidates then find better ones."""

REPEATS = 0.1
"""No point is proposed twice until this part of all points of the space are known."""


class BayesianOptimizer(Proposer[Value]):
    """Proposes points by Bayesian optimization with a forest that is kept up to date.

    Parameters
    ----------
    space
        Its tuned dimensions are searched.
    seed
        Seed of the search, >= 0.
    num_initial
        The first so many evaluations get random points; also about as many are pending.
    settings
        Settings of the surrogate and its acquisition.
    """

    def __init__(
        self,
        space: PointSpace[Value],
        seed: int,
        num_initial: int,
        settings: BayesianSettings | None = None,
    ) -> None:
        self._space = self._allowed = space
        self._num_points = space.num_points
        self._seed = seed
        self._num_initial = num_initial
        self._settings = settings or BayesianSettings()
        self._largest: int | None = None
        self._reset()

    def propose(self, evaluation_id: int, pending: Mapping[int, Value]) -> Value:
        """Return the candidate with the largest upper confidence bound."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS)
        pool = self._prepare(evaluation_id, pending)
        if pool is None:
            return self._random(rng)
        allowed = self._may_be_proposed(pool)
        if not allowed.any():
            return self._random(rng)
        bound = np.where(allowed, pool.bound(self._settings.kappa), -np.inf)
        largest = np.flatnonzero(bound == bound.max())
        # Trees are piecewise constant: many candidates share the largest bound.
        row = largest[rng.integers(len(largest))]
        return self._space.point(pool.columns, int(row))

    def restore(self, evaluation_id: int, value: Value, pending: Mapping[int, Value]) -> None:
        """Bring forest and candidates to where `propose` left them."""
        self._prepare(evaluation_id, pending)

    def limit_processes(self, largest: int) -> None:
        """Choose among the candidates that are left."""
        self._allowed = self._space.limited(largest)
        self._largest = largest

    def learn(
        self, evaluation_id: int, value: Value, objective: float | None, epochs: int = 0
    ) -> None:
        """Add an observation; None stands for a failure."""
        if not self._space.num_dimensions:
            return
        self._data.tell(evaluation_id, value, objective)
        self._num_finite += objective is not None and math.isfinite(objective)

    def state(self) -> dict[str, Any]:
        """Return the observations in order, and when the forest heard of them."""
        return {
            "observations": self._data.state(),
            "forest": self._forest.state(),
            "pool": [self._drawn, self._asks],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave: all living trees are grown again."""
        self._reset()
        data = self._data
        data.load_state(state["observations"])
        self._num_finite = int((~np.isnan(data.objectives.array)).sum())
        told = dict(zip(data.ids, data.rows.array.tolist(), strict=True))
        self._forest.load_state(state["forest"], {**told, **data.pending})
        drawn_at, self._asks = state["pool"]
        if drawn_at >= 0:
            self._draw_pool(drawn_at)

    def _random(self, rng: np.random.Generator) -> Value:
        return self._allowed.point(self._allowed.sample_columns(1, rng), 0)

    def _reset(self) -> None:
        self._data = Observations(self._space)
        chosen = self._settings
        self._forest = Forest(
            self._data, self._seed, chosen.num_trees, chosen.lie, self._num_initial
        )
        self._num_finite = 0
        self._seen = 0
        self._drawn, self._asks = -1, 0

    def _prepare(self, evaluation_id: int, pending: Mapping[int, Value]) -> Pool | None:
        """Bring the forest up to date; return the candidates, None where all is random."""
        uninformed = evaluation_id < self._num_initial or not self._num_finite
        if uninformed or not self._space.num_dimensions:
            return None
        data, forest = self._data, self._forest
        new = self._unknown(evaluation_id, pending)
        data.await_points({id: pending[id] for id in new})
        if new or forest.num_told < len(data):
            forest.sync(len(data), {id: data.pending[id] for id in new})
        pool = forest.pool
        if pool is None or self._asks >= self._asks_per_pool or not self._free(pool).any():
            pool = self._draw_pool(evaluation_id)
            self._asks = 0
        self._asks += 1
        return pool

    def _unknown(self, evaluation_id: int, pending: Mapping[int, Value]) -> list[int]:
        """Return the pending ids that the forest has not heard of, in ascending order.

        They are those asked for since the last proposal, so not all that are pending need be
        looked through; only where the numbers do not add up.
        """
        known = self._data.pending
        new = [id for id in range(self._seen, evaluation_id) if id in pending and id not in known]
        self._seen = evaluation_id
        if len(known) + len(new) != len(pending):
            new = sorted(id for id in pending if id not in known)
        return new

    @property
    def _asks_per_pool(self) -> int:
        known = len(self._data) + PENDING_WEIGHT * self._num_initial
        most = max(ASKS_PER_POOL, self._num_initial // PENDING_PER_ASK)
        return max(1, min(most, known // TOLD_PER_ASK))

    def _draw_pool(self, evaluation_id: int) -> Pool:
        """Draw candidates from the priors; the generator is that of one evaluation."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS, 1)
        columns = self._space.sample_columns(self._settings.num_candidates, rng)
        encoded = self._space.encode(columns).astype(np.float32)
        pool = Pool(columns, encoded, self._settings.num_trees)
        self._forest.renew(pool)
        self._drawn = evaluation_id
        return pool

    def _free(self, pool: Pool) -> np.ndarray:
        """Tell which candidates are new points; all of them where repeats are due."""
        if len(self._data.keys) >= REPEATS * self._num_points:
            return np.ones(len(pool.taken), bool)
        pool.take(self._data.keys.array)
        return ~pool.taken

    def _may_be_proposed(self, pool: Pool) -> np.ndarray:
        """Tell which candidates are new points that the worker groups can hold."""
        allowed = self._free(pool)
        if self._largest is not None:
            allowed &= self._space.num_processes(pool.columns) <= self._largest
        return allowed
