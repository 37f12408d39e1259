"""The intervals of scores of predicted numbers, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.smooth import BELOW_ONE, POSITIVE, smooth_interval
from agebo_hpc.intervals.units import Units

Array = NDArray[np.float64]
RowLoss = Callable[[Array, Array], Array]
"""(targets, predictions) -> loss of each row, shape (rows,)."""


def _squared(y: Array, predicted: Array) -> Array:
    return (y - predicted) ** 2


def _absolute(y: Array, predicted: Array) -> Array:
    errors: Array = np.abs(y - predicted)
    return errors


MEANS: dict[str, tuple[RowLoss, float]] = {
    "mse": (_squared, 1.0),
    "loss": (_squared, 1.0),
    "rmse": (_squared, 0.5),
    "mae": (_absolute, 1.0),
}
"""Loss of a row and the power of its mean, by the name of the score."""


def number_intervals(
    y: Array,
    predicted: Array,
    units: Units,
    names: Sequence[str],
    weights: Array | None = None,
) -> dict[str, Interval | None]:
    """Return the intervals of scores by name; None where the rows do not allow one.

    Parameters
    ----------
    y, predicted
        Targets and predictions, shape (rows,).
    units
        What is drawn.
    names
        Names of scores: ``r2`` and those of `MEANS`; others are left out.
    weights
        Weight of each row, >= 0, shape (rows,); None: all count alike.
    """
    weight = np.ones(len(y)) if weights is None else weights
    found: dict[str, Interval | None] = {}
    for name in names:
        if name == "r2":
            found[name] = _r2(y, predicted, weight, units)
        elif name in MEANS:
            loss, power = MEANS[name]
            found[name] = mean_interval(loss(y, predicted), weight, units, power)
    return found


def mean_interval(
    losses: Array, weight: Array, units: Units, power: float = 1.0
) -> Interval | None:
    """Return the interval of a mean of losses of rows, which are not negative, or of a power."""
    columns = np.stack([weight * losses, weight], axis=1)
    return smooth_interval(columns, lambda s: (s[..., 0] / s[..., 1]) ** power, units, POSITIVE)


def _r2(y: Array, predicted: Array, weight: Array, units: Units) -> Interval | None:
    # Squares of what is far from 0 would lose their digits.
    centred = y - np.average(y, weights=weight)
    columns = np.stack(
        [weight * (y - predicted) ** 2, weight * centred, weight * centred**2, weight], axis=1
    )

    def r2(sums: Array) -> Array:
        residual, total, squares, rows = np.moveaxis(sums, -1, 0)
        left: Array = 1 - residual / (squares - total**2 / rows)
        return left

    return smooth_interval(columns, r2, units, BELOW_ONE)
