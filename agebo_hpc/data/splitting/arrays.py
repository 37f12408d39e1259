"""What is known of rows that decides how they are split, an element for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from agebo_hpc.data.cells import is_number_dtype, normal
from agebo_hpc.data.reading import LEVEL, Reading
from agebo_hpc.data.splits import PARTS, Split, check_sizes, split_rows
from agebo_hpc.data.splitting.by_group import classes_of, divide_groups
from agebo_hpc.data.splitting.by_time import divide_times
from agebo_hpc.data.splitting.by_time_and_group import keep_groups_whole
from agebo_hpc.data.splitting.times import missing_cells, time_values, times_of
from agebo_hpc.data.values import as_levels
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.text import counted, noun

Parts = dict[str, NDArray[np.int64]]
"""Part -> its rows; a row that is in none is left out."""


@dataclass(frozen=True)
class SplitArrays:
    """What decides the part of each row; all None: chance.

    Attributes
    ----------
    groups
        Group of each row, shape (rows,), int64 from 0: no group is on two sides.
    times
        Time of each row, shape (rows,), numbers or datetime64: older rows train, newer ones test.
    time_columns
        What the times were made of, each of shape (rows,), the first counts most; empty: `times`
        alone.
    parts
        Part -> its rows, int64. `groups` and `times` then decide no part, but are held against
        the parts, and say which rows the target means of a training row may come from.

    Examples
    --------
    >>> SplitArrays.of(4, groups=["ann", "bob", "ann", "eve"]).groups.tolist()
    [0, 1, 0, 2]
    """

    groups: NDArray[np.int64] | None = None
    times: NDArray[Any] | None = None
    parts: Parts | None = None
    time_columns: tuple[NDArray[Any], ...] = ()

    @classmethod
    def of(
        cls,
        rows: int,
        *,
        groups: ArrayLike | None = None,
        times: ArrayLike | None = None,
        parts: Mapping[str, ArrayLike] | None = None,
    ) -> SplitArrays:
        """Read and check arrays that somebody gave.

        Parameters
        ----------
        rows
            Number of rows of the table.
        groups
            Anything that tells groups apart, shape (rows,).
        times
            Dates, numbers or text that is read as such, shape (rows,); or (rows, columns), or a
            data frame: the first column counts most, as in year, month, day.
        parts
            ``"train"`` and ``"validation"``, and ``"test"`` if there is one -> positions of their
            rows, or an array of shape (rows,) that is true for them.

        Raises
        ------
        UsageError
            If arrays have another length, or parts overlap.
        DataError
            If a group or time is missing.
        """
        codes = None
        if groups is not None:
            codes = group_codes(_column(groups, rows, "groups"), "groups")
        columns = () if times is None else _time_columns(times, rows)
        return cls.of_times(columns, codes, None if parts is None else _given(parts, rows))

    @classmethod
    def of_times(
        cls,
        columns: Sequence[NDArray[Any]],
        groups: NDArray[np.int64] | None = None,
        parts: Parts | None = None,
    ) -> SplitArrays:
        """Return what is known of rows, of which `columns` are the times; none: they have none."""
        if not columns:
            return cls(groups, None, parts)
        return cls(groups, times_of(columns), parts, tuple(columns) if len(columns) > 1 else ())

    def of_rows(self, rows: NDArray[np.int64]) -> SplitArrays:
        """Return groups and times of some rows."""
        return SplitArrays(
            None if self.groups is None else self.groups[rows],
            None if self.times is None else self.times[rows],
        )


def divide_rows(
    rows: int,
    split: Split,
    seed: int,
    y: NDArray[np.generic],
    arrays: SplitArrays,
    stratify: bool = True,
) -> Parts:
    """Divide rows among the parts, each in random order.

    Parameters
    ----------
    rows
        Number of rows.
    split
        Share of each part, sum 1; the last may be 0. Not used where the parts are given.
    seed
        Seed, >= 0.
    y
        Class index (integer) or real target of each row, shape (rows,). The shares of classes are
        kept close in a split by chance or group.
    arrays
        What decides.
    stratify
        Whether a split by chance divides each class by the shares; False: rows are alike.

    Returns
    -------
    dict
        Part -> row numbers, int64; the test part is empty where it has no share.

    Raises
    ------
    DataError
        If a part that has a share would have fewer than two rows, or if parts that are given
        divide a group or the order of time.
    """
    if arrays.parts is None and arrays.groups is None and arrays.times is None:
        classes: Any = y if stratify else None
        return split_rows(rows, split, seed, classes)
    if arrays.parts is not None:
        parts = {part: arrays.parts.get(part, np.zeros(0, np.int64)) for part in PARTS}
        _check_given_sizes(parts)
    else:
        parts = _divided(split, seed, y, arrays)
        check_sizes(parts, rows, split)
    check_apart(parts, arrays)
    generator = np.random.default_rng(seed)
    return {part: generator.permutation(some) for part, some in parts.items()}


def _check_given_sizes(parts: Parts) -> None:
    for part in PARTS:
        if len(parts[part]) < 2 and (part != "test" or len(parts[part])):
            raise DataError(
                f"The {part} part that was given has {len(parts[part])} rows; a part needs 2 at "
                f"least, and only the test part may be left out."
            )


def _divided(split: Split, seed: int, y: NDArray[np.generic], arrays: SplitArrays) -> Parts:
    shares = [share for share in split if share > 0]
    groups, times = arrays.groups, arrays.times
    if groups is not None:
        _check_number(int(groups.max()) + 1, len(shares))
    if times is not None:
        of_rows = divide_times(times, shares)
        if groups is not None:
            of_rows = keep_groups_whole(of_rows, groups, classes_of(y), shares, seed)
            _check_spans(of_rows, len(shares))
    else:
        assert groups is not None
        of_rows = divide_groups(groups, classes_of(y), shares, seed)[groups]
    return {part: np.flatnonzero(of_rows == number) for number, part in enumerate(PARTS)}


def _check_number(groups: int, parts: int) -> None:
    if groups < parts:
        there = "There is 1 group" if groups == 1 else f"There are {groups} groups"
        raise DataError(
            f"{there} for {parts} parts, and no group may be on two sides: give a column of more "
            f"groups, or another split."
        )


def _check_spans(of_rows: NDArray[np.int64], number: int) -> None:
    """Raise DataError if groups that cross the borders of time leave a part too few rows."""
    sizes = [int((of_rows == part).sum()) for part in range(number)]
    short = [part for part, size in zip(PARTS, sizes, strict=False) if size < 2]
    if short:
        raise DataError(
            f"--time and --group together leave too few rows for the {' and the '.join(short)} "
            f"part: nearly all groups that have rows of its time have rows of other parts, too; "
            f"give a column of more groups, another --split, or --time or --group alone."
        )


def check_apart(parts: Parts, arrays: SplitArrays) -> None:
    """Raise DataError if a group is in two parts, or a part has times of the one before it."""
    names = [part for part in PARTS if len(parts[part])]
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if arrays.groups is not None:
                _check_groups(arrays.groups, parts, one, other)
            if arrays.times is not None:
                _check_times(arrays.times, parts, one, other)


def _check_groups(groups: NDArray[np.int64], parts: Parts, one: str, other: str) -> None:
    shared = np.intersect1d(groups[parts[one]], groups[parts[other]])
    if len(shared):
        raise DataError(
            f"{len(shared)} group{'s are' if len(shared) > 1 else ' is'} in the {one} and in the "
            f"{other} part that were given; put all rows of a group into one part, or leave "
            f"--group out."
        )


def _check_times(times: NDArray[Any], parts: Parts, one: str, other: str) -> None:
    late = int((times[parts[one]] >= times[parts[other]].min()).sum())
    if late:
        raise DataError(
            f"{counted(late, 'row')} of the {one} part that was given "
            f"{noun(late, 'is', 'are')} as new as rows of "
            f"the {other} part, or newer; give parts that follow each other, or leave --time out."
        )


def group_codes(column: pd.Series, named: str, reading: Reading = LEVEL) -> NDArray[np.int64]:
    """Return the group of each row as a number from 0, shape (rows,).

    Raises
    ------
    DataError
        If a cell is missing.
    """
    codes, levels = as_levels(normal(column), reading)
    if None in levels:
        raise missing_cells(named, int((codes == levels.index(None)).sum()), len(column), "group")
    return codes.astype(np.int64)


def _column(values: ArrayLike, rows: int, name: str) -> pd.Series:
    column = pd.Series(values, dtype=None).reset_index(drop=True).rename(name)
    if len(column) != rows:
        raise UsageError(f"{name} has {len(column)} elements, but there are {rows} rows.")
    return column if is_number_dtype(column.dtype) else column.infer_objects()


def _time_columns(values: ArrayLike, rows: int) -> list[NDArray[Any]]:
    """Return times of each column of an array or a data frame."""
    if isinstance(values, pd.DataFrame):
        columns = [values.iloc[:, k] for k in range(values.shape[1])]
    elif isinstance(values, pd.Series | pd.Index) or np.ndim(values) != 2:
        return [time_values(_column(values, rows, "times"), "times")]
    else:
        columns = list(np.asarray(values).T)
    if not columns:
        raise UsageError("times has no column; give one at least, or leave it out.")
    return [
        time_values(_column(column, rows, "times"), f"Column {number} of times")
        for number, column in enumerate(columns, 1)
    ]


def _given(parts: Mapping[str, ArrayLike], rows: int) -> Parts:
    unknown = set(parts) - set(PARTS)
    if unknown or not {"train", "validation"} <= set(parts):
        raise UsageError(
            f"The parts are {', '.join(map(repr, parts))}; give 'train' and 'validation', and "
            f"'test' if there is one."
        )
    found = {part: _positions(some, rows, part) for part, some in parts.items()}
    together = np.concatenate(list(found.values()))
    twice = len(together) - len(np.unique(together))
    if twice:
        raise UsageError(
            f"{twice} row{'s are' if twice > 1 else ' is'} in two parts, or twice in one; give "
            f"each row to one part."
        )
    return found


def _positions(some: ArrayLike, rows: int, part: str) -> NDArray[np.int64]:
    array = np.asarray(some)
    if array.dtype == bool and array.shape == (rows,):
        return np.flatnonzero(array)
    fits = array.ndim == 1 and (array.dtype.kind in "iu" or not array.size)
    if not fits or array.size and not (array.min() >= -rows and array.max() < rows):
        raise UsageError(
            f"The rows of {part!r} are no positions in a table of {rows} rows; give whole numbers "
            f"from 0 to {rows - 1}, or an array of that many booleans."
        )
    return array.astype(np.int64) % rows
