"""Model-based asynchronous search: a Gaussian process over (hyperparameters, resource).

What A-BOHB proposes by: every objective at every rung is an observation at its resource; pending
points are fantasized; the candidate with the largest expected improvement at the largest resource
of which enough is known is proposed. The model says what is begun, never what is stopped.

The cost of a proposal is bounded: the model is given `MAX_OBSERVATIONS` and `MAX_PENDING` points,
parameters are fitted at numbers of observations in geometric progression, from the last ones on,
with a bound on the factorizations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.proposers import Proposer, Value
from agebo_hpc.search.settings import BayesianSettings
from agebo_hpc.search.surrogates.acquisition import acquisition_resource, expected_improvement
from agebo_hpc.search.surrogates.gaussian_process import (
    Inputs,
    Posterior,
    Process,
    antithetic_normal,
)
from agebo_hpc.search.surrogates.kernels import KERNELS
from agebo_hpc.search.surrogates.points import Columns, PointSpace
from agebo_hpc.search.surrogates.rung_observations import RungObservations

MAX_OBSERVATIONS = 250
"""Most observations that the model is given; its cost grows with their cube."""

MAX_PENDING = 100
"""Most pending points that are fantasized: the latest."""

NUM_CANDIDATES = 400
"""So many candidates are drawn from the priors, as many differ from the best point known in one
dimension, and as many are part of the way from it to others."""

NEAREST = -3, 0
"""Powers of ten between which the part of the way is drawn."""

FANTASY_PAIRS = 10
"""Half the number of fantasies."""

REFIT_SHARE = 20
"""Parameters are fitted anew when this part of the observations is new, or one at least."""

MAX_EVALUATIONS = 15
"""Bound on the likelihoods that a fit evaluates."""

ENOUGH = 3, 8
"""A resource is one to optimise at when it has as many objectives as there are dimensions, but no
fewer and no more than these."""


class GaussianOptimizer(Proposer[Value]):
    """Proposes points by expected improvement of a Gaussian process over points and resource.

    Parameters
    ----------
    space
        Its tuned dimensions are searched.
    seed
        Seed of the search, >= 0.
    num_initial
        The first so many evaluations get random points.
    settings
        Names the surrogate, a key of `KERNELS`.
    """

    def __init__(
        self,
        space: PointSpace[Value],
        seed: int,
        num_initial: int,
        settings: BayesianSettings | None = None,
    ) -> None:
        self._space = self._allowed = space
        self._largest: int | None = None
        self._seed = seed
        self._num_initial = num_initial
        kernel = KERNELS[settings.surrogate if settings else "gp"]
        self._low, self._span, groups = _layout(space)
        self._process = Process(kernel(space.num_dimensions), groups)
        self._reset()

    def propose(self, evaluation_id: int, pending: Mapping[int, Value]) -> Value:
        """Return the candidate with the largest expected improvement."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS)
        if self._prepare(evaluation_id):
            columns = self._candidates(rng)
            if len(columns[0]):
                improvement, mean = self._improvement(columns, pending, rng)
                # Where nothing is to be expected, as far as numbers tell, the mean decides.
                row = np.lexsort((mean, improvement))[-1]
                return self._space.point(columns, int(row))
        return self._allowed.point(self._allowed.sample_columns(1, rng), 0)

    def restore(self, evaluation_id: int, value: Value, pending: Mapping[int, Value]) -> None:
        """Fit the parameters where `propose` did."""
        self._prepare(evaluation_id)

    def limit_processes(self, largest: int) -> None:
        """Choose among the candidates that are left."""
        self._allowed = self._space.limited(largest)
        self._largest = largest

    def learn(
        self, evaluation_id: int, value: Value, objective: float | None, epochs: int = 0
    ) -> None:
        """Add an observation; None stands for a failure."""
        if self._space.num_dimensions:
            draw = generator(self._seed, evaluation_id, Stream.BOOTSTRAP).random()
            self._data.tell(evaluation_id, self._space.to_data(value), objective, epochs, draw)

    def state(self) -> dict[str, Any]:
        """Return the observations, the parameters, and when they were fitted."""
        fit = {"theta": self._theta.tolist(), "fitted_at": self._fitted_at}
        return {**self._data.state(), **fit}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._reset()
        self._data.load_state(state)
        self._theta = np.array(state["theta"], dtype=np.float64)
        self._fitted_at = state["fitted_at"]

    def _reset(self) -> None:
        self._data = RungObservations()
        self._theta = self._process.start
        self._fitted_at = 0

    def _prepare(self, evaluation_id: int) -> bool:
        """Fit the parameters if that is due; tell whether the model is asked at all."""
        if evaluation_id < self._num_initial or not self._data.num_finite:
            return False
        due = self._fitted_at + max(1, self._fitted_at // REFIT_SHARE)
        if self._data.num_told >= due:
            inputs, targets, _, _ = self._model_data()
            self._theta = self._process.fit(inputs, targets, self._theta, MAX_EVALUATIONS)
            self._fitted_at = self._data.num_told
        return True

    def _model_data(self) -> tuple[Inputs, np.ndarray, float, float]:
        """Return observations with targets of mean 0 and variance 1, and how they were scaled."""
        known, resources, objectives = self._data.chosen(MAX_OBSERVATIONS)
        points = self._encode(self._space.columns([each.point for each in known]))
        mean, spread = float(objectives.mean()), float(objectives.std()) or 1.0
        return Inputs(points, resources), (objectives - mean) / spread, mean, spread

    def _improvement(
        self, columns: Columns, pending: Mapping[int, Value], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected improvement and the mean of candidates, shapes (n,)."""
        inputs, targets, mean, spread = self._model_data()
        resource = self._acquisition_resource
        awaited = self._pending_inputs(pending)
        normal = antithetic_normal(len(awaited.resource), FANTASY_PAIRS, rng)
        posterior = Posterior(self._process, self._theta, inputs, targets, awaited, normal)
        best = (self._data.best(resource).objective or 0.0) - mean
        there = posterior.fantasies[awaited.resource == resource]
        incumbents = np.vstack([np.full((1, normal.shape[1]), best / spread), there]).max(axis=0)
        encoded = self._encode(columns)
        means, deviation = posterior.predict(
            Inputs(encoded, np.full(len(encoded), float(resource)))
        )
        return expected_improvement(means, deviation, incumbents), means.mean(axis=1)

    @property
    def _acquisition_resource(self) -> int:
        least = int(np.clip(self._space.num_dimensions, *ENOUGH))
        return acquisition_resource(self._data.counts, least)

    def _pending_inputs(self, pending: Mapping[int, Value]) -> Inputs:
        """Return the latest pending points; each is awaited at the first resource that has values.

        Which rung of which bracket it is trained to is the scheduler's; most are at the lowest.
        """
        latest = sorted(pending)[-MAX_PENDING:]
        resource = np.full(len(latest), float(min(self._data.counts)))
        if not latest:
            return Inputs(np.empty((0, len(self._low))), resource)
        points = [self._space.to_data(pending[id]) for id in latest]
        return Inputs(self._encode(self._space.columns(points)), resource)

    def _candidates(self, rng: np.random.Generator) -> Columns:
        """Draw points from the priors and about the best; return those that are allowed."""
        best = self._space.columns([self._data.best(self._acquisition_resource).point])
        drawn = self._space.sample_columns(3 * NUM_CANDIDATES, rng)
        far, replaced, there = zip(*(np.split(column, 3) for column in drawn), strict=True)
        dimension = rng.integers(len(drawn), size=NUM_CANDIDATES)
        crossed = [
            np.where(dimension == number, column, kept)
            for number, (column, kept) in enumerate(zip(replaced, best, strict=True))
        ]
        share = 10.0 ** rng.uniform(*NEAREST, NUM_CANDIDATES)
        near = self._space.between(best, there, share, rng)
        columns = [np.concatenate(each) for each in zip(far, crossed, near, strict=True)]
        if self._largest is None:
            return columns
        allowed = self._space.num_processes(columns) <= self._largest
        return [column[allowed] for column in columns]

    def _encode(self, columns: Columns) -> np.ndarray:
        scaled: np.ndarray = (self._space.encode(columns) - self._low) / self._span
        return scaled


def _layout(space: PointSpace[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low ends and widths of encoded columns, and to which dimension each belongs."""
    if not space.num_dimensions:
        return np.empty(0), np.empty(0), np.empty(0, np.int64)
    columns = space.sample_columns(512, np.random.default_rng(0))
    encoded = space.encode(columns)
    span = np.ptp(encoded, axis=0)
    groups = np.zeros(encoded.shape[1], np.int64)
    for dimension, column in enumerate(columns):
        others = [np.repeat(each[:1], len(each)) for each in columns]
        alone = space.encode([*others[:dimension], column, *others[dimension + 1 :]])
        groups[np.ptp(alone, axis=0) > 0] = dimension
    return encoded.min(axis=0), np.where(span > 0, span, 1.0), groups
