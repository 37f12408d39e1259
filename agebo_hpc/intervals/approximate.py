"""The interval of a score of which the predictions are not at hand, from its value and the rows.

Accuracy: Wilson's, which needs no more. ROC AUC of two classes: Hanley and McNeil (1982), for the
logit. R^2: log(1 - R^2) of normal errors has the variance 4 R^2 / n. Rows in groups, or that
count differently, need their predictions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.proportion import TAIL, wilson

Z = float(ndtri(TAIL))


def approximate_interval(
    metric: str, score: float, rows: int, counts: Sequence[int] = ()
) -> Interval | None:
    """Return the 95 % interval of a score; None where its value and the rows do not tell it.

    Parameters
    ----------
    metric
        Name of the metric, see `agebo_hpc.metrics.table`.
    score
        Its value.
    rows
        Number of independent rows that count alike.
    counts
        Rows of each class, where there are classes.
    """
    if rows < 1:
        return None
    if metric == "accuracy" and 0 <= score <= 1:
        return wilson(score, rows)
    if metric == "r2" and 0 < score < 1:
        factor = np.exp(Z * 2 * np.sqrt(score / rows))
        return float(1 - (1 - score) * factor), float(1 - (1 - score) / factor)
    if metric == "roc_auc" and len(counts) == 2 and min(counts) > 1 and 0 < score < 1:
        return _roc_auc(score, *counts)
    return None


def _roc_auc(area: float, others: int, of_class: int) -> Interval:
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (of_class - 1) * (first - area**2) + (others - 1) * (second - area**2)
    spread = np.sqrt(variance / (of_class * others)) / (area * (1 - area))
    middle = np.log(area / (1 - area))
    low, high = 1 / (1 + np.exp(-np.array([middle - Z * spread, middle + Z * spread])))
    return float(low), float(high)
