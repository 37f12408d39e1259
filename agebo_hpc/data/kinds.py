"""What kind a column is, and why: the one place that decides it.

A column of text has a notation only where all of its cells agree on it. Where more than half of
the cells are numbers, dates or durations and the others are not, the others are taken for
mistakes, and the column is refused with the ways to settle it; where two notations fit and mean
different values, too. What was decided is said in the column's summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import is_number_dtype, normal, option
from agebo_hpc.data.column_summary import ColumnSummary, summarise
from agebo_hpc.data.number_notation import NOTATIONS, PLAIN, affix_in, read_booleans
from agebo_hpc.data.oddities import inexact, of_category, of_dates, of_numbers, of_text
from agebo_hpc.data.reading import DATE, LEVEL, TEXT, Kind, Reading
from agebo_hpc.data.text_cells import TextCells, matches
from agebo_hpc.data.values import (
    all_numbers,
    as_levels,
    as_times,
    read_texts,
    text_among_dates,
    text_among_numbers,
    usable,
)
from agebo_hpc.errors import DataError

NUMBERS_EXPECTED = 0.5
"""Share of a text column's cells that fit one notation above which the others are mistakes."""
TRIED_CELLS = 1000
"""Distinct cells on which a notation is tried before all."""
DATE_ORDERS = ("iso", "ymd", "dmy", "mdy")


@dataclass(frozen=True)
class Wish:
    """What is said about one column: its kind, if any, and how its cells are written.

    Attributes
    ----------
    form
        ``"number"``, ``"date"``, ``"level"``, ``"text"``, or nothing: the cells decide.
    order
        Order of a date's parts: ``"ymd"``, ``"dmy"``, ``"mdy"``, or nothing.
    decimal
        Decimal mark of numbers in text, or nothing.
    missing
        Texts that are missing cells besides those that always are.
    """

    form: str = ""
    order: str = ""
    decimal: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """What is said about the columns of a table."""

    forms: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, str] = field(default_factory=dict)
    decimal: str = ""
    missing: tuple[str, ...] = ()

    @classmethod
    def categories(cls, names: Iterable[str]) -> Wishes:
        """Return the wish that some columns are categories."""
        return cls(dict.fromkeys(names, "level"))

    def of(self, column: str) -> Wish:
        """Return what is said about a column."""
        forms, orders = self.forms, self.orders
        return Wish(forms.get(column, ""), orders.get(column, ""), self.decimal, self.missing)


