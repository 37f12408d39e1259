"""Whether rows look ordered by time or grouped by an id, so that chance may be the wrong split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import is_number_dtype, option
from agebo_hpc.data.names import date_parts, is_of_time, words
from agebo_hpc.data.values import LARGEST

MIN_ROWS = 100
"""Of fewer rows nothing is said."""
MIN_VALUES = 10
"""Different values that a column of times, or of groups, has at least."""
LIKENESS = 0.5
"""How much more alike than others rows must be that follow each other, from 0 to 1."""
_OF_GROUP = re.compile(
    r"(^|[^a-z])(id|uid|uuid|guid|patient|subject|person|user|customer|client|household|"
    r"participant|session|device|account|student|group|site)s?($|[^a-z])|"
    r"(patient|subject|person|user|customer|client|member|session|device|account|student)id$"
)


def advice(columns: Mapping[str, pd.Series], y: NDArray[np.generic]) -> list[str]:
    """Return one line if another split than by chance should be thought of, else none.

    Parameters
    ----------
    columns
        Feature columns as they were read, in the order of the rows: numbers, datetime64 or
        categories, shape (rows,).
    y
        Class indices or numbers, shape (rows,).
    """
    if len(y) < MIN_ROWS:
        return []
    found = (
        _date(columns)
        or _parts_of_date(columns)
        or _group(columns)
        or _number(columns)
        or _order(y)
    )
    return [found] if found else []


def _date(columns: Mapping[str, pd.Series]) -> str:
    for name, column in columns.items():
        if pd.api.types.is_datetime64_dtype(column.dtype) and _is_ordered(_values(column)):
            return _of_time(name)
    return ""


def _parts_of_date(columns: Mapping[str, pd.Series]) -> str:
    """Name the columns of year, month and day, in whatever order the rows are."""
    names = date_parts(name for name, column in columns.items() if is_number_dtype(column.dtype))
    if not names:
        return ""
    days = pd.DataFrame({name: columns[name] for name in names}).drop_duplicates()
    if len(days.dropna()) < MIN_VALUES:
        return ""
    listed = ", ".join(map(repr, names))
    return (
        f"The columns {listed} say a day: if it is when a row came about, rows of one time are on "
        f"both sides of a split by chance; {option('--time', ','.join(names))} trains on the "
        f"oldest rows and tests on the newest."
    )


def _number(columns: Mapping[str, pd.Series]) -> str:
    for name, column in columns.items():
        if not is_number_dtype(column.dtype):
            continue
        values = _values(column)
        # Equal steps are the numbers of rows: they tell of no time, unless the name does.
        is_told = is_of_time(name)
        if _is_ordered(values) and (is_told or len(np.unique(np.diff(values))) > 2):
            return _of_time(name)
    return ""


def _of_time(name: str) -> str:
    return (
        f"The rows are in the order of {name!r}: if it is a time, rows that follow each other are "
        f"on both sides of a split by chance; {option('--time', name)} trains on the oldest rows "
        f"and tests on the newest."
    )


def _group(columns: Mapping[str, pd.Series]) -> str:
    for name, column in columns.items():
        is_category = isinstance(column.dtype, pd.CategoricalDtype)
        if not is_category and not is_number_dtype(column.dtype):
            continue
        if is_of_time(name):
            continue
        codes = pd.factorize(column)[0] if not is_category else column.cat.codes.to_numpy()
        if _is_of_groups(codes, bool(_OF_GROUP.search(words(name))), is_category):
            levels = len(np.unique(codes))
            return (
                f"The column {name!r} looks like a name of groups of rows ({levels:,} values in "
                f"{len(codes):,} rows): a split by chance puts rows of one group on both sides; "
                f"{option('--group', name)} keeps each group on one side."
            )
    return ""


def _is_of_groups(codes: NDArray[Any], is_told: bool, is_category: bool) -> bool:
    """Tell whether values stand in runs, each value in one, or are ids that are repeated."""
    present = codes[codes >= 0]
    levels = len(np.unique(present))
    if levels < MIN_VALUES or len(present) < 2 * levels:
        return False
    runs = 1 + int((np.diff(codes) != 0).sum())
    in_runs = runs <= 1.1 * levels
    return in_runs and (is_category or is_told) or is_told and len(present) >= 2 * levels


def _order(y: NDArray[np.generic]) -> str:
    alike = _likeness(y)
    if alike < LIKENESS:
        return ""
    return (
        f"Rows that follow each other have like targets ({alike:.0%} of the way to equal ones): "
        f"if they stand in the order of time, or of groups, a split by chance flatters; --time "
        f"COL or --group COL says the column."
    )


def _likeness(y: NDArray[np.generic]) -> float:
    """Return how alike neighbours are: 0 as any two rows, 1 equal; 0 where y itself is sorted."""
    if y.dtype.kind == "f":
        numbers = y.astype(np.float64)
        steps = np.diff(numbers)
        if (steps >= 0).all() or (steps <= 0).all() or not numbers.std() > 0:
            return 0.0
        return float(np.corrcoef(numbers[1:], numbers[:-1])[0, 1])
    shares = np.bincount(y) / len(y)
    changes = int((np.diff(y) != 0).sum())
    by_chance = float((shares**2).sum())
    if changes < 2 * len(shares) or by_chance == 1:
        return 0.0
    return (1 - changes / (len(y) - 1) - by_chance) / (1 - by_chance)


def _values(column: pd.Series) -> NDArray[np.float64]:
    """Return numbers that are in the order of the column; NaN is missing, and infinite."""
    if is_number_dtype(column.dtype):
        numbers: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
        return np.where(np.abs(numbers) < LARGEST, numbers, np.nan)
    times = column.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(times), np.nan, times.astype(np.int64).astype(np.float64))


def _is_ordered(values: NDArray[np.float64]) -> bool:
    present = values[~np.isnan(values)]
    if len(present) < 0.9 * len(values) or not len(present):
        return False
    steps = np.diff(present)
    is_monotone = (steps >= 0).all() or (steps <= 0).all()
    return bool(is_monotone) and int((steps != 0).sum()) >= MIN_VALUES - 1
