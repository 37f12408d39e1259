"""The target column: which task it makes, whether it can be learnt, and its coding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from agebo_hpc.data.values import (
    NUMBERS_EXPECTED,
    as_levels,
    as_numbers,
    column_kind,
    level_text,
    listing,
    text_cells,
)
from agebo_hpc.errors import DataError

Task = Literal["classification", "regression"]
MAX_INTEGER_CLASSES = 20
"""Integers with more distinct values than this are a regression target, unless told otherwise."""


def decide_task(column: pd.Series) -> Task:
    """Choose the task from the target column.

    Text, booleans and categories make a classification; so do integers with at most 20 distinct
    values and any numbers with just two. All other numbers make a regression.

    Raises
    ------
    DataError
        If the column is mostly numbers with text among them, or holds dates.
    """
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(column.dtype):
        return "classification"
    text = text_cells(column)
    if 0 < len(text) < NUMBERS_EXPECTED * column.notna().sum():
        raise _text_in_target(column, text)
    kind = column_kind(column)
    if kind == "datetime":
        raise DataError(f"Target {column.name!r} holds dates; give classes or numbers.")
    if kind == "category" or pd.api.types.is_string_dtype(column.dtype):
        return "classification"
    distinct = column.nunique()
    limit = MAX_INTEGER_CLASSES if pd.api.types.is_integer_dtype(column.dtype) else 2
    return "classification" if distinct <= limit else "regression"


def check_target(column: pd.Series, task: Task) -> None:
    """Check that a target can be learnt.

    Raises
    ------
    DataError
        If cells are missing or infinite, if there is one value or class only, if a class has
        fewer than three rows (one for each part), or if a regression target holds text.
    """
    name = column.name
    missing = int(column.isna().sum())
    if missing:
        raise DataError(
            f"Target {name!r} is missing (empty, NA, None or NaN) in {missing} of {len(column)} "
            f"rows; it must be known in all: remove these rows or fill the cells."
        )
    if pd.api.types.is_float_dtype(column.dtype):
        infinite = int(np.isinf(column.to_numpy(np.float64)).sum())
        if infinite:
            raise DataError(
                f"Target {name!r} is infinite in {infinite} of {len(column)} rows; it must be "
                f"finite in all: remove these rows or correct the cells."
            )
    if task == "regression":
        _check_numbers(column)
    else:
        _check_classes(column)


def _text_in_target(column: pd.Series, text: pd.Series) -> DataError:
    return DataError(
        f"Target {column.name!r} should be numbers but holds text: {listing(text)}; correct "
        f"these cells, or use --task classification."
    )


def _check_numbers(column: pd.Series) -> None:
    text = text_cells(column)
    if len(text):
        raise _text_in_target(column, text)
    numbers = as_numbers(column)
    unreadable = int(np.isnan(numbers).sum())
    if unreadable:
        raise DataError(
            f"Target {column.name!r} is not finite in {unreadable} of {len(column)} rows; "
            f"remove these rows or correct the cells."
        )
    if numbers.min() == numbers.max():
        raise DataError(
            f"Target {column.name!r} is {numbers[0]:g} in all {len(column)} rows; a constant "
            f"cannot be learnt: choose another column with --target."
        )


def _check_classes(column: pd.Series) -> None:
    codes, levels = as_levels(column)
    counts = np.bincount(codes, minlength=len(levels))
    if len(levels) == 1:
        raise DataError(
            f"Target {column.name!r} is constant: its one class {levels[0]!r} has all "
            f"{len(column)} rows; at least two classes are needed: choose another --target."
        )
    few = np.flatnonzero(counts < 3)
    if len(few):
        shown = ", ".join(
            f"{levels[i]!r} ({counts[i]} row{'s' if counts[i] > 1 else ''})" for i in few[:5]
        )
        dots = f" and {len(few) - 5} more" if len(few) > 5 else ""
        raise DataError(
            f"Target {column.name!r} has classes too small to be in each of the three parts: "
            f"{shown}{dots}; each needs at least 3 rows: merge or remove these classes"
            f"{', or use --task regression' if _numeric(column) else ''}."
        )


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))


@dataclass(frozen=True)
class ClassCoding:
    """Class labels in their original kind (str, int, float or bool); a class is its index."""

    name: str
    labels: tuple[Any, ...]

    @classmethod
    def fit(cls, column: pd.Series) -> ClassCoding:
        """Collect the labels of a column, numbers in numeric and text in alphabetic order."""
        uniques = {level_text(value): _plain(value) for value in pd.unique(column)}
        values = list(uniques.values())
        kinds = {type(value) for value in values}
        if len(kinds) > 1:
            values = [str(value) for value in values]
        return cls(str(column.name), tuple(sorted(values)))

    def encode(self, column: pd.Series) -> NDArray[np.int32]:
        """Return the class index of each row, shape (rows,), int32.

        Raises
        ------
        DataError
            If a row has no label or one that training did not have.
        """
        index = {level_text(label): i for i, label in enumerate(self.labels)}
        codes, levels = as_levels(column)
        unknown = [level for level in levels if level not in index]
        if unknown:
            rows = int(np.isin(codes, [levels.index(level) for level in unknown]).sum())
            raise DataError(
                f"Target {self.name!r} has labels that are not in the training data: "
                f"{', '.join(map(repr, unknown[:5]))} ({rows} rows); known are "
                f"{', '.join(map(repr, self.labels[:10]))}{', ...' * (len(self.labels) > 10)}: "
                f"remove these rows."
            )
        return np.array([index[level] for level in levels], dtype=np.int32)[codes]

    def decode(self, values: ArrayLike) -> NDArray[Any]:
        """Return the original labels of class indices, shape as given."""
        kind = type(self.labels[0])
        labels = np.array(self.labels, dtype=object if kind is str else kind)
        return labels[np.asarray(values, dtype=np.intp)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {"task": "classification", "name": self.name, "labels": list(self.labels)}


@dataclass(frozen=True)
class RealCoding:
    """A real target, standardised with the mean and the deviation of the training part."""

    name: str
    mean: float
    scale: float

    @classmethod
    def fit(cls, column: pd.Series) -> RealCoding:
        """Take mean and deviation of a column.

        Raises
        ------
        DataError
            If all its values are the same.
        """
        numbers = as_numbers(column)
        scale = float(numbers.std())
        if not scale > 0:
            raise DataError(
                f"Target {column.name!r} is {numbers[0]:g} in all rows of the training part; "
                f"give more rows or another --seed."
            )
        return cls(str(column.name), float(numbers.mean()), scale)

    def encode(self, column: pd.Series) -> NDArray[np.float32]:
        """Return the standardised target, shape (rows,), float32.

        Raises
        ------
        DataError
            If a cell is missing or no number.
        """
        numbers = as_numbers(column)
        missing = int(np.isnan(numbers).sum())
        if missing:
            raise DataError(
                f"Target {self.name!r} is missing or infinite in {missing} of {len(column)} "
                f"rows; remove these rows."
            )
        return ((numbers - self.mean) / self.scale).astype(np.float32)

    def decode(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return values in the original unit, float64, shape as given."""
        return np.asarray(values, dtype=np.float64) * self.scale + self.mean

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "task": "regression", "name": self.name, "mean": self.mean, "scale": self.scale,
        }  # fmt: skip


TargetCoding = ClassCoding | RealCoding


def target_from_dict(data: dict[str, Any]) -> TargetCoding:
    """Return the coding that `to_dict` described."""
    if data["task"] == "classification":
        return ClassCoding(data["name"], tuple(data["labels"]))
    return RealCoding(data["name"], float(data["mean"]), float(data["scale"]))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, bool | int | float) else str(value).strip()
