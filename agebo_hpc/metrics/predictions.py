"""What a metric looks at: the predictions of some rows, their targets and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Classes:
    """Predictions of classes.

    Attributes
    ----------
    probabilities
        Shape (rows, classes), float64, each row of sum 1.
    y
        Class indices, shape (rows,).
    weights
        What each row counts, shape (rows,), >= 0; None: all count alike.
    margin
        For two classes a number that is larger for the second and ranks as its probability does,
        without the rounding to 1; None: the probability.
    chosen
        Predicted class of each row; None: the most probable.
    decode
        From class indices to labels; None: they are their own.
    """

    probabilities: Floats
    y: NDArray[Any]
    weights: Floats | None = None
    margin: Floats | None = None
    chosen: NDArray[Any] | None = None
    decode: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    @classmethod
    def of_logits(
        cls, logits: NDArray[Any], y: NDArray[Any], weights: Floats | None = None
    ) -> Classes:
        """Return the predictions of a network's outputs, shape (rows, classes)."""
        wide = np.asarray(logits, np.float64)
        powers = np.exp(wide - wide.max(axis=1, keepdims=True))
        margin = wide[:, 1] - wide[:, 0] if wide.shape[1] == 2 else None
        shares = powers / powers.sum(axis=1, keepdims=True)
        return cls(shares, y, weights, margin, wide.argmax(axis=1))

    @property
    def num_classes(self) -> int:
        """Classes that the model knows."""
        return int(self.probabilities.shape[1])

    @cached_property
    def predicted(self) -> NDArray[Any]:
        """The predicted class of each row, shape (rows,)."""
        return self.probabilities.argmax(axis=1) if self.chosen is None else self.chosen

    @cached_property
    def ranks(self) -> Floats:
        """What ranks the rows: of shape (rows, 1) for two classes, else the probabilities."""
        if self.num_classes != 2:
            return self.probabilities
        return self.probabilities[:, 1:] if self.margin is None else self.margin[:, None]


@dataclass(frozen=True, eq=False)
class Numbers:
    """Predictions of a number, in the user's unit.

    Attributes
    ----------
    values, y
        Predictions and targets, shape (rows,), float64.
    weights
        What each row counts, shape (rows,), >= 0; None: all count alike.
    centre
        A number in the middle of the targets, the same for all shards: sums of squares of what is
        left lose no digits.
    """

    values: Floats
    y: Floats
    weights: Floats | None = None
    centre: float = 0.0


Predictions = Classes | Numbers


def weights_of(predictions: Predictions) -> Floats:
    """Return what each row counts, shape (rows,)."""
    given = predictions.weights
    return np.ones(len(predictions.y)) if given is None else given


def taken(predictions: Predictions, rows: NDArray[Any]) -> Predictions:
    """Return the predictions of some rows, by number; some of them again and again."""
    arrays = {f.name: getattr(predictions, f.name) for f in fields(predictions)}
    changed: Any = {n: _rows_of(a, rows) for n, a in arrays.items() if isinstance(a, np.ndarray)}
    return replace(predictions, **changed)


def decisions(predictions: Classes) -> Classes:
    """Return the predicted classes alone, which need little memory."""
    none = np.broadcast_to(0.0, predictions.probabilities.shape)
    return replace(predictions, probabilities=none, margin=None, chosen=predictions.predicted)


def _rows_of(array: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    if array.strides[0]:
        taken_rows: NDArray[Any] = array[rows]
        return taken_rows
    # All rows are the same one in memory, and stay so.
    return np.broadcast_to(array[:1], (len(rows), *array.shape[1:]))
