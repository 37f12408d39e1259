"""Objectives as a regression can bear them: outliers fenced, failures as the worst, lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def finite_objectives(objectives: Sequence[float | None] | np.ndarray) -> np.ndarray:
    """Replace what would wreck a regression: failures and objectives far below the rest.

    Objectives below the far-out fence, the first quartile less three interquartile ranges, are
    set to the fence; a failure counts as the worst of what is left. There is no fence where the
    quartiles are equal: it would make the best of the others.

    Parameters
    ----------
    objectives
        Objectives in any order; None or not a number for a failure.

    Returns
    -------
    ndarray of shape (n,), float64
        Empty if every evaluation failed.
    """
    values = np.asarray(objectives, dtype=np.float64)
    seen = values[~np.isnan(values)]
    if not len(seen):
        return seen
    clipped = np.maximum(values, _fence(seen))
    return np.where(np.isnan(clipped), np.nanmin(clipped), clipped)


def _fence(seen: np.ndarray) -> float:
    first, third = np.quantile(seen, [0.25, 0.75])
    return float(first - 3 * (third - first)) if third > first else -np.inf


class Standing:
    """Gives for one more objective what `finite_objectives` would, without looking at all of them.

    The fence is that of the last `refresh`; the rest runs along.

    Attributes
    ----------
    count
        Evaluations seen, failures included.
    total, worst, best
        Sum, smallest and largest of their finite objectives.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._fence = -np.inf
        self.worst = np.inf
        self.best = -np.inf

    def refresh(self, objectives: np.ndarray) -> np.ndarray:
        """Start anew from all objectives; return them finite.

        Parameters
        ----------
        objectives
            Shape (n,), float64; not a number for a failure, at least one is none.
        """
        finite = finite_objectives(objectives)
        self._fence = _fence(objectives[~np.isnan(objectives)])
        self.count, self.total = len(finite), float(finite.sum())
        self.worst, self.best = float(finite.min()), float(finite.max())
        return finite

    def add(self, objective: float) -> float:
        """Count one more objective, not a number for a failure; return it finite."""
        value = self.worst if np.isnan(objective) else max(objective, self._fence)
        self.count += 1
        self.total += value
        self.worst, self.best = min(self.worst, value), max(self.best, value)
        return value


LIES: dict[str, Callable[[Standing], float]] = {
    "mean": lambda seen: seen.total / seen.count,
    "min": lambda seen: seen.worst,
    "max": lambda seen: seen.best,
}
"""The objective told for a pending point, from the objectives seen: ``mean`` (the paper's text),
``min`` (the worst, another passage of it), ``max`` (the best; the authors' code)."""
