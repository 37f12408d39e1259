"""One column's cells, read as numbers, times or levels by a given reading.

Training and prediction go through the same functions here, so a column reads the same from CSV,
Parquet, ARFF, HDF5 and data frames. Knows nothing of fitting or of files, and decides nothing:
that is for `agebo_hpc.data.kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import is_number_dtype, normal, option
from agebo_hpc.data.date_notation import read_dates
from agebo_hpc.data.levels import level_before, level_of_time, level_text, levels_of_texts
from agebo_hpc.data.number_notation import read_booleans, read_durations
from agebo_hpc.data.reading import DATE, LEVEL, NUMBER, Kind, Reading
from agebo_hpc.data.text_cells import TextCells
from agebo_hpc.errors import DataError
from agebo_hpc.text import noun

__all__ = [
    "LARGEST",
    "Kind",
    "MixtureError",
    "as_levels",
    "as_numbers",
    "as_times",
    "level_text",
    "listing",
    "read_texts",
    "wrong_cells",
]

LARGEST = 1e100
"""Numbers beyond this are read as missing: their variance would overflow."""


class MixtureError(DataError):
    """Cells of one column that are not what the others are; `wrong` lists them with rows."""

    def __init__(self, message: str, wrong: str = "") -> None:
        super().__init__(message)
        self.wrong = wrong


def as_numbers(column: pd.Series, reading: Reading = NUMBER) -> NDArray[np.float64]:
    """Read a column as numbers.

    Parameters
    ----------
    column
        Numbers, booleans (0 and 1), durations (seconds) or text in the reading's notation.
    reading
        How the cells are read; its kind is a numeric one.

    Returns
    -------
    ndarray of shape (rows,), float64
        Missing and infinite cells, and those beyond 1e100, are NaN.

    Raises
    ------
    DataError
        If a cell is no number; names the column, five such cells, their count and rows.
    """
    return usable(all_numbers(column, reading), reading)


def usable(numbers: NDArray[np.float64], reading: Reading) -> NDArray[np.float64]:
    """Return what `all_numbers` gave as `as_numbers` does; see there."""
    numbers = np.where(np.abs(numbers) < LARGEST, numbers, np.nan)
    excluded = _as_plain_numbers(reading.missing) if reading.missing else []
    return np.where(np.isin(numbers, excluded), np.nan, numbers) if excluded else numbers


def all_numbers(column: pd.Series, reading: Reading = NUMBER) -> NDArray[np.float64]:
    """Read a column as numbers, infinite and enormous ones included; see `as_numbers`."""
    column = normal(column)
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = column.cat.categories.to_series(name=column.name)
        table = np.append(all_numbers(levels, reading), np.nan)
        return np.asarray(table[column.cat.codes.to_numpy()])
    if pd.api.types.is_timedelta64_dtype(dtype):
        seconds: NDArray[np.float64] = column.dt.total_seconds().to_numpy(np.float64)
        return seconds
    if is_number_dtype(dtype):
        numbers: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
        return numbers
    if pd.api.types.is_datetime64_dtype(dtype):
        raise DataError(
            f"Column {column.name!r} holds dates where numbers are expected; give numbers."
        )
    cells = TextCells.of(column)
    missing = cells.missing(reading.missing)
    read, fits = read_texts(cells, reading)
    wrong = ~fits & ~missing
    if wrong.any():
        raise text_among_numbers(cells, wrong, str(column.name))
    return cells.spread(np.where(missing, np.nan, read), np.nan)


def read_texts(cells: TextCells, reading: Reading) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read the distinct cells, and tell which of them fit the reading.

    Returns
    -------
    values : ndarray of shape (distinct cells,), float64 or datetime64[us]
    fits : ndarray of shape (distinct cells,), bool
    """
    if reading.form == "date":
        times, fits = read_dates(cells.folded, reading.order)
        if fits.all() or reading.order == "iso":
            return times, fits
        # ISO 8601 is a date in any table, and can be taken for no other order.
        others, iso = read_dates(cells.folded, "iso")
        return np.where(iso, others, times), fits | iso
    if reading.form == "duration":
        return read_durations(cells.folded)
    numbers, fits = reading.notation.read(cells.folded)
    if reading.form == "boolean":
        truths, said = read_booleans(cells.folded)
        return np.where(said, truths, numbers), fits | said
    return numbers, fits


