"""How much better the best of many looks on the rows that chose it than on rows of its kind.

The largest of k validation scores is large also because the errors of these rows happen to suit
its network: in the mean it lies above the network's true score. It does so by no more than the
mean of the largest of k free standard normal numbers (Blom 1958), times the standard error of a
score: networks that are not equally good, or err on the same rows, owe less to chance. Those that
lie so far below the best that their own noise could not have made them the best do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from agebo_hpc.intervals.interval import LEVEL, Interval, with_interval
from agebo_hpc.text import counted

OUT_OF_REACH = 4.0
"""Standard errors below the best score."""


def optimism_at_most(objectives: NDArray[np.float64], error: float) -> float:
    """Return how much the largest of some objectives is too large in the mean, at most.

    Parameters
    ----------
    objectives
        Validation scores, the larger the better, shape (k,), finite.
    error
        Standard error of one of them, as their interval says, >= 0.
    """
    rivals = int((objectives >= objectives.max() - OUT_OF_REACH * error).sum())
    return error * float(ndtri((rivals - 0.375) / (rivals + 0.25)))


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


def told_optimism(told: Mapping[str, Any], name: str, of_ensemble: bool = False) -> str:
    """Return what a reader should know of a validation score, as the half of a sentence.

    Parameters
    ----------
    told
        ``metric``, ``chosen_among``, ``validation``, ``at_most``, ``gap`` and ``gap_interval``,
        see `agebo_hpc.models.best_of_many.optimism`.
    name
        Of the metric, for people.
    of_ensemble
        Whether several networks were chosen.
    """
    which = "an ensemble chosen" if of_ensemble else "one of the best"
    said = (
        f"the validation {name} {told['validation']:.5g} is that of {which} of "
        f"{counted(told['chosen_among'], 'evaluation')} on these very rows"
    )
    if told["at_most"] == 0:
        said += ", of which no other comes near, so it hardly flatters"
    elif told["at_most"] is None:
        said += ", so it flatters"
    else:
        said += f", so it flatters, in the mean by {told['at_most']:.2g} at most"
    if told["gap"] is not None:
        gap, (low, high) = told["gap"], told["gap_interval"]
        word = "better"
        if gap < 0:
            word, gap, low, high = "worse", -gap, -high, -low
        said += (
            f"; it is {word} by {with_interval(gap, (low, high))} than on the test rows, which no "
            f"choice has seen"
        )
    return said
