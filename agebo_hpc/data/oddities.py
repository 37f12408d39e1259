"""Lines about what is unusual in a column, each with an example cell and its row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import option
from agebo_hpc.data.date_notation import read_dates
from agebo_hpc.data.names import is_of_moment
from agebo_hpc.data.number_notation import ZERO_PADDED
from agebo_hpc.data.reading import Reading
from agebo_hpc.data.text_cells import TextCells, arrow_text, matches, trimmed
from agebo_hpc.data.values import LARGEST, read_texts

EXACT = 2**53
"""Whole numbers up to here are exact in float64."""
SAID_SHARE = 0.1
"""Share of a category's cells that fit another kind from which it is said."""
FAR = (np.datetime64("1800-01-01"), np.datetime64("2200-01-01"))
SINCE_1970 = (3e8, 4.2e9)
"""Seconds that are taken for a time: 1979 to 2103."""
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""Each a thousandth of the one before."""
_NOT_READ = (
    (
        r"(?i)^(\d{1,2}[-/. ](\d{1,2}|[a-z]{3,9})|[a-z]{3,9}[-/. ]\d{1,2})[-/., ]+'?\d\d\b",
        "years of two digits, as in {}, are not read: a category; write four for dates",
    ),
    (
        r"^[^\p{L}\p{N}]*\p{N}|^\p{L}{1,3}[^\p{L}\p{N}]+\p{N}[^\p{L}]*$",
        "cells such as {} are no numbers or dates in a notation that is read: a category",
    ),
)
_SIMPLE = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def inexact(cells: pd.Series | TextCells) -> tuple[str, ...]:
    """Return a line if whole numbers are too large for float64 to hold their digits.

    Parameters
    ----------
    cells
        A column of an integer dtype, or the cells of one of text; those of whole numbers count.
    """
    found = _first_large_text(cells) if isinstance(cells, TextCells) else _first_large(cells)
    if found is None:
        return ()
    cell, row = found
    return (
        f"whole numbers beyond 2^53 such as {cell} (row {row}) lose digits as numbers: they are "
        f"a category unless --numeric says otherwise",
    )


def _first_large_text(cells: TextCells) -> tuple[str, int] | None:
    for position in map(int, np.flatnonzero(matches(cells.folded, r"^[+-]?\d{16,}$"))):
        if _loses_digits(int(cells.folded[position].as_py())):
            return cells.text(position), cells.row(position)
    return None


def _first_large(column: pd.Series) -> tuple[str, int] | None:
    present = column.dropna()
    if not len(present) or max(abs(int(present.min())), abs(int(present.max()))) <= EXACT:
        return None
    for position, cell in enumerate(column):
        if cell is not pd.NA and _loses_digits(int(cell)):
            return str(cell), position + 1
    return None


def _loses_digits(number: int) -> bool:
    return number.bit_length() > 53 and int(float(number)) != number


def of_numbers(
    name: str, everything: NDArray[np.float64], numbers: NDArray[np.float64], whole: bool
) -> tuple[str, ...]:
    """Return lines about numbers: infinite, enormous or constant ones, days written as numbers."""
    said = []
    present = numbers[~np.isnan(numbers)]
    # A cell that is not missing is so beyond 1e100 only.
    for row, count, word in _beyond(everything):
        said.append(
            f"{word}: {everything[row]:g} (row {row + 1}), {count} in all, read as missing"
        )
    if len(present) and present.min() == present.max():
        said.append(f"constant: {present[0]:.10g} in every row")
    elif whole and len(present) and _like_days(present):
        said.append(
            f"{int(present[0])} and the others could be days such as "
            f"{_day(present[:1])[0][0].astype('datetime64[D]')}; {option('--date', name)} reads "
            f"them so"
        )
    elif whole and len(present) and is_of_moment(name) and (unit := _unit_since_1970(present)):
        day = present[:1].astype(np.int64).astype(f"datetime64[{unit}]")[0].astype("datetime64[D]")
        said.append(
            f"{int(present[0])} and the others could be {_UNITS[unit]} since 1970, such as {day}: "
            f"they stay numbers; write dates in their place if the weekday or the hour matters"
        )
    return tuple(said)


def _beyond(numbers: NDArray[np.float64]) -> list[tuple[int, int, str]]:
    with np.errstate(invalid="ignore"):
        large = np.abs(numbers) >= LARGEST
    if not large.any():
        return []
    infinite = np.isinf(numbers)
    kinds = ((infinite, "infinite"), (large & ~infinite, "beyond 1e100"))
    return [(int(np.argmax(f)), int(f.sum()), word) for f, word in kinds if f.any()]


def _unit_since_1970(numbers: NDArray[np.float64]) -> str:
    """Return the unit in which all numbers are times of our days, as numpy names it; or none."""
    for power, unit in enumerate(_UNITS):
        low, high = (border * 1000.0**power for border in SINCE_1970)
        if low <= numbers.min() and numbers.max() <= high:
            return unit
    return ""


def _like_days(numbers: NDArray[np.float64]) -> bool:
    if numbers.min() < 19000101 or numbers.max() > 21001231:
        return False
    return bool(_day(np.unique(numbers))[1].all())


def _day(numbers: NDArray[np.float64]) -> Any:
    texts = pd.Series(numbers.astype(np.int64).astype(str), dtype="str")
    return read_dates(arrow_text(texts), "compact")


def of_dates(times: pd.Series) -> tuple[str, ...]:
    """Return lines about dates: constant ones, and those far from any that are measured."""
    values = times.to_numpy()
    present = values[~np.isnat(values)]
    if not len(present):
        return ()
    said = []
    if present.min() == present.max():
        said.append(f"constant: {_short(present[0])} in every row")
    for extreme in (present.min(), present.max()):
        if not FAR[0] <= extreme < FAR[1]:
            row = int(np.argmax(values == extreme)) + 1
            said.append(
                f"far away: {_short(extreme)} (row {row}); if it stands for a missing date, "
                f"{option('--missing', _short(extreme))}"
            )
    return tuple(dict.fromkeys(said))


def _short(time: np.datetime64) -> str:
    from agebo_hpc.data.levels import level_of_time

    return level_of_time(time)


def of_category(column: pd.Series, values: pd.Series, reading: Reading) -> tuple[str, ...]:
    """Return lines about a category: constant, or words that are read as missing."""
    said = []
    if len(values.cat.categories) == 1 and not values.isna().any():
        said.append(f"constant: {values.iloc[0]!r} in every row")
    if pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        cells = TextCells.of(column)
        word = cells.missing(reading.missing) & ~matches(trimmed(cells.raw), "^$")
        if reading.form != "text" and word.any():
            position = int(np.flatnonzero(word)[0])
            said.append(
                f"{cells.text(position)!r} (row {cells.row(position)}) is read as missing, "
                f"{cells.counts[word].sum()} such cells in all; "
                f"{option('--text', str(column.name))} keeps them as levels"
            )
    return tuple(said)


def of_text(
    cells: TextCells, fits: NDArray[np.bool_], reading: Reading, share: float, name: str
) -> tuple[str, ...]:
    """Return lines about the notation of text, or about cells of a category that fit one."""
    if share < 1:
        near = _partly(cells, fits, reading, share) if share >= SAID_SHARE else ()
        return near or _not_read(cells)
    if not fits.any():
        return ()
    said = []
    strange = fits & ~_usual(cells, reading)
    if strange.any():
        position = int(np.flatnonzero(strange)[0])
        value = read_texts(cells, reading)[0][position]
        said.append(
            f"{_described(reading)}{cells.text(position)!r} (row {cells.row(position)}) is read "
            f"as {_short(value) if reading.form == 'date' else f'{value:.12g}'}"
        )
    padded = fits & matches(cells.folded, ZERO_PADDED)
    if reading.form == "number" and padded.any():
        position = int(np.flatnonzero(padded)[0])
        said.append(
            f"zero-padded: {cells.text(position)!r} (row {cells.row(position)}) is read as "
            f"{int(cells.folded[position].as_py())}; {option('--text', name)} keeps it"
        )
    return tuple(said)


def _not_read(cells: TextCells) -> tuple[str, ...]:
    """Return a line if most cells of a category look like numbers or dates but are not read so."""
    for pattern, words in _NOT_READ:
        found = matches(cells.folded, pattern)
        if 2 * cells.counts[found].sum() > cells.counts.sum():
            position = int(np.flatnonzero(found)[0])
            return (words.format(f"{cells.text(position)!r} (row {cells.row(position)})"),)
    return ()


def _usual(cells: TextCells, reading: Reading) -> NDArray[np.bool_]:
    plain = trimmed(cells.raw)
    if reading.form == "date" and reading.order == "iso":
        return matches(plain, r"^\d{4}-")
    if reading.form == "boolean":
        return np.ones(len(cells.raw), bool)
    if reading.form != "number":
        return np.zeros(len(cells.raw), bool)
    return matches(plain, _SIMPLE) | matches(plain, "^[+-]?inf(inity)?$", ignore_case=True)


def _described(reading: Reading) -> str:
    if reading.form == "date":
        return ""
    if reading.form == "duration":
        return "seconds: "
    words = [
        "decimal comma" * (reading.decimal == ","),
        f"thousands {reading.thousands!r}" if reading.thousands else "",
        reading.affix,
    ]
    words = [word for word in words if word]
    return f"{', '.join(words)}: " if words else ""


def _partly(
    cells: TextCells, fits: NDArray[np.bool_], reading: Reading, share: float
) -> tuple[str, ...]:
    position = int(np.flatnonzero(fits)[0])
    kind = {"number": "numbers", "date": "dates"}.get(reading.form, "durations")
    return (
        f"{share:.0%} of the cells could be {kind}, such as {cells.text(position)!r} (row "
        f"{cells.row(position)}), the others not: a category",
    )
