"""What an interval is, and how it is said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

LEVEL = 0.95
"""Share of the data sets whose interval holds the true value."""

Interval = tuple[float, float]
"""Lower and upper end, both finite."""


def with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    """Return a score with its interval as text, such as ``0.861 [0.856, 0.866]``.

    Parameters
    ----------
    value
        The score; None: there is none, which is said as ``-``.
    interval
        Its lower and upper end; None: not known, and the score stands alone.
    """
    if value is None:
        return "-"
    if interval is None:
        return format(value, ".5g")
    low, high = interval
    half = (high - low) / 2
    if half < 1e-6:
        # What hardly differs is said by its digits, not by its places.
        return f"{value:.7g} [{low:.7g}, {high:.7g}]"
    # Of a lopsided interval, the nearer end tells how well the score is known.
    near = min(side for side in (half, value - low, high - value) if side > half / 300)
    places = max(0, math.ceil(-math.log10(near / 4)))
    return f"{value:z.{places}f} [{low:z.{places}f}, {high:z.{places}f}]"


def interval_of_mean(values: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """Return the interval of the mean of scores of different rows, from their own.

    Zou and Donner (2008): the distances of its ends from the mean are the roots of the sums of
    squares of those of the scores, divided by their number.
    """
    mean = math.fsum(values) / len(values)
    below = math.hypot(*(v - low for v, (low, _) in zip(values, intervals, strict=True)))
    above = math.hypot(*(high - v for v, (_, high) in zip(values, intervals, strict=True)))
    return mean - below / len(values), mean + above / len(values)


def plain(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    """Return intervals by name as JSON writes them."""
    return {name: list(interval) for name, interval in intervals.items()}
