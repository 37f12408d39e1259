"""The interval of a score that follows from sums over rows: the studentised bootstrap.

Efron (1981), Hall (1988): in each resample the score's distance from the one found is divided by
its own standard error, and the quantiles of these ratios take the place of those of Student's t.
The interval is made on a scale on which the score may be any number (a logarithm, a logit), and
its ends are brought back. The standard error is that of the delta method: the score's gradient in
the sums, times each unit's part in them. The quantiles are those of a level that is widened for
few units: a bootstrap of n of them knows too little of the tails (Hesterberg 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.proportion import TAIL
from agebo_hpc.intervals.units import Units

Array = NDArray[np.float64]
OfTotals = Callable[[Array], Array]
"""(totals of shape (..., m)) -> scores of shape (...,)."""

LEAST_UNITS = 3
"""Fewer say nothing of how they vary."""


@dataclass(frozen=True)
class Scale:
    """Where a score may lie, and a scale on which it may be any number."""

    forward: Callable[[Array], Array]
    back: Callable[[Array], Array]


PLAIN = Scale(lambda v: v, lambda v: v)
POSITIVE = Scale(np.log, np.exp)
"""Mean losses and errors."""
BELOW_ONE = Scale(lambda v: -np.log(1 - v), lambda v: 1 - np.exp(-v))
"""R^2 and what is like it: 1 less a ratio that is positive."""
SHARE = Scale(lambda v: np.log(v / (1 - v)), lambda v: 1 / (1 + np.exp(-v)))
"""What lies between 0 and 1."""
CORRELATION = Scale(np.arctanh, np.tanh)
"""What lies between -1 and 1."""


def smooth_interval(
    contributions: Array, score: OfTotals, units: Units, scale: Scale = PLAIN
) -> Interval | None:
    """Return the interval of a score that is a smooth function of sums over rows.

    Parameters
    ----------
    contributions
        What each row adds to the sums, shape (rows, m).
    score
        Totals to scores; the same for sums that are all multiplied by one number.
    units
        What is drawn.
    scale
        Where the score lies.

    Returns
    -------
    tuple or None
        None where the rows are too few, or do not vary in what the score is made of.
    """
    if units.independent < LEAST_UNITS:
        return None
    totals = units.totals(contributions)

    def scaled(sums: Array) -> Array:
        return scale.forward(score(sums))

    with np.errstate(all="ignore"):
        whole = totals.sum(axis=0)[None]
        found = scaled(whole)[0]
        error = np.sqrt((totals @ _gradients(scaled, whole)[0]) ** 2 @ np.ones(units.count))
        if not (np.isfinite(found) and np.isfinite(error) and error > 0):
            return None
        sums = units.draws @ totals
        parts = _gradients(scaled, sums) @ totals.T
        errors = np.sqrt(np.einsum("ru,ru,ru->r", units.draws, parts, parts))
        ratios = (scaled(sums) - found) / errors
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios) < len(sums) / 2:
            return None
        tail = widened_tail(units.independent)
        below, above = np.quantile(ratios, [1 - tail, tail])
        ends = scale.back(np.array([found - above * error, found - below * error]))
    return _finite(float(ends.min()), float(ends.max()))


def widened_tail(independent: int) -> float:
    """Return the level of the upper quantile: Student's t, times the root of n / (n - 1)."""
    n = independent
    return float(ndtr(stdtrit(n - 1, TAIL) * np.sqrt(n / (n - 1))))


def _finite(low: float, high: float) -> Interval | None:
    return (low, high) if np.isfinite(low) and np.isfinite(high) else None


def _gradients(score: OfTotals, sums: Array) -> Array:
    """Return the gradients of scores in their sums, shape (resamples, m), by differences."""
    columns = []
    for column in range(sums.shape[1]):
        step = np.zeros_like(sums)
        size = np.abs(sums[:, column])
        step[:, column] = 1e-5 * np.where(size > 0, size, 1.0)
        difference = score(sums + step) - score(sums - step)
        columns.append(difference / (2 * step[:, column]))
    return np.stack(columns, axis=1)
