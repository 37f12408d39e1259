"""Losses and metrics of a table that is divided among processes.

Losses, accuracy and R^2 are sums that TensorFlow makes, a float64 vector; what they mean is said
here and nowhere else. Every other metric is made of the outputs of the rows, see
`agebo_hpc.metrics`: its vector follows the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agebo_hpc.data.target import RealCoding
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.record import REGRESSION, Metric, Shards
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.losses import (
    RowLosses,
    of_members,
    of_weighted_rows,
    row_losses,
    smoothed,
    squared_error,
    weighted,
)
from agebo_hpc.training.rows import Targets

Decode = Callable[[NDArray[Any]], NDArray[Any]]
"""From the standardised target to the user's unit, or from class indices to labels."""

TargetLosses = Callable[[tf.Tensor, Targets], tf.Tensor]
Decision = Callable[[tf.Tensor], tf.Tensor]

SAME_NUMBER = 1e-3
"""Largest spread of predictions, in standard deviations of the target, that is one number."""
SAME_ODDS = 1e-3
"""Largest spread of the logarithm of the odds that is one probability."""


@dataclass(frozen=True)
class Task:
    """What a kind of target needs in training.

    Attributes
    ----------
    metric
        Name of the number to make large.
    losses
        (outputs, targets) -> loss of each row in training, float32; outputs of several members
        too. Targets are y, or y and what each row counts.
    sums
        (outputs, targets) -> float64 vector of sums over the rows; the first is the loss, to
        which no class counts more than another. The second is what the rows count, where that
        differs.
    metric_from_sums
        (summed vector, number of rows) -> metric.
    num_sums
        Length of the vector, without what `shards` adds.
    target_type
        TensorFlow's type of y.
    shards
        How the metric's own vector is made, which follows the sums; None: these are enough.
    is_weighted
        Whether targets come with weights.
    decision
        outputs -> what is predicted of each row, float64 tensor of shape (rows,): the index of
        the class, or the standardised number. Where the metric looks at probabilities, which
        tell rows apart that are all given to one class: a mean of the logarithms of the odds.
    decides_on, tolerance
        ``"class"`` or ``"number"``, and how far decisions of rows that are told apart lie from
        each other at least.
    """

    metric: str
    losses: TargetLosses
    sums: Callable[[tf.Tensor, Targets], tf.Tensor]
    metric_from_sums: Callable[[np.ndarray, int], float]
    num_sums: int
    target_type: tf.DType
    shards: Shards | None = None
    is_weighted: bool = False
    decision: Decision = lambda outputs: _class_of(outputs)
    decides_on: str = "class"
    tolerance: float = 0.0

    @property
    def target_spec(self) -> Any:
        """What a compiled function gets of the targets of rows."""
        y = tf.TensorSpec((None,), self.target_type)
        return (y, tf.TensorSpec((None,), tf.float32)) if self.is_weighted else y

    def loss_from_sums(self, sums: np.ndarray, num_rows: int) -> float:
        """Return the mean loss of ``num_rows`` rows from their summed vector."""
        return float(sums[0] / (sums[1] if self.is_weighted else num_rows))

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
    decode: Decode | None = None,
    is_weighted: bool = False,
    recoded: RealCoding | None = None,
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
    decode
        Gives metrics the user's unit or labels; None: they are those of the targets.
    is_weighted
        Whether rows count differently: targets come with weights then.
    recoded
        How targets are coded, where they are not standardised; takes the place of `decode`.

    Raises
    ------
    ConfigurationError
        If loss or metric are not of this kind of target.
    """
    recipe = recipe or Recipe()
    losses = row_losses(recipe.loss_of(kind))
    metric = recipe.metric_of(kind, num_outputs, is_weighted)
    smoothing = recipe.label_smoothing
    in_training = smoothed(losses, smoothing) if smoothing else losses
    in_training = of_members(
        weighted(in_training, class_weights) if class_weights else in_training
    )
    is_summed = metric.name in SUMMED and not is_weighted and recoded is None
    sums, from_sums, num_sums = _summed(metric.name if is_summed else "", losses, is_weighted)
    shards = None if is_summed else Shards(metric, num_outputs, decode, is_weighted)
    if recoded is not None and shards is not None:
        shards = replace(shards, decode=recoded.decode, predicted=recoded.predicted)
    task = Task(
        metric.name,
        of_weighted_rows(in_training) if is_weighted else in_training,
        sums,
        from_sums if shards is None else _from_shards(shards, num_sums),
        num_sums,
        tf.int32 if kind == "classification" else tf.float32,
        shards,
        is_weighted,
    )
    if kind == "regression":
        tolerance = SAME_NUMBER * (1.0 if recoded is None else recoded.unit)
        return replace(task, **OF_NUMBERS, tolerance=tolerance)
    return replace(task, **OF_ODDS) if metric.looks_at == "probabilities" else task


Summed = tuple[Callable[[tf.Tensor, Targets], tf.Tensor], Callable[[np.ndarray, int], float], int]
"""Sums, the metric that follows from them, and their number."""


def _of_accuracy(losses: RowLosses) -> Summed:
    return _classification_sums(losses), _accuracy, 2


def _of_r2(losses: RowLosses) -> Summed:
    return _regression_sums(losses), _r2, 4


SUMMED = {"accuracy": _of_accuracy, "r2": _of_r2}
"""Metrics that TensorFlow sums beside the loss, without a look at each row."""


def _summed(metric: str, losses: RowLosses, is_weighted: bool) -> Summed:
    if metric:
        return SUMMED[metric](losses)
    if not is_weighted:
        return lambda outputs, y: _sums(losses(outputs, y)), _accuracy, 1
    counted = of_weighted_rows(losses)
    return lambda outputs, targets: _sums(counted(outputs, targets), targets[1]), _accuracy, 2


OF_NUMBERS: dict[str, Any] = {
    "decision": lambda outputs: tf.cast(outputs[:, 0], tf.float64),
    "decides_on": "number",
}


def _classification_sums(losses: RowLosses) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    def sums(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        hits = tf.equal(tf.argmax(logits, axis=1, output_type=labels.dtype), labels)
        return _sums(losses(logits, labels), hits)

    return sums


def _odds_of(logits: tf.Tensor) -> tf.Tensor:
    """Return one number of each row that differs where the probabilities do.

    The classes after the first have weights of their own, lest changes of two undo each other.
    """
    odds = tf.cast(logits[:, 1:] - logits[:, :1], tf.float64)
    weights = tf.cast(tf.range(1, tf.shape(odds)[1] + 1), tf.float64)
    return tf.linalg.matvec(odds, weights / tf.reduce_sum(weights))


OF_ODDS: dict[str, Any] = {"decision": _odds_of, "tolerance": SAME_ODDS}


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


def _from_shards(shards: Shards, first: int) -> Callable[[np.ndarray, int], float]:
    def compute(sums: np.ndarray, num_rows: int) -> float:
        value = shards.score(sums[first:])
        if value is None:
            raise ConfigurationError(_not_allowed(shards.metric))
        return value

    return compute


def _not_allowed(metric: Metric) -> str:
    return (
        f"The validation part lacks a class, and {metric.shown_name} needs each of them; prepare "
        "the data set with a larger validation part, or choose another metric."
        if metric.kinds != (REGRESSION,)
        else f"The target of the validation part is one number, of which {metric.shown_name} "
        "cannot be computed; prepare the data set with a larger validation part."
    )


def _sums(*columns: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])
