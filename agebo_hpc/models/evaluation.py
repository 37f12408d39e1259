"""Scoring a model on a part of a prepared data set, and measuring its speed.

A model is scored only on data that was prepared with the very same preprocessing: columns,
levels, scales and class labels; anything else would give wrong numbers without a word.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.encoders import encoder_to_dict
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.target import RealCoding
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.models.bundle import BATCH_ROWS, Model, Outputs
from agebo_hpc.models.scores import Scores, classification_scores, regression_scores

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
        Of the network on prepared features, in batches of `BATCH_ROWS`.
    same_data
        Whether it is the data set that the model was trained on.
    trained_on
        Whether these very rows were used in training.
    """

    part: str
    rows: int
    scores: Scores
    rows_per_second: float
    same_data: bool
    trained_on: bool


def evaluate_model(model: Model, dataset: DataSet, part: str = "test") -> Evaluated:
    """Score a model on a part of a prepared data set.

    Parameters
    ----------
    model
        What to score.
    dataset
        Prepared in the same way as the data set that the model was trained on.
    part
        ``"train"``, ``"validation"`` or ``"test"``.

    Raises
    ------
    UsageError
        If there is no such part.
    DataError
        If the data set does not fit the model, or the part has no rows.
    """
    if part not in PARTS:
        raise UsageError(f"The part is {part!r}; choose among {', '.join(PARTS)}.")
    check_fits(model, dataset)
    rows = getattr(dataset, part)
    if not len(rows.y):
        raise DataError(f"{dataset.path}: the {part} part has 0 rows; choose another part.")
    outputs, speed = run_timed(model, rows.x)
    same = dataset.fingerprint == model.description.data["fingerprint"]
    seen = (
        ("train", "validation") if model.description.training["include_validation"] else PARTS[:1]
    )
    scores = score(model, outputs, rows.y)
    return Evaluated(part, len(rows.y), scores, speed, same, same and part in seen)


def score(model: Model, outputs: Outputs, y: NDArray[np.int32] | NDArray[np.float32]) -> Scores:
    """Score outputs of a model against encoded targets of shape (rows,).

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
    if isinstance(coding, RealCoding):
        return regression_scores(
            outputs.raw[:, 0], y.astype(np.float32), coding.mean, coding.scale
        )
    return classification_scores(outputs.raw, outputs.probabilities, y.astype(np.int32))


def run_timed(model: Model, x: NDArray[np.float32]) -> tuple[Outputs, float]:
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


def check_fits(model: Model, dataset: DataSet) -> None:
    """Check that a data set was prepared as the one that the model was trained on.

    Raises
    ------
    DataError
        If not; the message names what differs.
    """
    difference = _difference(model, dataset)
    if difference:
        raise DataError(
            f"{dataset.path} does not fit the model: {difference}. Give the data set it was "
            f"trained on ({model.description.data['path']}), or use `agebo-hpc predict` on the "
            f"table."
        )


def _difference(model: Model, dataset: DataSet) -> str:
    ours, theirs = model.preprocessing, dataset.preprocessing
    if theirs.task != ours.task:
        return f"it is a {theirs.task}, the model a {ours.task}"
    if theirs.target.name != ours.target.name:
        return f"its target is {theirs.target.name!r}, the model's {ours.target.name!r}"
    if dataset.class_labels != model.class_labels:
        known = _few(model.class_labels)
        return f"its class labels are {_few(dataset.class_labels)}, the model's {known}"
    missing = [name for name in ours.columns if name not in theirs.columns]
    added = [name for name in theirs.columns if name not in ours.columns]
    if missing or added:
        lacks = f"it lacks the columns {_few(missing)}" if missing else ""
        has = f"it has the columns {_few(added)}, which the model does not know" if added else ""
        return " and ".join(filter(None, [lacks, has]))
    if theirs.columns != ours.columns:
        return f"its columns are in the order {_few(theirs.columns)}, not {_few(ours.columns)}"
    changed = [
        mine.column
        for mine, other in zip(ours.encoders, theirs.encoders, strict=True)
        if encoder_to_dict(mine) != encoder_to_dict(other)
    ]
    if changed:
        return (
            f"its preprocessing of {_few(changed)} was fitted to other rows or with other options"
        )
    if theirs.target != ours.target:
        return f"its target {ours.target.name!r} is scaled in another way"
    return ""


def _few(names: object) -> str:
    values = list(names) if isinstance(names, list | tuple) else [names]
    dots = f", ... ({len(values)} in all)" if len(values) > 5 else ""
    return ", ".join(map(repr, values[:5])) + dots
