"""Losses of single rows, each equal to Keras's loss of the same name.

Those of a regression see the transformed target; where it is standardised, with mean 0 and
deviation 1, `mape` divides by its distance from the mean, `msle` takes what lies below the mean
for 0, as the logarithm needs. Those of rates see logarithms: deviances in units of the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from agebo_hpc.training.rows import Targets

RowLosses = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(outputs of shape (rows, outputs), y of shape (rows,)) -> loss of each row, float32."""

EPSILON = 1e-7
"""Keras's own."""


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of class indices, in nats."""
    return tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels).loss


def squared_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Return the squared error."""
    return tf.math.squared_difference(outputs[:, 0], targets)


def _absolute_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return tf.abs(outputs[:, 0] - targets)


def _huber(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    error = tf.abs(outputs[:, 0] - targets)
    return tf.where(error <= 1.0, 0.5 * tf.square(error), error - 0.5)


def _log_cosh(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    error = outputs[:, 0] - targets
    return error + tf.math.softplus(-2.0 * error) - float(np.log(2.0))


def _percentage_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return 100.0 * tf.abs((targets - outputs[:, 0]) / tf.maximum(tf.abs(targets), EPSILON))


def _logarithmic_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    first, second = (tf.math.log(tf.maximum(v, EPSILON) + 1.0) for v in (outputs[:, 0], targets))
    return tf.math.squared_difference(first, second)


LARGEST_LOG = 30.0
"""Beyond it an expected rate grows as a straight line: its power would soon be infinite."""


def _rate(logs: tf.Tensor) -> tf.Tensor:
    kept = tf.minimum(logs, LARGEST_LOG)
    return tf.exp(kept) * (1.0 + logs - kept)


def _poisson(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    logs, y = outputs[:, 0], tf.exp(targets)
    return 2.0 * (_rate(logs) - y + y * (targets - logs))


def _gamma(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    left = targets - outputs[:, 0]
    return 2.0 * (_rate(left) - 1.0 - left)


ROW_LOSSES: dict[str, RowLosses] = {
    "cross_entropy": cross_entropy,
    "mse": squared_error,
    "mae": _absolute_error,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "mape": _percentage_error,
    "msle": _logarithmic_error,
    "poisson": _poisson,
    "gamma": _gamma,
}
"""The function of each loss in `agebo_hpc.space.recipe`, `LOSSES` and `LOG_LINK`, by its name."""


def quantile_loss(quantile: float) -> RowLosses:
    """Return the pinball losses of a quantile, between 0 and 1."""

    def of_rows(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        error = targets - outputs[:, 0]
        return tf.maximum(quantile * error, (quantile - 1.0) * error)

    return of_rows


def row_losses(name: str) -> RowLosses:
    """Return the losses that a recipe names: one of `ROW_LOSSES`, or ``quantile:Q``."""
    start, colon, quantile = name.partition(":")
    return quantile_loss(float(quantile)) if colon else ROW_LOSSES[start]


def of_members(losses: RowLosses) -> RowLosses:
    """Return losses that also take the outputs of a network's members: the mean over these.

    Parameters
    ----------
    losses
        Losses for outputs of shape (rows, outputs).

    Returns
    -------
    RowLosses
        Losses for these, and for outputs of shape (rows, members, outputs).
    """

    def of_rows(outputs: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        if outputs.shape.rank == 2:
            return losses(outputs, y)
        _, members, width = outputs.shape
        each = losses(tf.reshape(outputs, (-1, width)), tf.repeat(y, members))
        return tf.reduce_mean(tf.reshape(each, (-1, members)), axis=1)

    return of_rows


def smoothed(losses: RowLosses, amount: float) -> RowLosses:
    """Return the cross-entropy in which every class has a part of the label.

    Parameters
    ----------
    losses
        The cross-entropy of the labels themselves.
    amount
        Share of the label that is spread over all classes, in [0, 1).
    """

    def of_rows(outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        of_all = -tf.reduce_mean(tf.nn.log_softmax(outputs), axis=1)
        return (1 - amount) * losses(outputs, labels) + amount * of_all

    return of_rows


def weighted(losses: RowLosses, class_weights: Sequence[float]) -> RowLosses:
    """Return losses that are multiplied with the weight of the row's class."""
    weights = np.asarray(class_weights, np.float32)

    def of_rows(outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return losses(outputs, labels) * tf.gather(tf.constant(weights), labels)

    return of_rows


def of_weighted_rows(losses: RowLosses) -> Callable[[tf.Tensor, Targets], tf.Tensor]:
    """Return losses of rows that come with weights, by which they are multiplied."""

    def of_rows(outputs: tf.Tensor, targets: Targets) -> tf.Tensor:
        y, weights = targets
        return losses(outputs, y) * weights

    return of_rows
