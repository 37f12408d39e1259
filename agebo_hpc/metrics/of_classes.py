"""Metrics of predicted classes: of the confusion matrix, or means over rows.

scikit-learn computes what follows from a confusion matrix: its cells are rows with a weight.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from agebo_hpc.metrics.predictions import Classes, Floats, weights_of
from agebo_hpc.metrics.record import Sums

EPSILON = float(np.finfo(np.float64).eps)
"""What scikit-learn takes a probability of 0 for in its logarithm."""


def of_confusion(name: str, **options: Any) -> Sums:
    """Return a metric of the confusion matrix: scikit-learn's function of this name.

    Parameters
    ----------
    name
        Of a function in ``sklearn.metrics`` with the arguments y_true, y_pred, sample_weight.
    **options
        Its further arguments.
    """

    def value(sums: Floats, classes: int) -> float:
        from sklearn import metrics

        weights, rows = sums.reshape(2, classes, classes)
        truth, predicted = np.nonzero(rows)
        with warnings.catch_warnings():
            # A class that nothing is predicted as is no reason to warn in each epoch.
            warnings.simplefilter("ignore")
            function = getattr(metrics, name)
            cells = weights[truth, predicted]
            found = float(function(truth, predicted, sample_weight=cells, **options))
        return found if np.isfinite(found) else 0.0

    return Sums(_confusion, value)


def _confusion(given: Classes) -> Floats:
    """Return the weights and the rows of each cell, in one vector."""
    classes = given.num_classes
    cells = np.asarray(given.y, np.int64) * classes + np.asarray(given.predicted, np.int64)
    counts = [np.bincount(cells, weights, classes**2) for weights in (weights_of(given), None)]
    return np.concatenate(counts).astype(np.float64)


def mean_of(loss: Callable[[Classes], Floats]) -> Sums:
    """Return the mean over rows of a loss of each, with its sign turned."""

    def sums(given: Classes) -> Floats:
        weights = weights_of(given)
        return np.array([weights @ loss(given), weights.sum()])

    return Sums(sums, lambda summed, classes: float(-summed[0] / summed[1]))


def log_loss(given: Classes) -> Floats:
    """Return the cross-entropy of each row, in nats."""
    own = given.probabilities[np.arange(len(given.y)), given.y]
    losses: Floats = -np.log(np.clip(own, EPSILON, 1 - EPSILON))
    return losses


def brier(given: Classes) -> Floats:
    """Return the squared error of each row's probabilities; of two classes of the second one."""
    if given.num_classes == 2:
        of_second: Floats = (given.probabilities[:, 1] - given.y) ** 2
        return of_second
    own = given.probabilities[np.arange(len(given.y)), given.y]
    squares: Floats = (given.probabilities**2).sum(axis=1) - own**2 + (1 - own) ** 2
    return squares


def d2(name: str) -> Callable[[Classes], float | None]:
    """Return scikit-learn's share of a loss that is explained, by the name of its function."""

    def score(given: Classes) -> float | None:
        if len(np.unique(given.y)) < 2:
            return None
        from sklearn import metrics

        labels = np.arange(given.num_classes)
        options = {"sample_weight": given.weights, "labels": labels}
        if name == "d2_brier_score" and given.num_classes == 2:
            return float(metrics.d2_brier_score(given.y, given.probabilities[:, 1], **options))
        return float(getattr(metrics, name)(given.y, given.probabilities, **options))

    return score
