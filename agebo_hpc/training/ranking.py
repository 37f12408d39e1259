"""Metrics that rank all rows, by scikit-learn; they cannot be summed over batches or shards.

Pure functions of arrays. What the rows do not allow is None: not every class occurs. scikit-learn
is loaded by the first of them, not by every process that trains.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def roc_auc(scores: NDArray[np.floating], y: NDArray[np.int32]) -> float | None:
    """Return the area under the ROC curve.

    Parameters
    ----------
    scores
        For two classes a number that is larger for the second, shape (rows, 1); for more the
        probability of each, shape (rows, classes): the mean over classes of one against the rest.
    y
        Class indices, shape (rows,).
    """
    if not _all_occur(scores, y):
        return None
    from sklearn.metrics import roc_auc_score

    if scores.shape[1] == 1:
        return float(roc_auc_score(y, scores[:, 0]))
    shares = scores.astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    return float(roc_auc_score(y, shares, multi_class="ovr", average="macro"))


def average_precision(scores: NDArray[np.floating], y: NDArray[np.int32]) -> float | None:
    """Return the average precision, which is the area under the precision-recall curve.

    Parameters as of `roc_auc`.
    """
    if not _all_occur(scores, y):
        return None
    from sklearn.metrics import average_precision_score

    if scores.shape[1] == 1:
        return float(average_precision_score(y, scores[:, 0]))
    of_each = [average_precision_score(y == k, scores[:, k]) for k in range(scores.shape[1])]
    return float(np.mean(of_each))


def _all_occur(scores: NDArray[np.floating], y: NDArray[np.int32]) -> bool:
    classes = max(2, scores.shape[1])
    return len(np.unique(y)) == classes


RANKING_METRICS: dict[str, Callable[[NDArray[np.floating], NDArray[np.int32]], float | None]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
}
"""The function of each metric that ranks rows, by the name that a recipe gives."""
