"""A column of any type as one of few: numbers, times, durations, categories or text.

pandas, NumPy and Arrow each have types of their own for the same thing; past this module there
is one for each.
"""

from __future__ import annotations

import datetime
import shlex
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.errors import DataError
from agebo_hpc.text import one_line


def normal(column: pd.Series) -> pd.Series:
    """Return a column in one of the types that are read here.

    Parameters
    ----------
    column
        A column of any dtype.

    Returns
    -------
    Series of shape (rows,)
        A column with the same index and name: real numbers, whole numbers and booleans of this
        machine's byte order (of nullable dtypes where cells are missing), naive UTC datetime64,
        timedelta64, text, or a category of one of these.

    Raises
    ------
    DataError
        If the cells are complex numbers, lists, records or other things that are neither.
    """
    dtype = column.dtype
    types = pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(column)
    if isinstance(dtype, pd.ArrowDtype):
        return _like(column, _from_arrow(column))
    if isinstance(dtype, pd.SparseDtype):
        return normal(column.sparse.to_dense())
    if isinstance(dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if isinstance(dtype, pd.IntervalDtype):
        return column.astype(object).map(str, na_action="ignore").astype("str")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert(None)
    if types.is_complex_dtype(dtype):
        raise unreadable(column)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _of_objects(column)
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        return pd.Series(
            column.to_numpy().astype(dtype.newbyteorder("=")), column.index, name=column.name
        )
    if dtype == np.longdouble and np.longdouble != np.float64:
        return column.astype(np.float64)
    return column


def is_number_dtype(dtype: Any) -> bool:
    """Tell whether a dtype that `normal` gives is of numbers or booleans."""
    return bool(pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype))


def unreadable(column: pd.Series) -> DataError:
    """Return the message about cells that are no numbers, text or dates."""
    present = column[column.notna()] if column.dtype != object else column.dropna()
    example = str(present.iloc[0]).replace("\n", " ")[:60] if len(present) else column.dtype
    return DataError(
        f"Column {column.name!r} holds values such as {example}; give numbers, text or dates, "
        f"or leave it out with {option('--drop', str(column.name))}."
    )


def option(name: str, value: str) -> str:
    """Return an option with its value as a shell takes it, as in ``--drop 'my column'``."""
    quoted = one_line(shlex.quote(value))
    return f"{name}={quoted}" if value.startswith("-") else f"{name} {quoted}"


def _like(column: pd.Series, values: pd.Series) -> pd.Series:
    values.index = column.index
    return values.rename(column.name)


def _from_arrow(column: pd.Series) -> pd.Series:
    import pyarrow

    from agebo_hpc.data.arrow_columns import series_of

    array = pyarrow.array(column)
    chunked = array if isinstance(array, pyarrow.ChunkedArray) else pyarrow.chunked_array([array])
    return normal(series_of(chunked).rename(column.name))


def _category(column: pd.Series) -> pd.Series:
    levels = column.cat.categories.to_series(name=column.name).reset_index(drop=True)
    plain = normal(levels)
    if plain is levels:
        return column
    codes = column.cat.codes.to_numpy()
    if plain.duplicated().any() or plain.isna().any():
        return _like(column, plain.reindex(codes).astype("category"))
    categories = pd.Categorical.from_codes(codes, categories=pd.Index(plain))
    return pd.Series(categories, column.index, name=column.name)


def _of_objects(column: pd.Series) -> pd.Series:
    found = pd.api.types.infer_dtype(column, skipna=True)
    convert = _CONVERSIONS.get(found)
    try:
        if convert is not None:
            return _like(column, convert(column))
    except (OverflowError, ValueError, TypeError):
        pass  # whole numbers of any size, zones of several kinds: read as text
    cells = [_cell(cell, column) for cell in column]
    return pd.Series(cells, column.index, dtype="str", name=column.name)


def _whole(column: pd.Series) -> pd.Series:
    dtype = "Int64" if column.isna().any() else np.int64
    try:
        return pd.Series(pd.array(_missing_as_na(column), dtype=dtype))
    except OverflowError:
        return pd.Series(pd.array(_missing_as_na(column), dtype="UInt64"))


def _missing_as_na(column: pd.Series) -> list[Any]:
    return [pd.NA if lost else cell for cell, lost in zip(column, column.isna(), strict=True)]


def _times(column: pd.Series) -> pd.Series:
    cells = [
        np.datetime64("NaT", "us") if lost else _moment(cell)
        for cell, lost in zip(column, column.isna(), strict=True)
    ]
    return pd.Series(np.array(cells, dtype="datetime64[us]"))


def _moment(cell: Any) -> np.datetime64:
    if isinstance(cell, datetime.datetime) and cell.tzinfo is not None:
        cell = cell.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(cell, pd.Timestamp):
        cell = cell.to_datetime64()
    return np.datetime64(cell, "us")


_CONVERSIONS: dict[str, Any] = {
    "boolean": lambda c: pd.Series(pd.array(_missing_as_na(c), dtype="boolean")),
    "integer": _whole,
    "floating": lambda c: c.astype(np.float64),
    "mixed-integer-float": lambda c: c.astype(np.float64),
    "string": lambda c: c.astype("str"),
    "datetime": _times,
    "datetime64": _times,
    "date": _times,
    "timedelta": lambda c: pd.to_timedelta(c),
    "timedelta64": lambda c: pd.to_timedelta(c),
    "empty": lambda c: c.astype(np.float64),
}
"""What pandas infers of objects -> the way to one of the types above."""


def _cell(cell: Any, column: pd.Series) -> str | None:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, np.generic) and not isinstance(cell, np.void):
        cell = cell.item() if not isinstance(cell, np.datetime64 | np.timedelta64) else str(cell)
    if (
        cell is None
        or cell is pd.NA
        or cell is pd.NaT
        or (isinstance(cell, float) and cell != cell)
    ):
        return None
    if isinstance(cell, datetime.datetime):
        return str(_moment(cell))
    if isinstance(cell, _READABLE):
        return str(cell)
    raise unreadable(pd.Series([cell], dtype=object, name=column.name))


_READABLE = (
    str, bool, int, float, Decimal, datetime.date, datetime.time, datetime.timedelta, pd.Interval,
    pd.Period,
)  # fmt: skip
