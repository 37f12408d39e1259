"""From which probability on the second of two classes is predicted: by a metric, or by costs.

The threshold is chosen on validation rows, between their probabilities, where the score is best;
of equal ones the one that is nearest to a half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.errors import UsageError
from agebo_hpc.metrics.predictions import Classes, weights_of
from agebo_hpc.metrics.record import BINARY, Metric
from agebo_hpc.metrics.table import METRICS, metric_for

MOST_CANDIDATES = 500
"""Thresholds that are tried: of more, evenly spread among the rows."""


@dataclass(frozen=True)
class Decision:
    """A threshold, and what it is good for on the validation rows.

    Attributes
    ----------
    threshold
        Probability of the second class from which on it is predicted.
    by
        Metric or costs, in words; empty: the threshold was given.
    before, after
        Value of that at a half and at the threshold; None where the threshold was given.
    """

    threshold: float
    by: str = ""
    before: float | None = None
    after: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


def check_decision(threshold: str | None, cost: tuple[float, float] | None, data: DataSet) -> None:
    """Check that a decision can be made as is asked, before anything is trained.

    Raises
    ------
    UsageError
        If the data have not two classes, or the metric does not look at decisions.
    ConfigurationError
        If there is no such metric, or it does not fit.
    """
    if threshold is None and cost is None:
        return
    if data.num_outputs != 2:
        what = "--threshold" if cost is None else "--cost"
        raise UsageError(
            f"{what} is for two classes, but {data.path} has "
            f"{'numbers' if data.class_labels is None else f'{data.num_outputs} classes'}; leave "
            "it out."
        )
    if threshold is not None and fixed(threshold) is None:
        _metric(threshold, data.is_weighted)


def fixed(threshold: str) -> float | None:
    """Return the threshold that a text is; None: it is the name of a metric.

    Raises
    ------
    UsageError
        If it is a number that is no probability.
    """
    try:
        value = float(threshold)
    except ValueError:
        return None
    if not 0 < value < 1:
        raise UsageError(
            f"--threshold is {threshold}; give a number between 0 and 1, or a metric."
        )
    return value


def _metric(name: str, weighted: bool) -> Metric:
    metric = metric_for(name, BINARY, weighted)
    if metric.looks_at != "decision":
        fit = [m.name for m in METRICS if BINARY in m.kinds and m.looks_at == "decision"]
        raise UsageError(
            f"--threshold is {name}, which does not depend on one; choose among {', '.join(fit)}."
        )
    return metric


def decide(
    given: Classes, threshold: str | None = None, cost: tuple[float, float] | None = None
) -> Decision:
    """Return the decision that is asked for.

    Parameters
    ----------
    given
        Predictions of validation rows, of two classes.
    threshold
        A number as text, or the name of a metric that is made large.
    cost
        What it costs to predict the second class wrongly, and to miss it; the mean is made small.
    """
    if threshold is not None:
        value = fixed(threshold)
        if value is not None:
            return Decision(value)
        metric = _metric(threshold, given.weights is not None)
        found, scores = _best(given, lambda some: float(metric.score(some) or 0.0))
        return Decision(found, metric.shown_name, *map(metric.shown, scores))
    assert cost is not None
    found, scores = _best(given, lambda some: -_mean_cost(some, *cost))
    words = f"mean cost of {cost[0]:g} for a false and {cost[1]:g} for a missed one"
    return Decision(found, words, -scores[0], -scores[1])


def _mean_cost(given: Classes, false: float, missed: float) -> float:
    wrong = np.where(given.y == 0, false, missed) * (given.predicted != given.y)
    return float(np.average(wrong, weights=weights_of(given)))


def _best(given: Classes, score: Callable[[Classes], float]) -> tuple[float, tuple[float, float]]:
    """Return the best threshold, and the scores at a half and there."""
    second = given.probabilities[:, 1]
    candidates = _candidates(second)
    scores = np.array([score(_at(given, t)) for t in candidates])
    best = np.flatnonzero(scores == scores.max())
    chosen = best[np.argmin(np.abs(candidates[best] - 0.5))]
    return float(candidates[chosen]), (score(_at(given, 0.5)), float(scores[chosen]))


def _candidates(second: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.unique(second)
    if len(known) > MOST_CANDIDATES:
        known = np.quantile(second, np.linspace(0, 1, MOST_CANDIDATES))
    between = (known[1:] + known[:-1]) / 2
    return np.unique(np.concatenate([between[(between > 0) & (between < 1)], [0.5]]))


def _at(given: Classes, threshold: float) -> Classes:
    return replace(given, chosen=(given.probabilities[:, 1] >= threshold).astype(np.int32))
