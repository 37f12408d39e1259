"""Scores of predictions, by scikit-learn, in the target's own terms.

Pure functions of arrays. A score that the rows do not allow is None: the ROC AUC of rows of one
class, the R^2 of a single row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from agebo_hpc.metrics.predictions import Classes, Numbers, Predictions
from agebo_hpc.metrics.record import Metric
from agebo_hpc.metrics.table import find
from agebo_hpc.models.quality import calibration_error, reliability

Scores = dict[str, float | None]


def classification_scores(
    logits: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    y: NDArray[np.int32],
    metrics: Sequence[Metric] = (),
    weights: NDArray[np.float64] | None = None,
    decode: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    chosen: NDArray[Any] | None = None,
) -> Scores:
    """Score class predictions.

    Parameters
    ----------
    logits, probabilities
        Shape (rows, classes), float32.
    y
        Class indices, shape (rows,).
    metrics
        Further ones.
    weights
        What each row counts, shape (rows,); None: all count alike.
    decode
        From class indices to labels, which functions of a user's own get; None: they are the same.
    chosen
        Index of the predicted class of each row, shape (rows,); None: the most probable.

    Returns
    -------
    dict
        ``loss`` (mean cross-entropy, nats), ``accuracy``, ``balanced_accuracy`` (mean recall of
        the classes that occur), ``roc_auc`` and ``average_precision`` (of the second of two
        classes, or the mean over classes of one against the rest; None unless every class
        occurs), ``calibration_error`` (see `agebo_hpc.models.quality`); then further ones, by the
        names that users know them by.
    """
    wide = logits.astype(np.float64)
    losses = logsumexp(wide, axis=1) - wide[np.arange(len(y)), y]
    predicted = logits.argmax(axis=1)
    decided = predicted if chosen is None else chosen
    given = replace(Classes.of_logits(logits, y, weights), decode=decode, chosen=decided)
    scores: Scores = {
        "loss": float(np.average(losses, weights=weights)),
        "accuracy": find("accuracy").score(given),
        "balanced_accuracy": find("balanced_accuracy").score(given),
        "roc_auc": find("roc_auc").score(given),
        "average_precision": find("average_precision").score(given),
        "calibration_error": calibration_error(
            reliability(probabilities, predicted == y, weights)
        ),
    }
    return _with(scores, metrics, given)


def regression_scores(
    predicted: NDArray[np.float64],
    truth: NDArray[np.float64],
    mean: float,
    scale: float,
    metrics: Sequence[Metric] = (),
    weights: NDArray[np.float64] | None = None,
) -> Scores:
    """Score predictions of a real target.

    Parameters
    ----------
    predicted, truth
        Predictions and targets in the user's unit, shape (rows,).
    mean, scale
        Mean and deviation of the target in the training part.
    metrics
        Further ones.
    weights
        What each row counts, shape (rows,); None: all count alike.

    Returns
    -------
    dict
        ``loss`` (mean squared error in squares of this deviation), ``r2`` (None for a single row
        or a constant target), ``mse`` and ``mae`` in the original unit; then further ones, by the
        names that users know them by.
    """
    varies = len(truth) > 1 and truth.min() < truth.max()
    mse = float(mean_squared_error(truth, predicted, sample_weight=weights))
    scores: Scores = {
        "loss": mse / scale**2,
        "r2": float(r2_score(truth, predicted, sample_weight=weights)) if varies else None,
        "mse": mse,
        "mae": float(mean_absolute_error(truth, predicted, sample_weight=weights)),
    }
    return _with(scores, metrics, Numbers(predicted, truth, weights, mean))


def _with(scores: Scores, metrics: Sequence[Metric], given: Predictions) -> Scores:
    """Return scores with those of further metrics, of which none is told twice."""
    for metric in metrics:
        if scores.keys().isdisjoint((metric.shown_name, *metric.aliases)):
            score = metric.score(given)
            scores[metric.shown_name] = None if score is None else metric.shown(score)
    return scores