def as_times(column: pd.Series, reading: Reading = DATE) -> pd.Series:
    """Read a column as dates; a missing cell is NaT, a time zone is turned to UTC.

    Parameters
    ----------
    column
        Dates, or text in the reading's notation.

    Returns
    -------
    Series of shape (rows,), datetime64
        Times of any year from 1 to 9999.

    Raises
    ------
    DataError
        If a cell is no date; names the column, five such cells, their count and rows.
    """
    column = normal(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = normal(column.astype(object))
    if not pd.api.types.is_datetime64_dtype(column.dtype):
        column = _times_of_text(column, reading)
    if not reading.missing:
        return column
    excluded = [t for t in _as_plain_times(reading.missing) if not np.isnat(t)]
    return column.mask(column.isin(excluded)) if excluded else column


def _times_of_text(column: pd.Series, reading: Reading) -> pd.Series:
    if is_number_dtype(column.dtype):
        column = column.map(lambda cell: level_text(cell), na_action="ignore")
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        column = column.astype("str")
    cells = TextCells.of(column)
    missing = cells.missing(reading.missing)
    times, fits = read_texts(cells, reading)
    wrong = ~fits & ~missing
    if wrong.any():
        raise text_among_dates(cells, wrong, str(column.name))
    never = np.datetime64("NaT", "us")
    values = cells.spread(np.where(missing, never, times), never)
    return pd.Series(values, column.index, name=column.name)


def as_levels(
    column: pd.Series, reading: Reading = LEVEL
) -> tuple[NDArray[np.intp], list[str | None]]:
    """Read a column as categories.

    Returns
    -------
    codes : ndarray of shape (rows,), intp
        Index into `levels`.
    levels : list of str or None
        Distinct levels in order of appearance; None stands for a missing cell. The same value
        has the same level in any dtype: 3, 3.0 and "3"; see `agebo_hpc.data.levels`.
    """
    column = normal(column)
    codes, uniques = pd.factorize(column, use_na_sentinel=False)
    names = _levels(pd.Series(uniques), reading)
    position = {name: i for i, name in reversed(list(enumerate(names)))}
    levels = sorted(position, key=lambda name: position[name])
    rank = {name: i for i, name in enumerate(levels)}
    table = np.array([rank[name] for name in names], dtype=np.intp)
    return table[codes], levels


def _levels(uniques: pd.Series, reading: Reading) -> list[str | None]:
    lost = uniques.isna().to_numpy()
    if isinstance(uniques.dtype, pd.CategoricalDtype):
        uniques = normal(uniques.astype(uniques.cat.categories.dtype))
    # A number of few digits has few as text: that of a float32 is not that of its float64.
    floats = pd.api.types.is_float_dtype(uniques.dtype)
    kind = getattr(uniques.dtype, "numpy_dtype", uniques.dtype)
    cells = uniques.to_numpy(kind, na_value=np.nan) if floats else uniques
    texts = [None if gone else cell for cell, gone in zip(cells, lost, strict=True)]
    if reading.form == "before":
        return [level_before(text) for text in texts]
    present = [text for text in texts if text is not None]
    found: list[str | None]
    if pd.api.types.is_datetime64_dtype(uniques.dtype):
        found = [level_of_time(t) for t in uniques.to_numpy()[~lost]]
    elif reading.form == "text":
        found = [None if text == "" else text for text in map(_as_it_came, present)]
    else:
        found = levels_of_texts([str(cell) for cell in present])
    excluded = {*reading.missing, *(level_text(text) for text in reading.missing)} - {None}
    left = iter(found)
    levels = [None if gone else next(left) for gone in lost]
    return [None if level in excluded else level for level in levels]


def _as_it_came(cell: Any) -> str:
    return cell if isinstance(cell, str) else level_text(cell) or ""


def _as_plain_numbers(texts: Iterable[str]) -> list[float]:
    numbers, _ = read_texts(_cells_of(texts), NUMBER)
    return [float(number) for number in numbers if np.isfinite(number)]


def _as_plain_times(texts: Iterable[str]) -> NDArray[np.datetime64]:
    times: NDArray[np.datetime64] = read_dates(_cells_of(texts).folded, "iso")[0]
    return times


def _cells_of(texts: Iterable[str]) -> TextCells:
    return TextCells.of(pd.Series(list(texts), dtype="str"))


def wrong_cells(cells: TextCells, wrong: NDArray[np.bool_]) -> str:
    """Return the first five distinct cells that are wrong, their count and rows, for a message."""
    return listing(cells, wrong) + f" in {rows_of(cells, wrong)}"


def listing(cells: TextCells, wrong: NDArray[np.bool_]) -> str:
    """Return the first five distinct cells that are wrong, and how many cells there are."""
    positions = np.flatnonzero(wrong)
    shown = ", ".join(repr(cells.text(i)[:60]) for i in positions[:5])
    dots = ", ..." if len(positions) > 5 else ""
    return f"{shown}{dots} ({cells.counts[positions].sum()} of the cells)"


def rows_of(cells: TextCells, wrong: NDArray[np.bool_]) -> str:
    """Return the first five rows of wrong cells; the first after the header is 1."""
    rows = np.flatnonzero(cells.spread(wrong, False)) + 1
    dots = ", ..." if len(rows) > 5 else ""
    return f"{noun(len(rows), 'row')} {', '.join(map(str, rows[:5]))}{dots}"


def text_among_numbers(cells: TextCells, wrong: NDArray[np.bool_], name: str) -> MixtureError:
    """Return the error about cells of a numeric column that are no numbers."""
    said = wrong_cells(cells, wrong)
    return MixtureError(
        f"Column {name!r} is numeric but holds text: {said}. Correct these cells or leave them "
        f"empty (missing), or use {ways_out(cells, wrong, name)}.",
        said,
    )


def text_among_dates(cells: TextCells, wrong: NDArray[np.bool_], name: str) -> MixtureError:
    """Return the error about cells of a column of dates that are none."""
    said = wrong_cells(cells, wrong)
    return MixtureError(
        f"Column {name!r} holds dates, but {said} cannot be read as such; write them as "
        f"2013-01-31 or 2013-01-31T05:15:00, leave the cells empty (missing), or use "
        f"{ways_out(cells, wrong, name)}.",
        said,
    )


def ways_out(cells: TextCells, wrong: NDArray[np.bool_], name: str) -> str:
    """Return the options that settle what cells of a column are."""
    example = cells.text(int(np.flatnonzero(wrong)[0])).strip()
    return (
        f"{option('--missing', example)} (such cells are missing), "
        f"{option('--categorical', name)}, {option('--text', name)} or {option('--drop', name)}"
    )
