"""How much a validation score flatters where these rows chose the network. Knows no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.intervals.optimism import error_of, gap_interval, optimism_at_most, told_optimism
from agebo_hpc.metrics.own import is_own
from agebo_hpc.metrics.record import Metric, kind_of
from agebo_hpc.metrics.table import metric_for
from agebo_hpc.models.description import ModelDescription


def optimism(description: ModelDescription, objectives: Sequence[float]) -> dict[str, Any] | None:
    """Return what the validation score of a model owes to the choice on these rows.

    Parameters
    ----------
    description
        With its scores.
    objectives
        Those of all evaluations that it was chosen among.

    Returns
    -------
    dict or None
        ``metric``, ``chosen_among`` (number of evaluations), ``validation``, ``test`` (None
        without test rows), ``at_most`` (how much the validation score is better at most in the
        mean, see `agebo_hpc.intervals.optimism`; None of an ensemble, and where its interval is
        not known), ``gap`` (how much it is better than that on test rows) and ``gap_interval``.
        None: there is no validation score, or nothing was chosen.
    """
    if is_own(description.metric):
        # A model runs no code of a file that it only names.
        return None
    metric = metric_for(
        description.metric, kind_of(description.task, len(description.class_labels or ()))
    )
    validation, around = _score_of(description, metric, "validation")
    if validation is None or len(objectives) < 2:
        return None
    test, around_test = _score_of(description, metric, "test")
    told: dict[str, Any] = {
        "metric": metric.shown_name,
        "chosen_among": len(objectives),
        "validation": validation,
        "test": test,
        "at_most": None,
        "gap": None,
        "gap_interval": None,
    }
    if around is not None and "members" not in description.graph:
        error = error_of(around)
        told["at_most"] = optimism_at_most(np.asarray(objectives), error)
    if test is not None and around is not None and around_test is not None:
        pair = (validation, around), (test, around_test)
        (one, of_one), (other, of_other) = pair[::-1] if metric.is_loss else pair
        told["gap"] = one - other
        told["gap_interval"] = list(gap_interval(one, of_one, other, of_other))
    return told


def _score_of(
    description: ModelDescription, metric: Metric, part: str
) -> tuple[float | None, tuple[float, float] | None]:
    """Return the score on a part, as users know it, and its interval."""
    scores = description.scores.get(part, {})
    intervals = description.scores.get("intervals", {}).get(part, {})
    name = next((n for n in (metric.shown_name, *metric.aliases) if n in scores), "")
    ends = intervals.get(name)
    return scores.get(name), None if ends is None else (float(ends[0]), float(ends[1]))


def interval_of_search(description: ModelDescription) -> tuple[float, float] | None:
    """Return the interval of the search's metric on the validation part, the larger the better."""
    if is_own(description.metric):
        return None
    metric = metric_for(
        description.metric, kind_of(description.task, len(description.class_labels or ()))
    )
    _, ends = _score_of(description, metric, "validation")
    return (-ends[1], -ends[0]) if ends is not None and metric.is_loss else ends


def optimism_text(description: ModelDescription) -> str:
    """Return what a reader should know of the validation score, in a sentence; empty: nothing."""
    told: Mapping[str, Any] | None = description.scores.get("optimism")
    if told is None:
        return ""
    return told_optimism(told, SearchMetric(told["metric"]).words, "members" in description.graph)
