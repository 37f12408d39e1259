"""One column's cells: which kind they are, and their reading as numbers, times or levels.

Training and prediction go through the same functions here, so a column reads the same from CSV,
Parquet, ARFF and HDF5. Knows nothing of fitting or of files.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.errors import DataError

Kind = Literal["numeric", "category", "datetime"]
NUMBERS_EXPECTED = 0.5
"""Share of a text column's cells that read as numbers above which text in it is an error."""
LARGEST = 1e100
"""Numbers beyond this are read as missing: their variance would overflow."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_WHOLE = re.compile(r"-?\d+\.0+")


def column_kind(column: pd.Series) -> Kind:
    """Tell how a column is to be read, from its dtype and, for text, from its cells.

    Parameters
    ----------
    column
        Any dtype, any length, not all missing.

    Returns
    -------
    Kind
        Numbers, booleans, durations and text that is all numbers are ``"numeric"``; dates and
        text that is all ISO 8601 dates ``"datetime"``; all other text ``"category"``.

    Raises
    ------
    DataError
        If more than half of a text column's cells are numbers and the others are not.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "datetime"
    if _is_number_dtype(dtype):
        return "numeric"
    present = column.dropna()
    values = _factorized(present)[1]
    if all(isinstance(value, bool | np.bool_) for value in values):
        return "numeric"
    if all(_DATE.fullmatch(str(value)) for value in values):
        return "datetime"
    share = float(_parse_text(present).notna().mean())
    if share == 1:
        return "numeric"
    if share > NUMBERS_EXPECTED:
        raise _text_among_numbers(present, str(column.name))
    return "category"


def as_numbers(column: pd.Series) -> NDArray[np.float64]:
    """Read a column as numbers.

    Parameters
    ----------
    column
        Numbers, booleans (0 and 1), durations (seconds) or text that is all numbers.

    Returns
    -------
    ndarray of shape (rows,), float64
        Missing and infinite cells, and those beyond 1e100, are NaN.

    Raises
    ------
    DataError
        If a cell is text; names the column, five such cells and their count.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        numbers = column.dt.total_seconds().to_numpy(np.float64)
    elif _is_number_dtype(column.dtype):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
    elif pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise DataError(
            f"Column {column.name!r} holds dates where numbers are expected; give numbers."
        )
    else:
        present = column.dropna()
        parsed = _parse_text(present)
        if parsed.isna().any():
            raise _text_among_numbers(present, str(column.name))
        numbers = parsed.reindex(column.index).to_numpy(np.float64)
    return np.where(np.abs(numbers) < LARGEST, numbers, np.nan)


def as_times(column: pd.Series) -> pd.Series:
    """Read a column as dates; a missing cell is NaT, a time zone is turned to UTC.

    Parameters
    ----------
    column
        Dates, or ISO 8601 text.

    Returns
    -------
    Series of shape (rows,), datetime64

    Raises
    ------
    DataError
        If a cell is no date; names the column, five such cells and their count.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.dt.tz_convert(None) if getattr(column.dtype, "tz", None) else column
    text = column.astype("object").map(str, na_action="ignore")
    times = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    wrong = column[times.isna() & column.notna()]
    if len(wrong):
        raise DataError(
            f"Column {column.name!r} holds dates, but {listing(wrong)} cannot be read as such; "
            f"write them as 2013-01-31 or 2013-01-31T05:15:00, or leave the cells empty."
        )
    return times.dt.tz_convert(None)


def as_levels(column: pd.Series) -> tuple[NDArray[np.intp], list[str | None]]:
    """Read a column as categories.

    Returns
    -------
    codes : ndarray of shape (rows,), intp
        Index into `levels`.
    levels : list of str or None
        Distinct levels in order of appearance; None stands for a missing cell. A whole number
        has the same level in any dtype: 3, 3.0 and "3".
    """
    codes, uniques = _factorized(column)
    names = [level_text(value) for value in uniques]
    position = {name: i for i, name in reversed(list(enumerate(names)))}
    levels = sorted(position, key=lambda name: position[name])
    rank = {name: i for i, name in enumerate(levels)}
    table = np.array([rank[name] for name in names], dtype=np.intp)
    return table[codes], levels


def level_text(value: Any) -> str | None:
    """Return the level that a cell belongs to, None for a missing one."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value).strip()
    return text.split(".")[0] if _WHOLE.fullmatch(text) else text


def _is_number_dtype(dtype: Any) -> bool:
    types = pd.api.types
    return bool(
        types.is_bool_dtype(dtype)
        or (types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype))
        or types.is_timedelta64_dtype(dtype)
    )


def _factorized(column: pd.Series) -> tuple[NDArray[np.intp], list[Any]]:
    """Return codes and distinct values, a missing one included."""
    try:
        codes, uniques = pd.factorize(column, use_na_sentinel=False)
    except TypeError:
        example = str(column.dropna().iloc[0]).replace("\n", " ")[:60]
        raise DataError(
            f"Column {column.name!r} holds values such as {example}; give numbers, text or "
            f"dates, or leave it out with --drop {column.name}."
        ) from None
    return codes, list(uniques)


def _parse_text(present: pd.Series) -> pd.Series:
    # Over the distinct values only: a column of a million cells has few of them.
    codes, uniques = _factorized(present)
    parsed = [_number(value) for value in uniques]
    return pd.Series(np.array(parsed, dtype=np.float64)[codes], index=present.index)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _text_among_numbers(present: pd.Series, name: str) -> DataError:
    wrong = text_cells(present)
    return DataError(
        f"Column {name!r} is numeric but holds text: {listing(wrong)}. Correct these cells or "
        f"leave them empty (missing), or use --categorical {name} or --drop {name}."
    )


def text_cells(column: pd.Series) -> pd.Series:
    """Return the cells, with their rows, that are neither numbers nor missing."""
    if _is_number_dtype(column.dtype):
        return column[:0]
    present = column.dropna().astype(object)
    return present[_parse_text(present).isna()]


def listing(wrong: pd.Series) -> str:
    """Return the first five distinct cells, and how many cells there are, for a message."""
    shown = ", ".join(repr(str(value)) for value in pd.unique(wrong)[:5])
    dots = ", ..." if wrong.nunique() > 5 else ""
    return f"{shown}{dots} ({len(wrong)} of the cells)"
