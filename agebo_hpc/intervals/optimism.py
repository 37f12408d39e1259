"""How much better the best of many looks on the rows that chose it than on rows of its kind.

The largest of k validation scores is large also because the errors of these rows happen to suit
its network: its expected value lies above the network's true score. Two estimates are given here.

Of predictions (Tsamardinos, Greasidou and Borboudakis 2018, "Bootstrapping the out-of-sample
predictions"): rows are drawn with replacement, the best on them is chosen, and scored on the rows
that were not drawn; the mean gap of the two is the optimism.

Of objectives alone: to each objective noise of the standard error of one score is added, the
largest is chosen, and the mean of its own noise is the optimism. Networks are scored on the same
rows and err on the same ones, so that their noise is less than free: this is an upper bound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from agebo_hpc.intervals.interval import LEVEL, Interval
from agebo_hpc.intervals.units import Units

Array = NDArray[np.float64]
DRAWS = 2000


def optimism_of_objectives(objectives: Array, error: float, seed: int = 0) -> float:
    """Return at most how much the largest of some objectives is too large in the mean.

    Parameters
    ----------
    objectives
        Validation scores, the larger the better, shape (k,), finite.
    error
        Standard error of one of them, as their interval says, >= 0.
    seed
        Of the noise, >= 0.
    """
    # Those that noise cannot make the best decide nothing.
    near = np.sort(objectives[objectives > objectives.max() - 8 * error])[-DRAWS:]
    noise = np.random.default_rng(seed).normal(0.0, error, (DRAWS, len(near)))
    chosen = (near + noise).argmax(axis=1)
    return float(noise[np.arange(DRAWS), chosen].mean())


def optimism_of_rows(goodness: Array, units: Units) -> float:
    """Return how much better the best of some networks looks on the rows that choose it.

    Parameters
    ----------
    goodness
        What each row adds to the mean score of each network, the larger the better, shape
        (rows, networks).
    units
        What is drawn.
    """
    sums, rows = units.totals(goodness), units.totals(np.ones((len(goodness), 1)))
    drawn = units.draws
    left = (drawn == 0).astype(np.float64)
    inside = (drawn @ sums) / (drawn @ rows)
    with np.errstate(all="ignore"):
        outside = (left @ sums) / (left @ rows)
    best = inside.argmax(axis=1)
    place = np.arange(len(best))
    gaps = inside[place, best] - outside[place, best]
    return float(gaps[np.isfinite(gaps)].mean())


def error_of(interval: Interval) -> float:
    """Return the standard error that an interval stands for."""
    return (interval[1] - interval[0]) / (2 * float(ndtri((1 + LEVEL) / 2)))


def gap_interval(one: float, of_one: Interval, other: float, of_other: Interval) -> Interval:
    """Return the interval of the difference of two scores of different rows.

    Zou and Donner (2008): the distances of its ends are the roots of the sums of squares of those
    of the two.

    Parameters
    ----------
    one, other
        The two scores; their difference is the first less the second.
    of_one, of_other
        Their intervals.
    """
    below = np.hypot(one - of_one[0], of_other[1] - other)
    above = np.hypot(of_one[1] - one, other - of_other[0])
    return float(one - other - below), float(one - other + above)
