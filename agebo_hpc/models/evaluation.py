"""Scoring a model on a part of a prepared data set that fits it, and measuring its speed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import DataSet, Part
from agebo_hpc.data.network_rows import NetworkRows, network_rows
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.target import RealCoding
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.intervals.interval import Interval
from agebo_hpc.metrics.own import is_own
from agebo_hpc.metrics.record import Metric, kind_of
from agebo_hpc.metrics.table import metric_for
from agebo_hpc.models.bundle import BATCH_ROWS, Model, Outputs
from agebo_hpc.models.description import ModelDescription, trained_parts
from agebo_hpc.models.fit import check_fits, check_part
from agebo_hpc.models.quality import Quality
from agebo_hpc.models.scores import Scores, classification_scores, regression_scores
from agebo_hpc.models.uncertainty import score_intervals

MIN_SECONDS = 0.3
"""Length of a measurement of speed: whole passes are repeated until then."""


@dataclass(frozen=True)
class Evaluated:
    """How a model does on a part of a data set.

    Attributes
    ----------
    part, rows
        Which rows, and how many.
    scores
        Metric -> value, see `agebo_hpc.models.scores`.
    rows_per_second
        Speed of the network on prepared features, in batches of `BATCH_ROWS`.
    same_data
        Whether it is the data set that the model was trained on.
    trained_on
        Whether these very rows were used in training.
    quality
        Confusion matrix and reliability table; None for a regression.
    intervals
        Metric -> lower and upper end of its 95 % interval, for those that have one.
    """

    part: str
    rows: int
    scores: Scores
    rows_per_second: float
    same_data: bool
    trained_on: bool
    quality: Quality | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)


def evaluate_model(
    model: Model, dataset: DataSet, part: str = "test", metrics: Sequence[str] = ()
) -> Evaluated:
    """Score a model on a part of a prepared data set.

    Parameters
    ----------
    model
        What to score.
    dataset
        Prepared in the same way as the data set that the model was trained on.
    part
        ``"train"``, ``"validation"`` or ``"test"``.
    metrics
        Names of further metrics, see `agebo_hpc.metrics.table.find`.

    Raises
    ------
    UsageError
        If there is no such part.
    ConfigurationError
        If a metric is not known or does not fit.
    DataError
        If the data set does not fit the model, or the part has no rows.
    """
    if part not in PARTS:
        raise UsageError(f"The part is {part!r}; choose among {', '.join(PARTS)}.")
    check_fits(model.description, dataset)
    check_part(dataset, part)
    dataset = dataset.with_target(model.preprocessing.target)
    further = metrics_of(model.description, metrics, dataset.is_weighted)
    if dataset.task == "regression":
        further = _allowed(further, len(metrics), dataset, part)
    rows = getattr(dataset, part)
    outputs, speed = run_timed(model, network_rows(rows, model.takes_codes))
    same = dataset.fingerprint == model.description.data.get("fingerprint")
    scores = score(model, outputs, rows.y, further, rows.weights)
    return Evaluated(
        part,
        len(rows.y),
        scores,
        speed,
        same,
        same and part in trained_parts(model.description),
        _quality(model, outputs, rows),
        score_intervals(model, outputs, rows.y, list(scores), rows.groups, rows.weights),
    )


def _allowed(
    further: Sequence[Metric], num_asked: int, dataset: DataSet, part: str
) -> list[Metric]:
    """Leave out what the targets of a part do not allow; refuse it among the last, asked for."""
    least = dataset.least_target((part,))
    for metric in further[len(further) - num_asked :]:
        metric.check_targets(least, dataset.target)
    return [metric for metric in further if least >= metric.least]


def _quality(model: Model, outputs: Outputs, rows: Part) -> Quality | None:
    if model.class_labels is None:
        return None
    predicted = outputs.predicted
    return Quality.of(model.class_labels, predicted, outputs.probabilities, rows.y, rows.weights)


def metrics_of(
    description: ModelDescription, names: Sequence[str] = (), weighted: bool = False
) -> list[Metric]:
    """Return the metric that a model was searched for, and further ones by name.

    Raises
    ------
    ConfigurationError
        If one is not known or does not fit.
    """
    kind = kind_of(description.task, len(description.class_labels or ()))
    further = [metric_for(name, kind, weighted) for name in names]
    own = description.metric
    # A model runs no code of a file that it only names.
    if own == "auto" or is_own(own):
        return further
    return [metric_for(own, kind), *further]


def score(
    model: Model,
    outputs: Outputs,
    y: NDArray[np.int32] | NDArray[np.float32],
    metrics: Sequence[Metric] = (),
    weights: NDArray[np.float32] | NDArray[np.float64] | None = None,
) -> Scores:
    """Score outputs of a model against encoded targets of shape (rows,).

    Further metrics beside the usual ones are `metrics`; `weights` is what each row counts, of
    shape (rows,), None where all count alike.

    Raises
    ------
    DataError
        If the network gives infinite numbers or NaN.
    """
    wrong = int((~np.isfinite(outputs.raw)).any(axis=1).sum())
    if wrong:
        raise DataError(
            f"The network gives infinite numbers or NaN for {wrong} of {len(y)} rows; "
            f"retrain it, or choose another --rank."
        )
    coding = model.preprocessing.target
    wide = None if weights is None else np.asarray(weights, np.float64)
    if isinstance(coding, RealCoding):
        predicted = coding.predicted(outputs.raw[:, 0])
        return regression_scores(
            predicted, coding.decode(y), coding.mean, coding.scale, metrics, wide
        )
    return classification_scores(
        outputs.raw,
        outputs.probabilities,
        y.astype(np.int32),
        metrics,
        wide,
        coding.decode,
        outputs.predicted,
    )


def run_timed(model: Model, x: NDArray[np.float32] | NetworkRows) -> tuple[Outputs, float]:
    """Run a model on features and measure how many rows it does in a second.

    The first call, which compiles, is not counted; few rows are run several times.

    Returns
    -------
    outputs : Outputs
    rows_per_second : float
    """
    model.outputs(x[:BATCH_ROWS])
    began = time.perf_counter()
    outputs, passes = model.outputs(x), 1
    while time.perf_counter() - began < MIN_SECONDS:
        outputs, passes = model.outputs(x), passes + 1
    return outputs, passes * len(x) / (time.perf_counter() - began)
