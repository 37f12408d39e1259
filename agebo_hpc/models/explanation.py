"""What a report says of how a model predicts: on rows that it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.analysis.reported_model import Explanation
from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.data.target import RealCoding
from agebo_hpc.errors import ConfigurationError, DataError
from agebo_hpc.metrics.predictions import Classes, Numbers
from agebo_hpc.metrics.record import Metric, kind_of
from agebo_hpc.metrics.table import find, metric_for
from agebo_hpc.models.bundle import Model, Outputs
from agebo_hpc.models.column_importance import (
    ColumnImportance,
    Predictions,
    Score,
    column_importance,
    inputs_of_columns,
)
from agebo_hpc.models.description import trained_parts
from agebo_hpc.models.evaluation import score
from agebo_hpc.models.fit import check_fits
from agebo_hpc.models.quality import Quality, calibration_error

MOST_ROWS = 100_000
"""Of a part, that are predicted; of more, some are drawn."""
SHOWN_RESIDUALS = 2_000
ALWAYS = {"classification": "neg_log_loss", "regression": "neg_mean_squared_error"}
"""Metrics that any rows allow, by the task."""
SECONDS = 30.0
"""After which no further column is shuffled."""

Weights = NDArray[np.float64] | None
"""What each row counts, shape (rows,); None: all count alike."""


def unseen_part(model: Model, dataset: DataSet) -> str:
    """Return the part of a data set that says most of a model: rows that it did not learn from.

    Raises
    ------
    DataError
        If there are none.
    """
    seen = trained_parts(model.description)
    for part in ("test", "validation"):
        if dataset.num_rows[part] and part not in seen:
            return part
    raise DataError("The model was trained on all rows: none are left that could say how it does.")


def explain(model: Model, dataset: DataSet, metric: str, seed: int = 0) -> Explanation:
    """Look at how a model predicts rows that it was not trained on.

    Parameters
    ----------
    model
        The model.
    dataset
        The prepared data set that it was trained on.
    metric
        What the importance of columns is told in; where the rows do not allow it, the log
        loss or the mean squared error.
    seed
        Seed of what is drawn and shuffled, >= 0.

    Raises
    ------
    DataError
        If the data set does not fit the model, no rows are left, or the network gives NaN.
    """
    check_fits(model.description, dataset)
    dataset = dataset.with_target(model.preprocessing.target)
    part = unseen_part(model, dataset)
    rows = getattr(dataset, part)
    chosen = np.arange(len(rows.y))
    if len(chosen) > MOST_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows.y), MOST_ROWS, replace=False))
    y = np.asarray(rows.y[chosen])
    x = _inputs(network_rows(rows, model.takes_codes), chosen)
    outputs = model.outputs(x)
    # It says so where the network gives no numbers.
    weights = None if rows.weights is None else np.asarray(rows.weights[chosen], np.float64)
    score(model, outputs, y, weights=weights)
    told_in = _metric(model, metric, outputs, y, weights)
    found = column_importance(
        lambda x: _both(model.outputs(x)),
        _scorer(model, told_in),
        x,
        y,
        inputs_of_columns(model.preprocessing, model.takes_codes),
        seed,
        SECONDS,
        weights,
    )
    more = (
        _of_classes(model, outputs, y, weights)
        if model.class_labels
        else _of_numbers(model, outputs, y, seed)
    )
    told = _told(found, part, seed)
    return Explanation(part, len(y), told_in.name, found.table, told, **more)


def _inputs(rows: Any, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return chosen rows as the network takes them, shape (rows, inputs), float32."""
    return np.asarray(rows[chosen], np.float32)


def _both(outputs: Outputs) -> Predictions:
    return outputs.raw, outputs.probabilities


def _metric(
    model: Model, name: str, outputs: Outputs, y: NDArray[Any], weights: Weights
) -> Metric:
    """Return the metric that a column's importance is told in: one that the rows allow."""
    kind = kind_of(model.description.task, len(model.class_labels or ()))
    try:
        wanted = metric_for(name, kind, weights is not None)
    except ConfigurationError:
        wanted = metric_for("auto", kind)
    value = _value(model, wanted, _both(outputs), y, weights)
    return wanted if np.isfinite(value) else find(ALWAYS[model.description.task])


def _scorer(model: Model, metric: Metric) -> Score:
    return lambda found, y, weights=None: _value(model, metric, found, y, weights)


def _value(
    model: Model, metric: Metric, found: Predictions, y: NDArray[Any], weights: Weights
) -> float:
    """Return a metric, the larger the better; NaN where the rows do not allow it."""
    raw, probabilities = found
    if model.class_labels:
        chosen = Outputs(raw, probabilities, model.description.threshold).predicted
        value = metric.score(replace(Classes.of_logits(raw, y, weights), chosen=chosen))
    else:
        value = metric.score(Numbers(*_numbers(model, raw, y), weights))
    return float("nan") if value is None else float(value)


def _numbers(
    model: Model, raw: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return predictions and targets in the user's unit."""
    coding = model.preprocessing.target
    assert isinstance(coding, RealCoding)
    return coding.predicted(raw[:, 0]), coding.decode(y)


def _of_classes(
    model: Model, outputs: Outputs, y: NDArray[Any], weights: Weights
) -> dict[str, Any]:
    labels = model.class_labels or ()
    quality = Quality.of(labels, outputs.predicted, outputs.probabilities, y, weights)
    names = [str(label) for label in labels]
    table = pd.DataFrame(list(map(vars, quality.reliability)))
    return {
        "confusion": pd.DataFrame(quality.confusion, index=names, columns=names),
        "reliability": table,
        "calibration_error": calibration_error(quality.reliability),
    }


def _of_numbers(model: Model, outputs: Outputs, y: NDArray[Any], seed: int) -> dict[str, Any]:
    predicted, true = _numbers(model, outputs.raw, y)
    both = {"true": true, "predicted": predicted}
    some = np.random.default_rng(seed).permutation(len(y))[:SHOWN_RESIDUALS]
    return {"residuals": pd.DataFrame(both).iloc[np.sort(some)].reset_index(drop=True)}


def _told(found: ColumnImportance, part: str, seed: int) -> str:
    times = "once" if found.repeats == 1 else f"{found.repeats} times"
    told = f"{found.rows:,} {part} rows, shuffled {times}, seed {seed}."
    if found.unmeasured:
        told += f" {SECONDS:g} seconds did not suffice for {found.unmeasured} more columns."
    return told
