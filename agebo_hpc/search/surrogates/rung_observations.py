"""What is known of points at resources, and what of it a model of bounded cost is given."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agebo_hpc.search.surrogates.objectives import finite_objectives

BEST_SHARE = 4
"""One of so many observations that a model is given is among the best; the rest are drawn."""


class Observation(NamedTuple):
    """An objective at a resource.

    Attributes
    ----------
    id
        Id of the evaluation.
    point
        Values of the tuned dimensions, plain data.
    resource
        Epochs after which it had the objective, >= 1. Of a failure: of its last objective, 0 if
        it had none.
    objective
        None for a failure.
    draw
        Uniform in [0, 1): those with small ones are given to the model.
    """

    id: int
    point: Sequence[Any]
    resource: int
    objective: float | None
    draw: float


class RungObservations:
    """Observations by evaluation and resource: one that is trained there again is the same one.

    Attributes
    ----------
    num_told
        Number of times that an observation was added, >= 0.
    """

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, int], Observation] = {}
        self._reached: dict[int, int] = {}
        self.counts: Counter[int] = Counter()
        self.num_told = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def tell(
        self, id: int, point: Sequence[Any], objective: float | None, resource: int, draw: float
    ) -> None:
        """Add an observation; a failure belongs to the next resource that others reached."""
        self.num_told += 1
        finite = objective is not None and math.isfinite(objective)
        if finite:
            place = max(resource, 1)
            self._reached[id] = max(place, self._reached.get(id, 0))
            self.counts[place] += (id, place) not in self._by_key
            key = id, place
        else:
            place, objective = self._reached.get(id, 0), None
            key = id, -1
        self._by_key[key] = Observation(id, point, place, objective, draw)

    @property
    def num_finite(self) -> int:
        """Number of objectives."""
        return self.counts.total()

    def chosen(self, most: int) -> tuple[list[Observation], np.ndarray, np.ndarray]:
        """Return observations for a model: a quarter the best, the rest those of smallest draws.

        Parameters
        ----------
        most
            Largest number of them, >= 1.

        Returns
        -------
        tuple of (list of Observation, ndarray, ndarray)
            Observations, their resources, and their objectives with failures as the worst and
            outliers fenced, see `finite_objectives`; at least one objective is known.
        """
        known = list(self._by_key.values())
        objectives = finite_objectives([each.objective for each in known])
        if len(known) > most:
            order = np.argsort(-objectives, kind="stable")
            num_best = most // BEST_SHARE
            rest = sorted(order[num_best:].tolist(), key=lambda row: known[row].draw)
            rows = sorted([*order[:num_best].tolist(), *rest[: most - num_best]])
            known, objectives = [known[row] for row in rows], objectives[rows]
        resources = [self._level(each) for each in known]
        return known, np.array(resources, dtype=np.float64), objectives

    def best(self, resource: int) -> Observation:
        """Return the observation with the largest objective at a resource; the first of equals."""
        return max(
            (each for each in self._by_key.values() if each.resource == resource),
            key=lambda each: -math.inf if each.objective is None else each.objective,
        )

    def _level(self, observation: Observation) -> int:
        if observation.objective is not None:
            return observation.resource
        above = [level for level in self.counts if level > observation.resource]
        return min(above) if above else max(self.counts)

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data for JSON."""
        observations = [[*each] for each in self._by_key.values()]
        return {"num_told": self.num_told, "observations": observations}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave, into an empty object."""
        for id, point, resource, objective, draw in state["observations"]:
            if objective is None:
                self._by_key[id, -1] = Observation(id, point, resource, None, draw)
            else:
                self.tell(id, point, objective, resource, draw)
        self.num_told = state["num_told"]
