"""Whether a prepared data set is what a model was made for. Knows no TensorFlow.

A model is scored only on data that was prepared with the very same preprocessing: columns,
levels, scales and class labels; anything else would give wrong numbers without a word.
"""

from __future__ import annotations

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.encoders import encoder_to_dict
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.target import RealCoding, TargetCoding
from agebo_hpc.errors import DataError
from agebo_hpc.models.description import ModelDescription


def check_fits(model: ModelDescription, dataset: DataSet) -> None:
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
            f"trained on ({model.data['path']}), or use `agebo-hpc predict` on the "
            f"table."
        )


def check_part(dataset: DataSet, part: str) -> None:
    """Raise DataError if a part has no rows to be scored on."""
    if not dataset.num_rows[part]:
        raise DataError(
            f"{dataset.path} has no rows in its {part} part, and so no score there; choose "
            f"another --part, or prepare with a share for it in --split."
        )


def _difference(model: ModelDescription, dataset: DataSet) -> str:
    ours, theirs = Preprocessing.from_dict(model.preprocessing), dataset.preprocessing
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
    if ours.codes and theirs.codes != ours.codes:
        return "its codes of levels are others"
    # How a model's network learns the target follows from its training, not from the data set.
    if _stored(theirs.target) != _stored(ours.target):
        return f"its target {ours.target.name!r} is scaled in another way"
    return ""


def _stored(coding: TargetCoding) -> TargetCoding:
    return coding.standard if isinstance(coding, RealCoding) else coding


def _few(names: object) -> str:
    values = list(names) if isinstance(names, list | tuple) else [names]
    dots = f", ... ({len(values)} in all)" if len(values) > 5 else ""
    return ", ".join(map(repr, values[:5])) + dots
