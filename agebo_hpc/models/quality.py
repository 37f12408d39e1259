"""Where a classifier errs and how far its probabilities can be believed. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

CALIBRATION_BINS = 10
"""Equal parts of the probabilities from 0 to 1 in a reliability table."""


@dataclass(frozen=True)
class ReliabilityRow:
    """Rows whose largest probability lies in one part of 0 to 1.

    Attributes
    ----------
    lower, upper
        Bounds of the part; the upper one belongs to it.
    rows
        Number of rows.
    confidence
        Mean of the largest probability.
    accuracy
        Share of them that are predicted right.
    weight
        What the rows count together.
    """

    lower: float
    upper: float
    rows: int
    confidence: float
    accuracy: float
    weight: float = 0.0


@dataclass(frozen=True)
class Quality:
    """More than one number about class predictions.

    Attributes
    ----------
    labels
        Original labels by class index.
    confusion
        Rows of each true class (outer) that were predicted as each class (inner); each counts
        once, whatever its weight.
    reliability
        The parts of 0 to 1 that have rows, in order; means by what the rows count.
    """

    labels: tuple[Any, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityRow, ...]

    @classmethod
    def of(
        cls,
        labels: tuple[Any, ...],
        predicted: NDArray[np.intp],
        probabilities: NDArray[np.float32],
        y: NDArray[np.int32],
        weights: NDArray[Any] | None = None,
    ) -> Quality:
        """Count how predictions of shape (rows,) and probabilities (rows, classes) meet `y`.

        `weights` is what each row counts, shape (rows,); None: all count alike.
        """
        counts = confusion_matrix(y, predicted, labels=np.arange(len(labels)))
        wide = None if weights is None else np.asarray(weights, np.float64)
        return cls(
            labels,
            tuple(tuple(int(n) for n in row) for row in counts),
            reliability(probabilities, probabilities.argmax(axis=1) == y, wide),
        )


def reliability(
    probabilities: NDArray[np.float32],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> tuple[ReliabilityRow, ...]:
    """Compare the largest probability of rows with how often it is right.

    Parameters
    ----------
    probabilities
        Shape (rows, classes), float32.
    right
        Whether each row is predicted right, shape (rows,).
    weights
        What each row counts in the means, shape (rows,); None: all count alike. Parts in which no
        row counts are left out.
    """
    counted = np.ones(len(right)) if weights is None else weights
    confidence = np.minimum(probabilities.max(axis=1).astype(np.float64), 1.0)
    part = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, None)
    return tuple(
        ReliabilityRow(
            int(number) / CALIBRATION_BINS,
            (int(number) + 1) / CALIBRATION_BINS,
            int((part == number).sum()),
            float(np.average(confidence[part == number], weights=counted[part == number])),
            float(np.average(right[part == number], weights=counted[part == number])),
            float(counted[part == number].sum()),
        )
        for number in np.unique(part[counted > 0])
    )


def calibration_error(table: tuple[ReliabilityRow, ...]) -> float:
    """Return the expected calibration error: the mean gap of a reliability table, by rows."""
    total = sum(row.weight for row in table)
    return sum(row.weight * abs(row.confidence - row.accuracy) for row in table) / total
