"""The intervals of scores that rank rows, from what each row adds to their variance.

The area under the ROC curve is the mean, over pairs of a row of the class and one of the others,
of how they are ordered; each row's own mean over its pairs is its placement, and the placements'
variances make that of the area (DeLong, DeLong and Clarke-Pearson 1988). The average precision is
the mean over the rows of the class of the precision down to their score; what a row adds is its
derivative in the row's weight (the infinitesimal jackknife, Efron 1982). Rows of a group add up
before they are squared (Obuchowski 1997). The interval is made for the logit (Boyd, Eng and Page
2013), with Student's t of the degrees of freedom that the classes leave.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.proportion import TAIL, wilson
from agebo_hpc.intervals.units import Units

Array = NDArray[np.float64]
Ranked = Callable[[Array, NDArray[np.bool_], Array], tuple[float, Array]]
"""(scores, is of the class, weights) -> value, and what each row adds to its deviation."""


def ranking_interval(
    ranked: Ranked,
    scores: Array,
    y: NDArray[np.integer],
    units: Units,
    weights: Array | None = None,
) -> Interval | None:
    """Return the interval of a score that ranks rows.

    Parameters
    ----------
    ranked
        `roc_auc` or `average_precision`.
    scores
        For two classes a number that is larger for the second, shape (rows, 1); for more the
        probability of each, shape (rows, classes): the mean of one against the rest.
    y
        Class indices, shape (rows,).
    units
        What is independent.
    weights
        Weight of each row, >= 0, shape (rows,); None: all count alike.

    Returns
    -------
    tuple or None
        None unless every class occurs, and others beside it, in two independent units at least.
    """
    w = np.ones(len(y)) if weights is None else weights
    labels = range(scores.shape[1]) if scores.shape[1] > 1 else (1,)
    values, added, counts = [], np.zeros((2, len(y))), (len(y), len(y))
    for label, column in zip(labels, scores.T, strict=True):
        of_class = y == label
        if not (w[of_class].sum() > 0 and w[~of_class].sum() > 0):
            return None
        value, own = ranked(column, of_class, w)
        values.append(value)
        added += np.where([of_class, ~of_class], own, 0.0) / len(labels)
        counts = min(counts, (int(of_class.sum()), int((~of_class).sum())), key=min)
    counts = min(counts[0], units.independent), min(counts[1], units.independent)
    if min(counts) < 2:
        return None
    sides = (units.totals(added.T) ** 2).sum(axis=0)
    variance = float((units.totals(added.sum(axis=0)[:, None]) ** 2).sum())
    return _of_logit(float(np.mean(values)), variance, sides, counts)


def _of_logit(value: float, variance: float, sides: Array, counts: tuple[int, int]) -> Interval:
    """Return the interval of a value from its variance, and from that of each class's rows."""
    fewest = min(counts)
    if not 0 < value < 1 or not variance > 0:
        # Nothing is out of order: as a share of the rows of the smaller class.
        return wilson(min(max(value, 0.0), 1.0), fewest)
    # Welch and Satterthwaite.
    parts = sum(side**2 / (count - 1) for side, count in zip(sides, counts, strict=True))
    df = max(float(sides.sum() ** 2 / parts), 1.0)
    spread = np.sqrt(variance * fewest / (fewest - 1)) / (value * (1 - value))
    middle, half = np.log(value / (1 - value)), stdtrit(df, TAIL) * spread
    low, high = 1 / (1 + np.exp(-np.array([middle - half, middle + half])))
    return float(low), float(high)


def roc_auc(scores: Array, of_class: NDArray[np.bool_], weights: Array) -> tuple[float, Array]:
    """Return the area under the ROC curve, and what each row adds to its deviation."""
    _, place = np.unique(scores, return_inverse=True)
    inside = np.bincount(place, weights * of_class)
    others = np.bincount(place, weights * ~of_class)
    below = (np.cumsum(others) - others / 2)[place] / others.sum()
    above = 1 - (np.cumsum(inside) - inside / 2)[place] / inside.sum()
    area = float((weights * of_class * below).sum() / inside.sum())
    own = np.where(of_class, below, above) - area
    return area, own * np.where(of_class, weights / inside.sum(), weights / others.sum())


def average_precision(
    scores: Array, of_class: NDArray[np.bool_], weights: Array
) -> tuple[float, Array]:
    """Return the average precision, and what each row adds to its deviation."""
    _, place = np.unique(-scores, return_inverse=True)
    inside = np.bincount(place, weights * of_class)
    found, taken = np.cumsum(inside), np.cumsum(np.bincount(place, weights))
    # Rows without weight may come before any that counts.
    taken = np.maximum(taken, np.finfo(np.float64).tiny)
    value = float((inside * found / taken).sum() / found[-1])
    # A row counts in the precision at its own score and at all that are lower.
    hit = np.cumsum((inside / taken)[::-1])[::-1][place]
    row = np.cumsum((inside * found / taken**2)[::-1])[::-1][place]
    own = of_class * ((found / taken)[place] - value + hit) - row
    return value, own * weights / found[-1]
