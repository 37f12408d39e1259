"""Losses and metrics as sums over rows, so that the sum over shards is exact.

A task's sums are a float64 vector; what they mean and how the metric follows from them is said
here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from agebo_hpc.space.problem import METRICS


@dataclass(frozen=True)
class Task:
    """What a kind of target needs in training.

    Attributes
    ----------
    metric
        Name of the number to make large.
    losses
        (outputs, y) -> loss of each row, float32.
    sums
        (outputs, y) -> float64 vector of sums over the rows; the first is the loss.
    metric_from_sums
        (summed vector, number of rows) -> metric.
    num_sums
        Length of the vector.
    target_type
        Of y.
    """

    metric: str
    losses: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    sums: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    metric_from_sums: Callable[[np.ndarray, int], float]
    num_sums: int
    target_type: tf.DType


def _cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels).loss


def _classification_sums(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    hits = tf.equal(tf.argmax(logits, axis=1, output_type=labels.dtype), labels)
    return _sums(_cross_entropy(logits, labels), hits)


def _accuracy(sums: np.ndarray, num_rows: int) -> float:
    return float(sums[1] / num_rows)


def _squared_error(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    return tf.math.squared_difference(outputs[:, 0], targets)


def _regression_sums(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    targets64 = tf.cast(targets, tf.float64)
    return _sums(_squared_error(outputs, targets), targets64, tf.square(targets64))


def _r2(sums: np.ndarray, num_rows: int) -> float:
    residual, total, total_of_squares = sums
    return float(1 - residual / (total_of_squares - total**2 / num_rows))


def _sums(*columns: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])


TASKS = {
    "classification": Task(
        METRICS["classification"], _cross_entropy, _classification_sums, _accuracy, 2, tf.int32
    ),
    "regression": Task(
        METRICS["regression"], _squared_error, _regression_sums, _r2, 3, tf.float32
    ),
}
