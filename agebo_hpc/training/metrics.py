"""Losses and metrics as sums over rows, so that the sum over shards is exact.

A task's sums are a float64 vector; what they mean and how the metric follows from them is said
here and nowhere else. A metric that ranks rows needs the scores of all of them: these are a part
of the vector then, each in its own place and 0 in the vectors of the other shards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.losses import (
    ROW_LOSSES,
    RowLosses,
    of_members,
    smoothed,
    squared_error,
    weighted,
)
from agebo_hpc.training.ranking import RANKING_METRICS

RowScores = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(outputs, y) -> float64 tensor of shape (rows, columns): what a metric needs of each row."""

Decision = Callable[[tf.Tensor], tf.Tensor]

SAME_NUMBER = 1e-3
"""Largest spread of predictions, in standard deviations of the target, that is one number."""


@dataclass(frozen=True)
class Task:
    """What a kind of target needs in training.

    Attributes
    ----------
    metric
        Name of the number to make large.
    losses
        (outputs, y) -> loss of each row in training, float32; outputs of several members too.
    sums
        (outputs, y) -> float64 vector of sums over the rows; the first is the loss, in which all
        rows count alike.
    metric_from_sums
        (summed vector, number of rows) -> metric.
    num_sums
        Length of the vector, without what `row_scores` adds.
    target_type
        TensorFlow's type of y.
    row_scores, num_scores
        What follows the sums for each row of the whole table, in order, and how many numbers
        that are; None and 0 where the metric needs sums only.
    decision
        outputs -> what is predicted of each row, float64 tensor of shape (rows,): the index of
        the class, or the standardised number.
    decides_on, tolerance
        ``"class"`` or ``"number"``, and how far decisions of rows that are told apart lie from
        each other at least.
    """

    metric: str
    losses: RowLosses
    sums: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    metric_from_sums: Callable[[np.ndarray, int], float]
    num_sums: int
    target_type: tf.DType
    row_scores: RowScores | None = None
    num_scores: int = 0
    decision: Decision = lambda outputs: _class_of(outputs)
    decides_on: str = "class"
    tolerance: float = 0.0

    def predicts_one(self, lowest: float, highest: float) -> str:
        """Return of what one and the same is predicted for all rows; empty: these are told apart.

        Parameters
        ----------
        lowest, highest
            The smallest and the largest decision over all rows.
        """
        return self.decides_on if highest - lowest <= self.tolerance else ""


def make_task(
    kind: str,
    num_outputs: int = 2,
    recipe: Recipe | None = None,
    class_weights: Sequence[float] = (),
) -> Task:
    """Return what training needs to know of a kind of target.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    num_outputs
        Number of the network's outputs: classes, or 1.
    recipe
        Gives loss and metric; None: the kind's own.
    class_weights
        Weights by class index; empty: all rows count alike.

    Raises
    ------
    ConfigurationError
        If loss or metric are not of this kind of target.
    """
    recipe = recipe or Recipe()
    losses = ROW_LOSSES[recipe.loss_of(kind)]
    metric = recipe.metric_of(kind)
    smoothing = recipe.label_smoothing
    in_training = smoothed(losses, smoothing) if smoothing else losses
    in_training = of_members(
        weighted(in_training, class_weights) if class_weights else in_training
    )
    if kind == "regression":
        return Task(
            metric,
            in_training,
            _regression_sums(losses),
            _r2,
            4,
            tf.float32,
            decision=lambda outputs: tf.cast(outputs[:, 0], tf.float64),
            decides_on="number",
            tolerance=SAME_NUMBER,
        )
    if metric in RANKING_METRICS:
        columns = (1 if num_outputs == 2 else num_outputs) + 1
        return Task(
            metric,
            in_training,
            lambda outputs, y: _sums(losses(outputs, y)),
            _ranking(metric, columns),
            1,
            tf.int32,
            _class_scores,
            columns,
        )
    return Task(metric, in_training, _classification_sums(losses), _accuracy, 2, tf.int32)


def _classification_sums(losses: RowLosses) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def sums(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=labels.dtype), labels)
        return _sums(losses(logits, labels), hits)

    return sums


def _class_of(logits: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32), tf.float64)


def _accuracy(sums: np.ndarray, num_rows: int) -> float:
    return float(sums[1] / num_rows)


def _regression_sums(losses: RowLosses) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def sums(outputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        targets64 = tf.cast(targets, tf.float64)
        errors = squared_error(outputs, targets)
        return _sums(losses(outputs, targets), targets64, tf.square(targets64), errors)

    return sums


def _r2(sums: np.ndarray, num_rows: int) -> float:
    _, total, total_of_squares, residual = sums
    return float(1 - residual / (total_of_squares - total**2 / num_rows))


def _class_scores(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return what ranks the rows, and their labels.

    Of two classes the difference of the logits: it ranks as the probability does, without its
    rounding to 1. Of more the probability of each.
    """
    if logits.shape[1] == 2:
        shares = logits[:, 1:] - logits[:, :1]
    else:
        shares = tf.nn.softmax(tf.cast(logits, tf.float64))
    columns = [tf.cast(shares, tf.float64), tf.cast(labels, tf.float64)[:, None]]
    return tf.concat(columns, axis=1)


def _ranking(metric: str, columns: int) -> Callable[[np.ndarray, int], float]:
    def compute(sums: np.ndarray, num_rows: int) -> float:
        table = sums[1:].reshape(num_rows, columns)
        value = RANKING_METRICS[metric](table[:, :-1], table[:, -1].astype(np.int32))
        if value is None:
            raise ConfigurationError(
                f"The validation part lacks a class, and {metric} needs each of them; prepare the "
                "data set with a larger validation part, or choose another metric."
            )
        return value

    return compute


def _sums(*columns: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])
