"""Metrics that rank all rows, by scikit-learn; they cannot be summed over batches or shards.

Pure functions of predictions. What the rows do not allow is None: not every class occurs.
scikit-learn is loaded by the first of them, not by every process that trains.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agebo_hpc.metrics.predictions import Classes


def roc_auc(how: str = "ovr", average: str = "macro") -> Callable[[Classes], float | None]:
    """Return the area under the ROC curve.

    Parameters
    ----------
    how
        For more than two classes: each against the rest (``"ovr"``) or each against each other
        one (``"ovo"``).
    average
        Of these ``"macro"``: all count alike; ``"weighted"``: by their rows.
    """

    def score(given: Classes) -> float | None:
        if not _all_occur(given):
            return None
        from sklearn.metrics import roc_auc_score

        if given.num_classes == 2:
            return float(roc_auc_score(given.y, given.ranks[:, 0], sample_weight=given.weights))
        shares = given.probabilities / given.probabilities.sum(axis=1, keepdims=True)
        weights = {} if given.weights is None else {"sample_weight": given.weights}
        return float(roc_auc_score(given.y, shares, multi_class=how, average=average, **weights))

    return score


def average_precision(given: Classes) -> float | None:
    """Return the average precision, which is the area under the precision-recall curve.

    For more than two classes the mean over classes of one against the rest.
    """
    if not _all_occur(given):
        return None
    from sklearn.metrics import average_precision_score as score

    weights = given.weights
    if given.num_classes == 2:
        return float(score(given.y, given.ranks[:, 0], sample_weight=weights))
    of_each = [
        score(given.y == k, given.ranks[:, k], sample_weight=weights)
        for k in range(given.num_classes)
    ]
    return float(np.mean(of_each))


def _all_occur(given: Classes) -> bool:
    counted = given.y if given.weights is None else given.y[given.weights > 0]
    return len(np.unique(counted)) == given.num_classes
