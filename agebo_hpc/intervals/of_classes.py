"""The intervals of scores of predicted classes, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.intervals.interval import Interval, interval_of_mean
from agebo_hpc.intervals.proportion import share_interval
from agebo_hpc.intervals.ranking import (
    Ranked,
    average_precision,
    ranking_interval,
    roc_auc,
)
from agebo_hpc.intervals.resampled import OfWeights, resampled_interval
from agebo_hpc.intervals.smooth import POSITIVE, SHARE, smooth_interval
from agebo_hpc.intervals.units import Units

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassRows:
    """Predictions of classes, and what is independent among their rows.

    Attributes
    ----------
    losses
        Cross-entropy of each row, shape (rows,).
    probabilities
        Shape (rows, classes).
    ranks
        What ranks the rows: of shape (rows, 1) for two classes, else the probabilities.
    predicted, y
        Predicted and true class index, shape (rows,).
    units
        What is drawn.
    groups, weights, seed
        Group and weight of each row, shape (rows,), or None; seed of the draws.
    """

    losses: Array
    probabilities: NDArray[Any]
    ranks: Array
    predicted: NDArray[Any]
    y: NDArray[Any]
    units: Units
    groups: NDArray[Any] | None = None
    weights: Array | None = None
    seed: int = 0

    @property
    def weight(self) -> Array:
        """Weight of each row."""
        return np.ones(len(self.y)) if self.weights is None else self.weights

    @property
    def hits(self) -> Array:
        """1 for each row that is predicted right, else 0."""
        hits: Array = (self.predicted == self.y).astype(np.float64)
        return hits

    @property
    def surest_hits(self) -> Array:
        """1 for each row whose most probable class is right, whatever is predicted, else 0."""
        hits: Array = (self.probabilities.argmax(axis=1) == self.y).astype(np.float64)
        return hits


def _loss(rows: ClassRows) -> Interval | None:
    columns = np.stack([rows.weight * rows.losses, rows.weight], axis=1)
    return smooth_interval(columns, lambda s: s[..., 0] / s[..., 1], rows.units, POSITIVE)


def _accuracy(rows: ClassRows) -> Interval | None:
    return share_interval(rows.hits, rows.units, rows.weights)


def _balanced_accuracy(rows: ClassRows) -> Interval | None:
    """Return the interval of a mean of shares from those of the shares.

    Rows of a group may be of several classes: there the sums are resampled.
    """
    present = np.unique(rows.y)
    if rows.groups is not None or rows.weights is not None:
        return _resampled_recall(rows, present)
    shares, ends = [], []
    for label in present:
        hits = rows.hits[rows.y == label]
        found = share_interval(hits, Units(len(hits)))
        assert found is not None
        shares.append(float(hits.mean()))
        ends.append(found)
    return interval_of_mean(shares, ends)


def _resampled_recall(rows: ClassRows, present: NDArray[Any]) -> Interval | None:
    of_class = (rows.y[:, None] == present) * rows.weight[:, None]
    columns = np.concatenate([of_class * rows.hits[:, None], of_class], axis=1)

    def recall(sums: Array) -> Array:
        found, there = np.split(sums, 2, axis=-1)
        mean: Array = np.nanmean(found / there, axis=-1)
        return mean

    return smooth_interval(columns, recall, rows.units, SHARE)


def _ranking(ranked: Ranked) -> Callable[[ClassRows], Interval | None]:
    return lambda rows: ranking_interval(ranked, rows.ranks, rows.y, rows.units, rows.weights)


def _calibration_error(rows: ClassRows) -> Interval | None:
    confidence = np.minimum(rows.probabilities.max(axis=1).astype(np.float64), 1.0)
    part = np.clip(np.ceil(confidence * 10).astype(int) - 1, 0, None)
    gaps = (confidence - rows.surest_hits)[:, None] * (part[:, None] == np.arange(10))

    def make_score(taken: NDArray[np.int64]) -> OfWeights:
        own = gaps[taken]
        return lambda weights: np.abs(weights @ own).sum(axis=1) / weights.sum(axis=1)

    return resampled_interval(make_score, len(rows.y), rows.groups, rows.weights, rows.seed)


OF_CLASSES: dict[str, Callable[[ClassRows], Interval | None]] = {
    "loss": _loss,
    "log_loss": _loss,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _ranking(roc_auc),
    "average_precision": _ranking(average_precision),
    "calibration_error": _calibration_error,
}
"""By the name of the score."""


def class_intervals(rows: ClassRows, names: Sequence[str]) -> dict[str, Interval | None]:
    """Return the intervals of scores by name; None where the rows do not allow one."""
    return {name: OF_CLASSES[name](rows) for name in names if name in OF_CLASSES}
