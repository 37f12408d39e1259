"""A network against boosted trees on the same rows, with the interval of the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.baselines.kept import Kept, columns_kept, from_kept
from agebo_hpc.data.dataset import DataSet
from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.resampled import (
    MOST_CALLED_ROWS,
    OfWeights,
    metric_interval,
    resampled_interval,
)
from agebo_hpc.metrics.predictions import Classes, Predictions, decisions, taken
from agebo_hpc.metrics.record import Metric
from agebo_hpc.metrics.table import find

SEED = 0
"""Of the resamples: the same predictions have the same interval."""
MOST_CELLS, LEAST_ROWS = 100_000, 1_000
"""Numbers that a resample looks at, at most, where the rows are not fewer than these."""


@dataclass(frozen=True)
class Comparison:
    """Scores of a network and of boosting on the same rows, the larger the better.

    Attributes
    ----------
    part, rows, of_rows
        ``"test"`` or ``"validation"``; how many of its rows were looked at, and how many it has.
    network, boosting
        Their scores.
    interval
        95 % interval of the first less the second, from resamples of rows, or groups of rows,
        that are the same for both; None: it is not known.
    """

    part: str
    rows: int
    of_rows: int
    network: float
    boosting: float
    interval: Interval | None = None


def compare(network: Predictions, kept: Kept, dataset: DataSet) -> Comparison | None:
    """Hold a network against boosting on the rows whose predictions were kept.

    Parameters
    ----------
    network
        Its predictions for the rows ``kept.chosen`` of ``kept.part``.
    kept
        What boosting predicts for them.
    dataset
        What both belong to.

    Returns
    -------
    Comparison or None
        None: what was kept is not whole, or the rows do not allow the metric.
    """
    metric, part, rows = find(kept.metric), getattr(dataset, kept.part), kept.chosen
    try:
        pair = [_lean(given, metric) for given in (network, _boosting(kept, dataset, metric))]
        one, other = (metric.score(given) for given in pair)
    except (ValueError, LookupError):
        return None
    if one is None or other is None or not np.isfinite([one, other]).all():
        return None

    groups = None if part.groups is None else np.asarray(part.groups[rows])
    if metric.name == "accuracy":
        interval = _of_accuracies(pair, groups)
    else:
        most = max(LEAST_ROWS, MOST_CELLS // columns_kept(metric, dataset.num_outputs))
        interval = _of_any(metric, pair, groups, min(most, MOST_CALLED_ROWS))
    return Comparison(kept.part, len(rows), len(part.y), float(one), float(other), interval)


def _of_any(
    metric: Metric, pair: Sequence[Predictions], groups: NDArray[Any] | None, most: int
) -> Interval | None:
    def difference(chosen: NDArray[Any]) -> float | None:
        ours, theirs = (metric.score(taken(given, chosen)) for given in pair)
        return None if ours is None or theirs is None else ours - theirs

    return metric_interval(difference, len(pair[0].y), groups, SEED, most)


def _of_accuracies(pair: Sequence[Any], groups: NDArray[Any] | None) -> Interval | None:
    """Do as `_of_any` does with the usual metric, a mean over rows, in a hundredth of the time."""
    right = [np.asarray(given.predicted == given.y, np.float64) for given in pair]
    gap = right[0] - right[1]

    def make_score(chosen: NDArray[np.int64]) -> OfWeights:
        return lambda weights: weights @ gap[chosen] / weights.sum(axis=1)

    return resampled_interval(make_score, len(gap), groups, pair[0].weights, SEED)


def _boosting(kept: Kept, dataset: DataSet, metric: Metric) -> Predictions:
    """Return its predictions; `ValueError` or `LookupError`: there are none that can be used."""
    part, rows = getattr(dataset, kept.part), kept.chosen
    outputs = kept.outputs_of("boosting")
    if not np.isfinite(outputs).all():
        raise ValueError("some are no numbers")
    weights = None if part.weights is None else part.weights[rows]
    y, classes = np.asarray(part.y[rows]), dataset.num_outputs
    found = from_kept(outputs, metric, y, weights, classes, dataset.decode)
    if (
        isinstance(found, Classes)
        and not 0 <= found.predicted.min() <= found.predicted.max() < classes
    ):
        raise ValueError("some are of no class")
    return found


def _lean(given: Predictions, metric: Metric) -> Predictions:
    if isinstance(given, Classes) and metric.looks_at == "decision":
        return decisions(given)
    return given
