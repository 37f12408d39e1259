"""The target column: which task it makes, whether it can be learnt, and its coding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from agebo_hpc.data.cells import normal, option
from agebo_hpc.data.kinds import Decided, Wish, decide
from agebo_hpc.data.levels import level_before, level_text
from agebo_hpc.data.reading import BEFORE, LEVEL, NUMBER, TEXT, Reading
from agebo_hpc.data.target_transform import (
    TargetTransform,
    transform_from_dict,
    transform_to_dict,
)
from agebo_hpc.data.values import MixtureError, all_numbers, as_levels, as_numbers
from agebo_hpc.errors import DataError, UsageError

Task = Literal["classification", "regression"]
MAX_INTEGER_CLASSES = 20
"""Integers with more distinct values than this are a regression target, unless told otherwise."""


@dataclass(frozen=True)
class TargetColumn:
    """A target that was read.

    Attributes
    ----------
    task
        What it makes.
    values
        Labels in their original kind, or numbers; shape (rows,).
    decided
        How it is read, and what is said about it.
    """

    task: Task
    values: pd.Series
    decided: Decided

    def coding(self, values: pd.Series) -> TargetCoding:
        """Fit the coding to rows of `values`."""
        fit = ClassCoding.fit if self.task == "classification" else RealCoding.fit
        return fit(values, self.decided.reading)


def read_target(
    column: pd.Series, task: str = "auto", wish: Wish | None = None, least: int = 3
) -> TargetColumn:
    """Decide the task, read the target and check that it can be learnt.

    Text, booleans and categories make a classification; so do whole numbers with at most 20
    distinct values and any numbers with just two. All other numbers make a regression, and so do
    durations.

    Parameters
    ----------
    column
        The whole target, any dtype.
    task
        ``"classification"``, ``"regression"``, or ``"auto"``: the cells decide.
    wish
        What is said about the column; None: nothing.
    least
        Rows that each class needs, >= 1: one for each part where they are divided by chance.

    Raises
    ------
    UsageError
        If task and wish contradict each other.
    DataError
        If the cells are of no one kind, are dates, or cannot be learnt.
    """
    wish = wish or Wish()
    _check_wish(str(column.name), task, wish)
    column = normal(column)
    chosen: Any = task
    if task == "auto":
        decided = _decided(column, wish)
        chosen = _task(column, decided, wish)
    if chosen == "classification":
        reading = TEXT if wish.form == "text" else LEVEL
        decided = decide(column, replace(wish, form=reading.form))
        values = _labels(column, decided, wish)
    else:
        decided = _decided(column, replace(wish, form="number"))
        numbers = all_numbers(column, decided.reading)
        values = pd.Series(numbers, column.index, name=column.name)
    _check_known(column, values)
    check_target(values, chosen, decided.reading, least)
    return TargetColumn(chosen, values, decided)


def _check_wish(name: str, task: str, wish: Wish) -> None:
    if wish.form == "date":
        raise UsageError(f"{option('--date', name)} names the target; give classes or numbers.")
    if task == "regression" and wish.form in ("level", "text"):
        asked = option("--categorical" if wish.form == "level" else "--text", name)
        raise UsageError(f"{asked} makes classes of the target, but --task is regression.")


def decide_task(column: pd.Series, wish: Wish | None = None) -> Task:
    """Choose the task from the target column; see `read_target`."""
    wish = wish or Wish()
    return _task(column, _decided(normal(column), wish), wish)


def _task(column: pd.Series, decided: Decided, wish: Wish) -> Task:
    if decided.kind == "datetime":
        raise DataError(
            f"Target {column.name!r} holds dates; give numbers, or make classes of them with "
            f"{option('--categorical', str(column.name))}."
        )
    if decided.kind == "category" or decided.reading.form == "boolean":
        return "classification"
    if wish.form == "number" or decided.reading.form == "duration":
        return "regression"
    limit = MAX_INTEGER_CLASSES if decided.whole else 2
    return "classification" if decided.values.nunique() <= limit else "regression"


def _decided(column: pd.Series, wish: Wish) -> Decided:
    try:
        return decide(column, wish)
    except MixtureError as error:
        raise DataError(
            f"Target {column.name!r} should be numbers but holds text: {error.wrong}; correct "
            f"these cells, remove these rows, or use --task classification."
        ) from error


def _labels(column: pd.Series, decided: Decided, wish: Wish) -> pd.Series:
    """Return the cells as labels of their own kind, those that are missing left out."""
    missing = decided.values.isna()
    if wish.form == "number":
        numbers = _decided(column, wish)
        values = numbers.values
        column = values.astype(np.int64) if numbers.whole and not missing.any() else values
    elif wish.form == "text":
        column = decided.values.astype("str")
    return column.mask(missing) if missing.any() else column


def _check_known(column: pd.Series, values: pd.Series) -> None:
    """Check that every cell of a target has a value; the message tells which texts have none."""
    unknown = values.isna()
    missing = int(unknown.sum())
    if not missing:
        return
    name = str(column.name)
    cells = column[unknown.to_numpy()].dropna()
    texts = cells[cells.map(lambda cell: isinstance(cell, str) and bool(cell.strip()))]
    counts = texts.astype(str).str.strip().value_counts()
    told = ", ".join(f"{text!r} in {count}" for text, count in counts.head(3).items())
    way = f", or, if such a text is a class, give {option('--text', name)}" if told else ""
    raise DataError(
        f"Target {name!r} is missing ({told or 'empty, NA, None or NaN'}) in {missing} of "
        f"{len(column)} rows; it must be known in all: remove these rows or fill the cells"
        f"{way}."
    )


def check_target(column: pd.Series, task: Task, reading: Reading = LEVEL, least: int = 3) -> None:
    """Check that a target can be learnt.

    Raises
    ------
    DataError
        If cells are missing or infinite, if there is one value or class only, if a class has
        fewer rows than `least` (one for each part), or if a regression target holds text.
    """
    _check_known(column, column)
    name = column.name
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
        _check_classes(column, reading, least)


def _check_numbers(column: pd.Series) -> None:
    numbers = as_numbers(column)
    unreadable = int(np.isnan(numbers).sum())
    if unreadable:
        raise DataError(
            f"Target {column.name!r} is not finite, or beyond 1e100, in {unreadable} of "
            f"{len(column)} rows; remove these rows or correct the cells."
        )
    if numbers.min() == numbers.max():
        raise DataError(
            f"Target {column.name!r} is {numbers[0]:g} in all {len(column)} rows; a constant "
            f"cannot be learnt: choose another column with --target."
        )


def _check_classes(column: pd.Series, reading: Reading, least: int) -> None:
    codes, levels = as_levels(column, reading)
    counts = np.bincount(codes, minlength=len(levels))
    if len(levels) == 1:
        raise DataError(
            f"Target {column.name!r} is constant: its one class {levels[0]!r} has all "
            f"{len(column)} rows; at least two classes are needed: choose another --target."
        )
    few = np.flatnonzero(counts < least)
    if len(few):
        shown = ", ".join(
            f"{levels[i]!r} ({counts[i]} row{'s' if counts[i] > 1 else ''})" for i in few[:5]
        )
        dots = f" and {len(few) - 5} more" if len(few) > 5 else ""
        raise DataError(
            f"Target {column.name!r} has classes too small to be in each of the "
            f"{'three' if least > 2 else 'two'} parts: "
            f"{shown}{dots}; each needs at least {least} rows: merge or remove these classes"
            f"{', or use --task regression' if _numeric(column) else ''}."
        )


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))


@dataclass(frozen=True)
class ClassCoding:
    """Class labels in their original kind (str, int, float or bool); a class is its index.

    Attributes
    ----------
    name, labels
        Name of the target column, and its classes in order.
    reading
        How a cell's class is known: by its value, or by its text exactly as it came.
    """

    name: str
    labels: tuple[Any, ...]
    reading: Reading = BEFORE

    @classmethod
    def fit(cls, column: pd.Series, reading: Reading = LEVEL) -> ClassCoding:
        """Collect the labels of a column, numbers in numeric and text in alphabetic order."""
        uniques: dict[str | None, Any] = {}
        for value in pd.unique(normal(column)):
            uniques.setdefault(_level(value, reading), _plain(value, reading))
        values = list(uniques.values())
        kinds = {type(value) for value in values}
        if len(kinds) > 1:
            values = [str(value) for value in values]
        return cls(str(column.name), tuple(sorted(values)), reading)

    def encode(self, column: pd.Series) -> NDArray[np.int32]:
        """Return the class index of each row, shape (rows,), int32.

        Raises
        ------
        DataError
            If a row has no label or one that training did not have.
        """
        index = {_level(label, self.reading): i for i, label in enumerate(self.labels)}
        codes, levels = as_levels(column, self.reading)
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
        return {
            "task": "classification",
            "name": self.name,
            "labels": list(self.labels),
            "reading": self.reading.to_dict(),
        }


ROUNDING = 2.0**-23
"""Share of the mean that a standardised number may be off by, and a little more."""


@dataclass(frozen=True)
class RealCoding:
    """A real target, standardised with the mean and the deviation of the training part.

    Attributes
    ----------
    name
        Name of the target column.
    mean, scale
        Mean and deviation.
    reading
        How a cell's number is known.
    transform
        What takes the place of the standardisation, see `agebo_hpc.data.target_transform`; None:
        nothing.
    """

    name: str
    mean: float
    scale: float
    reading: Reading = NUMBER
    transform: TargetTransform | None = None

    @classmethod
    def fit(cls, column: pd.Series, reading: Reading = NUMBER) -> RealCoding:
        """Take mean and deviation of a column.

        Raises
        ------
        DataError
            If all its values are the same.
        """
        numbers = as_numbers(column, reading)
        # The squares of tiny numbers are 0: their deviation is taken in a larger unit.
        unit = float(np.abs(numbers).max()) or 1.0
        scale = float((numbers / unit).std() * unit)
        if not scale > 0:
            raise DataError(
                f"Target {column.name!r} is {numbers[0]:g} in all rows of the training part; "
                f"give more rows or another --seed."
            )
        return cls(str(column.name), float(numbers.mean()), scale, reading)

    def encode(self, column: pd.Series) -> NDArray[np.float32]:
        """Return the standardised target, shape (rows,), float32.

        Raises
        ------
        DataError
            If a cell is missing or no number.
        """
        numbers = as_numbers(column, self.reading)
        missing = int(np.isnan(numbers).sum())
        if missing:
            raise DataError(
                f"Target {self.name!r} is missing or infinite in {missing} of {len(column)} "
                f"rows; remove these rows."
            )
        return self.coded(numbers)

    def coded(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return what networks learn of numbers, shape as given, float32."""
        if self.transform is not None:
            return self.transform.encode(numbers).astype(np.float32)
        return ((numbers - self.mean) / self.scale).astype(np.float32)

    def decode(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return values in the original unit, float64, shape as given."""
        if self.transform is not None:
            return self.transform.decode(values)
        return np.asarray(values, dtype=np.float64) * self.scale + self.mean

    def predicted(self, outputs: ArrayLike) -> NDArray[np.float64]:
        """Return what a network's outputs predict, in the original unit, float64."""
        if self.transform is None:
            return self.decode(outputs)
        return self.decode(self.transform.bounded(np.asarray(outputs, np.float64)))

    def exact(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return values in the original unit, where what is 0 but for rounding is 0.

        float32 tells standardised numbers apart to half of its step at that of 0.
        """
        numbers = self.decode(values)
        return np.where(np.abs(numbers) <= ROUNDING * abs(self.mean), 0.0, numbers)

    @property
    def standard(self) -> RealCoding:
        """The standardisation alone."""
        return replace(self, transform=None)

    @property
    def unit(self) -> float:
        """Deviation of what networks learn, about."""
        return 1.0 if self.transform is None else self.transform.unit

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "task": "regression",
            "name": self.name,
            "mean": self.mean,
            "scale": self.scale,
            "reading": self.reading.to_dict(),
            **({} if self.transform is None else {"transform": transform_to_dict(self.transform)}),
        }


TargetCoding = ClassCoding | RealCoding


def target_from_dict(data: dict[str, Any]) -> TargetCoding:
    """Return the coding that `to_dict` described."""
    is_class, stored = data["task"] == "classification", data.get("reading")
    # The first files told no reading.
    before = BEFORE if is_class else NUMBER
    reading = before if stored is None else Reading.from_dict(stored)
    if is_class:
        return ClassCoding(data["name"], tuple(data["labels"]), reading)
    transform = transform_from_dict(data["transform"]) if "transform" in data else None
    return RealCoding(data["name"], float(data["mean"]), float(data["scale"]), reading, transform)


def _level(value: Any, reading: Reading) -> str | None:
    if reading.form == "text" and isinstance(value, str):
        return value
    return level_before(value) if reading.form == "before" else level_text(value)


def _plain(value: Any, reading: Reading) -> Any:
    if isinstance(value, np.floating):
        value = float(str(value))  # 0.1 of a float32 is 0.1
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if isinstance(value, float):
        return value + 0.0  # no -0.0
    if isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else level_text(value) or ""
    return text if reading.form == "text" else text.strip()
