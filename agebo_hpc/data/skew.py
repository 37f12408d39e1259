"""Whether a target is so skewed that it should be transformed, told in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.target import RealCoding, TargetCoding
from agebo_hpc.data.values import as_numbers

if TYPE_CHECKING:
    from agebo_hpc.data.dataset import DataSet

FEW_ROWS, FEW_VALUES = 100, 10
KEPT = 0.5
"""Share of the different numbers that are still different where digits are not lost."""
MOST_ROWS = 100_000
"""Rows that are looked at, at most, evenly spaced."""
TAIL = 0.01
"""Share of the rows that a tail is."""
HEAVY = 5.0
"""Distance of a tail's begin from the median, in ranges of the middle half of the rows, beyond
which it is heavy: 1.7 in a normal distribution, 3.6 in an exponential one."""
ONE_SIDED = 3.0
"""How many times farther the begin of the heavy tail is than that of the other."""
MOST_COUNTS = 1000


def advice_on_target(dataset: DataSet) -> str:
    """Return which transform to take of a data set's target; nothing where none is needed."""
    coding = dataset.preprocessing.target
    if not isinstance(coding, RealCoding):
        return ""
    y = dataset.as_stored.target_of("train")
    numbers = coding.standard.exact(y[:: -(-len(y) // MOST_ROWS)])
    return skew_advice(coding.name, numbers)


def lost_digits(column: pd.Series, coding: TargetCoding) -> list[str]:
    """Return that values far from all others leave these no digits, a line; else nothing.

    Parameters
    ----------
    column
        The target of the training rows.
    coding
        How it is standardised.
    """
    if not isinstance(coding, RealCoding):
        return []
    some = as_numbers(column.iloc[:: -(-len(column) // MOST_ROWS)], coding.reading)
    kept, known = coding.coded(some), np.unique(some)
    if len(np.unique(kept)) >= KEPT * len(known):
        return []
    apart = float(np.spacing(np.abs(np.median(kept)))) * coding.scale
    return [
        f"The target {coding.name!r} goes from {some.min():.4g} to {some.max():.4g}, so far that "
        f"most values, about {np.median(some):.4g}, are told apart to {apart:.2g} only; correct "
        f"such rows or leave them out, or prepare the logarithm."
    ]


def skew_advice(target: str, numbers: NDArray[np.float64]) -> str:
    """Return which transform to take where a target has one heavy tail; else nothing.

    Parameters
    ----------
    target
        Its name.
    numbers
        Training rows in the user's unit, shape (rows,).
    """
    if len(numbers) < FEW_ROWS or len(np.unique(numbers)) < FEW_VALUES:
        return ""
    shares = (TAIL, 0.25, 0.5, 0.75, 1 - TAIL)
    low, first, median, third, high = (float(q) for q in np.quantile(numbers, shares))
    # Of mostly equal numbers the middle half says nothing.
    middle = third - first or float(np.abs(numbers - median).mean())
    sides = {"above": high - median, "below": median - low}
    side = max(sides, key=lambda name: sides[name])
    other = min(sides.values())
    if sides[side] <= max(HEAVY * middle, ONE_SIDED * other):
        return ""
    begin = high if side == "above" else low
    return (
        f"The target {target!r} is heavily skewed: its median is {median:.4g}, and {TAIL:.0%} of "
        f"the training rows are {side} {begin:.4g}. Networks may learn it better with "
        f"{_cures(numbers, side)}; scores stay in its own unit."
    )


def _cures(numbers: NDArray[np.float64], side: str) -> str:
    if side == "below" or numbers.min() < 0:
        return "--target-transform quantile"
    cures = "--target-transform log or quantile"
    whole = np.abs(numbers - np.round(numbers)) <= 1e-6 * np.maximum(1.0, numbers)
    is_count = numbers.min() == 0 and numbers.max() <= MOST_COUNTS and bool(whole.all())
    return f"{cures}, or as counts with --loss poisson" if is_count else cures
