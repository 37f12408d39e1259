"""The intervals of a model's scores on a part of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from agebo_hpc.data.target import RealCoding
from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.of_classes import ClassRows, class_intervals
from agebo_hpc.intervals.of_numbers import number_intervals
from agebo_hpc.intervals.resampled import metric_interval
from agebo_hpc.intervals.units import Units
from agebo_hpc.metrics.predictions import Classes, Numbers, Predictions, taken
from agebo_hpc.metrics.record import Metric
from agebo_hpc.metrics.table import find
from agebo_hpc.models.bundle import Model, Outputs

SEED = 0
"""Of the resamples: the same predictions have the same interval."""


def score_intervals(
    model: Model,
    outputs: Outputs,
    y: NDArray[Any],
    names: Sequence[str],
    groups: NDArray[Any] | None = None,
    weights: NDArray[Any] | None = None,
) -> dict[str, Interval]:
    """Return the 95 % intervals of scores, by name; those that have none are left out.

    Parameters
    ----------
    model
        Whose outputs these are.
    outputs, y
        Outputs, and encoded targets of shape (rows,).
    names
        Names of the scores, see `agebo_hpc.models.scores`.
    groups
        Group of each row, shape (rows,); None: rows are independent.
    weights
        What each row counts, shape (rows,); None: all count alike.
    """
    units = Units(len(y), groups, SEED)
    wide = None if weights is None else np.asarray(weights, np.float64)
    given: Predictions
    coding = model.preprocessing.target
    if isinstance(coding, RealCoding):
        truth, predicted = coding.decode(y), coding.predicted(outputs.raw[:, 0])
        given = Numbers(predicted, truth, wide, coding.mean)
        found = number_intervals(truth, predicted, units, [n for n in names if n != "loss"], wide)
        if "loss" in names:
            # In standard deviations of the target.
            coded, output = _in_deviations(coding, outputs, y)
            found |= number_intervals(coded, output, units, ["loss"], wide)
    else:
        rows = Classes.of_logits(outputs.raw, y, wide)
        given = replace(rows, decode=coding.decode, chosen=outputs.predicted)
        found = class_intervals(_class_rows(outputs, y, units, groups, wide), names)
    further = [name for name in names if name not in found]
    found |= {name: _of_metric(find(name), given, groups) for name in further}
    return {name: interval for name, interval in found.items() if interval is not None}


def _in_deviations(
    coding: RealCoding, outputs: Outputs, y: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return targets and predictions in standard deviations of the target."""
    if coding.transform is None:
        return np.asarray(y, np.float64), outputs.raw[:, 0].astype(np.float64)
    truth, predicted = coding.decode(y), coding.predicted(outputs.raw[:, 0])
    return (truth - coding.mean) / coding.scale, (predicted - coding.mean) / coding.scale


def _class_rows(
    outputs: Outputs,
    y: NDArray[Any],
    units: Units,
    groups: NDArray[Any] | None,
    weights: NDArray[np.float64] | None,
) -> ClassRows:
    wide = outputs.raw.astype(np.float64)
    two = wide.shape[1] == 2
    return ClassRows(
        losses=logsumexp(wide, axis=1) - wide[np.arange(len(y)), y],
        probabilities=outputs.probabilities,
        ranks=wide[:, 1:] - wide[:, :1] if two else outputs.probabilities.astype(np.float64),
        predicted=outputs.predicted,
        y=np.asarray(y),
        units=units,
        groups=groups,
        weights=weights,
        seed=SEED,
    )


def _of_metric(metric: Metric, given: Predictions, groups: NDArray[Any] | None) -> Interval | None:
    """Return the interval of a metric, as users know it, of which nothing else is known."""

    def shown(rows: NDArray[np.int64]) -> float | None:
        score = metric.score(taken(given, rows))
        return None if score is None else metric.shown(score)

    return metric_interval(shown, len(given.y), groups, SEED)
