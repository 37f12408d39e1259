"""Metrics of predicted numbers, in the user's unit: means over rows, moments, order statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agebo_hpc.metrics.predictions import Floats, Numbers, weights_of
from agebo_hpc.metrics.record import Sums

EPSILON = float(np.finfo(np.float64).eps)
LEAST = 1e-9
"""What a prediction is taken for at least, above the bound of a logarithm that it reaches; of
rates as a share of the target."""

NO_TARGET = 1e-290
"""What a rate is taken for that is stored as 0 or less: its logarithm is finite."""

RowLoss = Callable[[Floats, Floats], Floats]
"""(targets, predictions) -> loss of each row, all of shape (rows,)."""


def mean_of(loss: RowLoss, root: bool = False) -> Sums:
    """Return the mean over rows of a loss of each (its root, if asked), with its sign turned."""

    def sums(given: Numbers) -> Floats:
        weights = weights_of(given)
        return np.array([weights @ loss(given.y, given.values), weights.sum()])

    def value(summed: Floats, classes: int) -> float:
        mean = float(summed[0] / summed[1])
        return -(mean**0.5) if root else -mean

    return Sums(sums, value)


def squared(y: Floats, values: Floats) -> Floats:
    """Return squared errors."""
    return (y - values) ** 2


def absolute(y: Floats, values: Floats) -> Floats:
    """Return absolute errors."""
    errors: Floats = np.abs(y - values)
    return errors


def percentage(y: Floats, values: Floats) -> Floats:
    """Return absolute errors as a share of the target, as scikit-learn does for targets of 0."""
    shares: Floats = np.abs(y - values) / np.maximum(np.abs(y), EPSILON)
    return shares


def squared_log(y: Floats, values: Floats) -> Floats:
    """Return squared errors of log(1 + x); predictions of -1 and less count as just above it."""
    # A target that is just above -1 may be stored as just below.
    logs = [np.log1p(np.maximum(numbers, LEAST - 1)) for numbers in (y, values)]
    errors: Floats = (logs[0] - logs[1]) ** 2
    return errors


def pinball(quantile: float) -> RowLoss:
    """Return the pinball losses of a quantile, between 0 and 1."""

    def losses(y: Floats, values: Floats) -> Floats:
        error = y - values
        found: Floats = np.maximum(quantile * error, (quantile - 1) * error)
        return found

    return losses


def _positive(y: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return targets and predictions whose logarithm is finite, in whatever unit they are.

    A target that is just above 0 may be stored as just below.
    """
    y = np.where(y > 0, y, NO_TARGET)
    return y, np.maximum(values, LEAST * y)


def poisson(y: Floats, values: Floats) -> Floats:
    """Return Poisson deviances; predictions of 0 and less count as just above it."""
    true, values = _positive(y, values)
    logs = np.where(y > 0, y * np.log(true / values), 0.0)
    deviances: Floats = 2 * (logs - np.maximum(y, 0.0) + values)
    return deviances


def gamma(y: Floats, values: Floats) -> Floats:
    """Return gamma deviances; predictions of 0 and less count as just above it."""
    true, values = _positive(y, values)
    deviances: Floats = 2 * (np.log(values / true) + true / values - 1)
    return deviances


def _moments(given: Numbers) -> Floats:
    weights, error = weights_of(given), given.y - given.values
    y = given.y - given.centre
    columns = (np.ones(len(y)), y, y**2, error, error**2)
    return np.array([weights @ column for column in columns])


def _share_left(summed: Floats, classes: int) -> float:
    rows, total, squares, _, residual = summed
    return float(1 - residual / (squares - total**2 / rows))


def _variance_left(summed: Floats, classes: int) -> float:
    rows, total, squares, errors, residual = summed
    return float(1 - (residual - errors**2 / rows) / (squares - total**2 / rows))


r2 = Sums(_moments, _share_left)
explained_variance = Sums(_moments, _variance_left)


def median_absolute_error(given: Numbers) -> float:
    """Return the median of the absolute errors, with its sign turned."""
    from sklearn.metrics import median_absolute_error as median

    return -float(median(given.y, given.values, sample_weight=given.weights))


def max_error(given: Numbers) -> float:
    """Return the largest absolute error, with its sign turned."""
    return -float(absolute(given.y, given.values).max())


def d2_absolute_error(given: Numbers) -> float | None:
    """Return the share of the absolute error of the median that is explained."""
    if given.y.min() == given.y.max():
        return None
    from sklearn.metrics import d2_absolute_error_score

    return float(d2_absolute_error_score(given.y, given.values, sample_weight=given.weights))
