"""Median stopping, a baseline: a training goes on unless it is worse than half of the others.

The rule of Google Vizier (Golovin and others, 2017): at a level, the best objective of a training
so far is compared with the median of the other trainings' running averages up to that level.
"""

from __future__ import annotations

import math
from heapq import heappush, heappushpop

from agebo_hpc.scheduling.rung_scheduler import RungScheduler
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status

NUM_FIRST = 5
"""Trainings that must have come to a level before one is stopped there."""


class RunningMedian:
    """The median of numbers that come one by one, in O(log n) each."""

    def __init__(self) -> None:
        # The smaller half with its largest at the root, negated, and the larger half.
        self._smaller: list[float] = []
        self._larger: list[float] = []

    def __len__(self) -> int:
        return len(self._smaller) + len(self._larger)

    def insert(self, number: float) -> None:
        """Take a number in."""
        if len(self._smaller) > len(self._larger):
            heappush(self._larger, -heappushpop(self._smaller, -number))
        else:
            heappush(self._smaller, -heappushpop(self._larger, number))

    @property
    def value(self) -> float:
        """The median, of an even number of them the mean of the middle two."""
        if len(self._smaller) > len(self._larger):
            return -self._smaller[0]
        # Halves first: the sum of two large numbers may be infinite.
        return -self._smaller[0] / 2 + self._larger[0] / 2


class MedianStopping(RungScheduler):
    """Stops a training whose best is below the median of the others at the same level.

    Parameters
    ----------
    levels
        Levels at which is decided, increasing; the last is a whole training.
    """

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self._levels = levels
        self._averages = [RunningMedian() for _ in levels]
        self._best: dict[int, float] = {}
        self._mean: dict[int, float] = {}

    @property
    def _num_promotable(self) -> int:
        return 0

    def _promote(self) -> Assignment | None:
        return None

    def _begin(self, evaluation: Evaluation) -> Assignment:
        return self._assignment(evaluation, 0)

    def _assignment(self, evaluation: Evaluation, rung: int) -> Assignment:
        start = self._levels[rung - 1] if rung else 0
        return Assignment(evaluation, start, self._levels[rung], self._levels[-1])

    def _note(self, assignment: Assignment) -> None:
        """Do nothing: what goes on follows from the results alone."""

    def _enter(self, assignment: Assignment, result: Result) -> Decision:
        rung = self._levels.index(assignment.end)
        objective = -math.inf if result.objective is None else result.objective
        best = max(objective, self._best.pop(result.id, -math.inf))
        mean = self._mean.pop(result.id, 0.0)
        mean += (objective - mean) / (rung + 1)
        others = self._averages[rung]
        is_worse = len(others) >= NUM_FIRST and best < others.value
        others.insert(mean)
        if is_worse or rung == len(self._levels) - 1 or result.status is not Status.PAUSED:
            return Decision.STOP
        self._best[result.id], self._mean[result.id] = best, mean
        self._due[result.id] = self._assignment(assignment.evaluation, rung + 1)
        return Decision.CONTINUE
