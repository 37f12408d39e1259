"""Times of rows, of one column or of several: numbers that are in the order of the times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import normal
from agebo_hpc.data.kinds import Wish, decide
from agebo_hpc.errors import DataError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = pd.date_range("2000-01-01", periods=12, freq="MS").month_name().str.lower().tolist()
_MONTH = {**{name: k for k, name in enumerate(MONTHS, 1)}, "sept": 9}
_MONTH |= {name: k for k, name in enumerate(_FULL, 1)}
_SORTABLE = re.compile(
    r"(\d{4}(?!\d)[\s\-/._]?[QqWwTtHhMmSs]?\d{0,2}|\d\d:\d\d)([\s\-/._:T]\d\d)*"
)
"""Text whose order is that of time where all cells have one shape: the year or the hour first."""


def times_of(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one time for each row, of columns of which the first counts most.

    Parameters
    ----------
    columns
        Numbers or datetime64 without missing cells, each of shape (rows,), one at least.

    Returns
    -------
    ndarray of shape (rows,)
        The only column, or int64 from 0 in the order of the rows of columns, equal where they are.
    """
    if len(columns) == 1:
        return columns[0]
    order = np.lexsort(list(columns[::-1]))
    begins = np.zeros(len(order), np.int64)
    for column in columns:
        ordered = column[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    times = np.empty(len(order), np.int64)
    times[order] = np.cumsum(begins)
    return times


def time_values(column: pd.Series, named: str, wish: Wish | None = None) -> NDArray[Any]:
    """Return the times that a column holds, shape (rows,), int64, float64 or datetime64.

    Raises
    ------
    DataError
        If a cell is missing, or they are no dates, numbers or texts that are in order of time.
    """
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        return _complete(column.cat.codes.to_numpy(np.int64), column.isna().to_numpy(), named)
    column = normal(column)
    is_plain = wish is None or not (wish.form or wish.missing)
    if is_plain and pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        # Nanoseconds since 1970 are more than float64 holds exactly.
        numbers: NDArray[Any] = column.to_numpy(np.int64)
        return numbers
    decided = decide(column, wish)
    if decided.kind == "category":
        return _of_texts(decided.values, named)
    if decided.kind == "numeric":
        times: NDArray[Any] = decided.values.to_numpy(np.float64, na_value=np.nan)
        return _complete(times, ~np.isfinite(times), named)
    times = decided.values.to_numpy()
    return _complete(times, np.isnat(times), named)


def _complete(times: NDArray[Any], missing: NDArray[np.bool_], named: str) -> NDArray[Any]:
    if missing.any():
        raise missing_cells(named, int(missing.sum()), len(times), "time")
    return times


def missing_cells(named: str, count: int, rows: int, what: str) -> DataError:
    """Return the error of a column of which each row needs a cell."""
    return DataError(
        f"{named} is missing in {count} of {rows} rows; each row needs its {what}: fill these "
        f"cells or remove these rows."
    )


def _of_texts(column: pd.Series, named: str) -> NDArray[np.int64]:
    """Return numbers in the order of texts such as 2013-W05, 2013Q1, 05:15 or March."""
    present = column.dropna()
    levels = [str(level) for level in present.unique()]
    numbers = _sortable(levels)
    if numbers is None:
        shown = ", ".join(repr(text[:40]) for text in levels[:2])
        raise DataError(
            f"{named} holds text such as {shown}; give dates in one notation, numbers that grow "
            f"with time, names of months, or texts of one shape with the year first, such as "
            f"2013-W05."
        )
    _complete(np.zeros(len(column)), column.isna().to_numpy(), named)
    table = dict(zip(levels, numbers, strict=True))
    times: NDArray[np.int64] = column.astype(object).map(table).to_numpy(np.int64)
    return times


def _sortable(levels: Sequence[str]) -> list[int] | None:
    words = [text.strip().lower().rstrip(".") for text in levels]
    if words and all(word in _MONTH for word in words):
        return [_MONTH[word] for word in words]
    texts = [text.strip() for text in levels]
    shapes = {re.sub(r"\d", "0", text) for text in texts}
    if len(shapes) != 1 or not all(_SORTABLE.fullmatch(text) for text in texts):
        return None
    return [int(re.sub(r"\D", "", text)) for text in texts]