@dataclass(frozen=True)
class Decided:
    """A column that was read.

    Attributes
    ----------
    reading
        How; to be stored.
    values
        Numbers, datetime64 or a category of the levels, shape (rows,).
    summary
        What is said about it.
    whole
        Whether it is numeric and its cells are written as whole numbers.
    doubtful
        Whether another notation fits all cells too, with other values.
    """

    reading: Reading
    values: pd.Series
    summary: ColumnSummary
    whole: bool = False
    doubtful: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of the column."""
        return self.reading.kind

    @property
    def notated(self) -> bool:
        """Whether its numbers show a mark of a notation of their own."""
        return self.reading.notation != PLAIN


def column_kind(column: pd.Series) -> Kind:
    """Return the kind that `decide` chooses for a column of which nothing is said."""
    return decide(column).kind


def decide(column: pd.Series, wish: Wish | None = None) -> Decided:
    """Decide how a column is read, and read it.

    Parameters
    ----------
    column
        Any dtype, any length.
    wish
        What is said about it; None: nothing.

    Raises
    ------
    DataError
        If cells do not fit what the others are or what was wished, or fit in two ways.
    """
    wish = wish or Wish()
    column = normal(column)
    if wish.form in ("level", "text"):
        return _category(column, replace(LEVEL if wish.form == "level" else TEXT), wish)
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not wish.form:
            return _category(column, LEVEL, wish)
        column = normal(column.astype(column.cat.categories.dtype))
    if pd.api.types.is_datetime64_dtype(column.dtype) and wish.form != "number":
        return _dates(column, DATE, wish)
    if wish.form == "date":
        return _forced(_as_text(column), wish)
    if is_number_dtype(column.dtype) or not pd.api.types.is_string_dtype(column.dtype):
        return _numbers(column, wish)
    return _forced(column, wish) if wish.form else _of_text(column, wish)


def _as_text(column: pd.Series) -> pd.Series:
    if not is_number_dtype(column.dtype):
        return column
    from agebo_hpc.data.levels import level_text

    return column.map(level_text, na_action="ignore").astype("str")


def _numbers(column: pd.Series, wish: Wish) -> Decided:
    types = pd.api.types
    form = "boolean" if types.is_bool_dtype(column.dtype) else "number"
    form = "duration" if types.is_timedelta64_dtype(column.dtype) else form
    whole = types.is_integer_dtype(column.dtype)
    if whole and not wish.form and inexact(column):
        return _category(column, LEVEL, wish, inexact(column))
    reading = Reading(form, missing=wish.missing)  # type: ignore[arg-type]
    everything = all_numbers(column)
    numbers = usable(everything, reading)
    oddities = of_numbers(str(column.name), everything, numbers, whole)
    kept = column if is_number_dtype(column.dtype) and not wish.missing else None
    values = kept if kept is not None else pd.Series(numbers, column.index, name=column.name)
    return Decided(
        reading, values, summarise(column, reading, numbers, oddities, everything), whole
    )


def _dates(column: pd.Series, reading: Reading, wish: Wish, said: tuple[str, ...] = ()) -> Decided:
    reading = replace(reading, missing=wish.missing)
    times = as_times(column, reading)
    oddities = (*said, *of_dates(times))
    return Decided(reading, times, summarise(column, reading, times.to_numpy(), oddities))


def _category(
    column: pd.Series, reading: Reading, wish: Wish, said: tuple[str, ...] = ()
) -> Decided:
    reading = replace(reading, missing=wish.missing)
    codes, levels = as_levels(column, reading)
    known = [level for level in levels if level is not None]
    position = {level: i for i, level in enumerate(known)}
    table = np.array([-1 if level is None else position[level] for level in levels], np.intp)
    # Levels keep the order in which they come, as the codes of the cells do.
    values = pd.Series(
        pd.Categorical.from_codes(table[codes], categories=pd.Index(known, dtype="str")),
        column.index,
        name=column.name,
    )
    oddities = (*said, *of_category(column, values, reading))
    return Decided(reading, values, summarise(column, reading, values, oddities))


def _of_text(column: pd.Series, wish: Wish) -> Decided:
    cells = TextCells.of(column)
    missing = cells.missing(wish.missing)
    if missing.all():
        return _empty(column, wish)
    tried = _Tried(str(column.name), cells, missing, wish)
    for family in ("boolean", "number", "date", "duration"):
        found = tried.fitting(family)
        if found is not None:
            return _read(column, cells, missing, found, wish, tried.doubt)
    reading, fits = tried.best()
    share = cells.counts[fits].sum() / cells.counts[~missing].sum()
    if share > NUMBERS_EXPECTED:
        raise _mixture(cells, ~fits & ~missing, reading, str(column.name))
    return _category(column, LEVEL, wish, of_text(cells, fits, reading, share, str(column.name)))


def _empty(column: pd.Series, wish: Wish) -> Decided:
    return _numbers(pd.Series(np.nan, column.index, np.float64, column.name), wish)


def _forced(column: pd.Series, wish: Wish) -> Decided:
    """Read text as it was wished, or raise an error with the cells that cannot be read so."""
    cells = TextCells.of(column)
    missing = cells.missing(wish.missing)
    if missing.all():
        return _empty(column, wish)
    tried = _Tried(str(column.name), cells, missing, wish)
    families = ("date",) if wish.form == "date" else ("boolean", "number", "duration")
    for family in families:
        found = tried.fitting(family)
        if found is not None:
            return _read(column, cells, missing, found, wish, tried.doubt)
    reading, fits = tried.best(families)
    raise _mixture(cells, ~fits & ~missing, reading, str(column.name))


def _read(
    column: pd.Series,
    cells: TextCells,
    missing: NDArray[np.bool_],
    reading: Reading,
    wish: Wish,
    doubt: tuple[str, ...],
) -> Decided:
    name = str(column.name)
    whole = matches(cells.folded, r"^[+-]?\d+$")
    exact = inexact(cells) if reading.form == "number" and whole[~missing].all() else ()
    if exact and not wish.form:
        return _category(column, LEVEL, wish, exact)
    if reading.form == "date":
        said = of_text(cells, ~missing, reading, 1.0, name)
        return _dates(column, reading, wish, said)
    reading = replace(reading, missing=wish.missing)
    everything = all_numbers(column, reading)
    numbers = usable(everything, reading)
    all_whole = bool(whole[~missing].all()) and reading.form == "number"
    oddities = (
        *exact,
        *doubt,
        *of_text(cells, ~missing, reading, 1.0, name),
        *of_numbers(name, everything, numbers, all_whole),
    )
    values = pd.Series(numbers, column.index, name=column.name)
    return Decided(
        reading,
        values,
        summarise(column, reading, numbers, oddities, everything),
        all_whole,
        bool(doubt),
    )


class _Tried:
    """Readings tried on the cells of one column."""

    def __init__(
        self, name: str, cells: TextCells, missing: NDArray[np.bool_], wish: Wish
    ) -> None:
        import pyarrow

        self._name, self._cells, self._missing, self._wish = name, cells, missing, wish
        self.doubt: tuple[str, ...] = ()

        first = np.flatnonzero(~missing)[:TRIED_CELLS]
        self._sample = TextCells(cells.raw.take(pyarrow.array(first)), np.arange(len(first)))

    def fitting(self, family: str) -> Reading | None:
        """Return the reading of a family that all cells fit, if there is one."""
        found = [(r, v) for r in self._readings(family) if (v := self._values(r)) is not None]
        if not found:
            return None
        chosen = found[0][0]
        if family != "number":
            self._check_date(found)
        elif chosen.notation != PLAIN and self._wish.decimal != chosen.decimal:
            self.doubt = self._doubt(found)
        return chosen

    def best(
        self, families: Iterable[str] = ("number", "date", "duration")
    ) -> tuple[Reading, NDArray[np.bool_]]:
        """Return the reading that most cells fit, and which do."""
        readings = [r for family in families for r in self._readings(family)]
        weights = self._cells.counts[~self._missing][:TRIED_CELLS]
        shares = [read_texts(self._sample, reading)[1] @ weights for reading in readings]
        reading = readings[int(np.argmax(shares))]
        values, fits = read_texts(self._cells, reading)
        return reading, fits & ~self._missing & ~_infinite(values)

    def _readings(self, family: str) -> list[Reading]:
        if family != "number":
            orders = (self._wish.order,) if self._wish.order else DATE_ORDERS
            if self._wish.form == "date" and not self._wish.order:
                orders = (*orders, "compact")
            if family == "date":
                return [Reading("date", order=order) for order in orders]
            return [Reading(family)]  # type: ignore[arg-type]
        notations = list(NOTATIONS)
        affix = affix_in(self._sample.folded)
        if affix:
            notations += [replace(notation, affix=affix) for notation in NOTATIONS]
        mark = self._wish.decimal
        if mark == "," and matches(self._cells.folded, r"\.").any():
            notations.sort(key=lambda notation: notation.decimal != mark)
        elif mark:
            notations.sort(key=lambda n: (n != PLAIN, n.decimal != mark))
        return [Reading("number", n.decimal, n.thousands, n.affix) for n in notations]

    def _values(self, reading: Reading) -> NDArray[Any] | None:
        """Return the values of all cells, None where one does not fit."""
        # Predicting, 0 and 1 are read as false and true; alone they are numbers.
        read = _read_as_booleans if reading.form == "boolean" else read_texts
        if not _all_fit(*read(self._sample, reading)):
            return None
        values, fits = read(self._cells, reading)
        keep = ~self._missing
        return values if _all_fit(values[keep], fits[keep]) else None

    def _unlike(self, found: list[tuple[Reading, NDArray[Any]]]) -> tuple[int, list[Any]] | None:
        """Return a cell that the readings give different values, and two of them."""
        first = found[0][1]
        for _, other in found[1:]:
            unlike = np.flatnonzero((first != other) & ~self._missing)
            if len(unlike):
                return int(unlike[0]), [first[unlike[0]], other[unlike[0]]]
        return None

    def _check_date(self, found: list[tuple[Reading, NDArray[Any]]]) -> None:
        unlike = self._unlike(found)
        if unlike is None:
            return
        position, days = unlike
        shown = " or ".join(str(day)[:10] for day in days)
        ways = " or ".join(option("--date", f"{self._name}={r.order}") for r, _ in found)
        raise DataError(
            f"Column {self._name!r} holds dates that can be read in two ways: "
            f"{self._cells.text(position)!r} (row {self._cells.row(position)}) is {shown}, and no "
            f"day above 12 settles it; give {ways}, or {option('--text', self._name)}."
        )

    def _doubt(self, found: list[tuple[Reading, NDArray[Any]]]) -> tuple[str, ...]:
        unlike = self._unlike(found)
        if unlike is None:
            return ()
        position, (taken, other) = unlike
        mark = "," if found[0][0].decimal == "." else "."
        return (
            f"{self._cells.text(position)!r} (row {self._cells.row(position)}) is taken for "
            f"{taken:.12g}; --decimal {mark} reads it as {other:.12g}",
        )


def _read_as_booleans(cells: TextCells, _: Reading) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    return read_booleans(cells.folded)


def _all_fit(values: NDArray[Any], fits: NDArray[np.bool_]) -> bool:
    return bool(fits.all() and not _infinite(values).all())


def _infinite(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "M":
        return np.zeros(len(values), bool)
    infinite: NDArray[np.bool_] = np.isinf(values)
    return infinite


def _mixture(cells: TextCells, wrong: NDArray[np.bool_], reading: Reading, name: str) -> DataError:
    if reading.form == "date":
        return text_among_dates(cells, wrong, name)
    return text_among_numbers(cells, wrong, name)
