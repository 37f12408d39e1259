"""Columns of codes: whole numbers that stand for levels, beside the features.

A network can learn a row of a table for each code. Categories of more than two levels have codes,
and so have numbers that are repeated: with few different values for the rows that there are.
Code 0 is what training has not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.encoders import DateEncoder, Encoder, NumericEncoder

REPEATED_VALUES = 1024
"""Most different values of a number that has codes."""
ROWS_OF_A_VALUE = 4
"""Training rows that each of them has on average, at least."""
LARGEST_COLUMN = 2**13
"""Most codes of one column; the most frequent levels have one of their own."""
LARGEST_TABLE = 2**16
"""Most codes of all columns together, if each can have `LEAST_CODES`."""
LEAST_CODES = 4
TOLERANCE = 2e-7
"""A number that differs by so little, relatively, from a known one is it: as a float32 does."""
NOISE = 1e-12
"""Training's own numbers that differ by less, relatively, are one: 0.3 and 0.1 + 0.2."""

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class CodeColumn:
    """How the cells of a column become codes.

    Attributes
    ----------
    column, part
        Name of the column; of which part of its dates, or empty.
    size
        Number of codes, 0 among them.
    values
        For numbers, those with the codes 1, 2, ... in increasing order; empty for a category.
    missing
        Code of a missing number; 0 where none was missing in training.
    ranks
        For a category, the code of each level of its encoder; empty: 1, 2, ... in their order.
    """

    column: str
    size: int
    part: str = ""
    values: tuple[float, ...] = ()
    missing: int = 0
    ranks: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Name for people."""
        return f"{self.column} {self.part}" if self.part else self.column

    @property
    def is_number(self) -> bool:
        """Whether its column is a number, or a part of a date, which is a feature besides."""
        return bool(self.values)

    @property
    def num_shared(self) -> int:
        """Levels that have no code of their own and count as unseen."""
        return sum(rank == 0 for rank in self.ranks)

    def of_read(self, read: Any) -> Codes:
        """Return the codes of what the column's encoder has read, shape (rows,), int32."""
        if not self.is_number:
            of_levels: Codes = self.table[read]
            return of_levels
        numbers = read[self.part] if self.part else read
        known = Values.of(self.values)
        place = np.searchsorted(known.bounds, numbers, side="right")
        # NaN is above all bounds, and near nothing.
        is_known = np.abs(numbers - known.values[place]) <= known.tolerances[place]
        codes = np.where(is_known, place + 1, np.where(np.isnan(numbers), self.missing, 0))
        of_numbers: Codes = codes.astype(np.int32)
        return of_numbers

    @property
    def table(self) -> Codes:
        """The code of each of a category's levels; the last one is that of any other level."""
        return np.array([*(self.ranks or range(1, self.size)), 0], np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data, without what is as usual."""
        usual = {"part": "", "values": (), "missing": 0, "ranks": ()}
        return {name: v for name, v in asdict(self).items() if usual.get(name) != v}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CodeColumn:
        """Read what `to_dict` gave."""
        lists = {name: tuple(data[name]) for name in ("values", "ranks") if name in data}
        return cls(**{**data, **lists})


@dataclass(frozen=True)
class Values:
    """Numbers that have codes, as arrays of shape (values,), float64.

    A number x is the value at the place that counts the ``bounds`` (one fewer) that are not above
    it, if it differs from that by no more than the place's tolerance.
    """

    values: NDArray[np.float64]
    bounds: NDArray[np.float64]
    tolerances: NDArray[np.float64]

    @classmethod
    def of(cls, increasing: Iterable[float]) -> Values:
        """Return the arrays for numbers in increasing order."""
        values = np.array(tuple(increasing), np.float64)
        gaps = np.diff(values)
        tolerances = np.minimum(TOLERANCE * np.abs(values), gaps.min(initial=np.inf) / 4)
        return cls(values, values[:-1] + gaps / 2, tolerances)


@dataclass
class CodeFit:
    """Collects the columns of codes while encoders are fitted; `columns` are bounded then.

    Attributes
    ----------
    found
        Each column with the training rows of its levels; of a number none.
    """

    found: list[tuple[CodeColumn, NDArray[np.int64] | None]] = field(default_factory=list)

    def add(self, encoder: Encoder, read: Any) -> None:
        """Add what an encoder's column has, from what it has read of the training rows."""
        if isinstance(encoder, NumericEncoder):
            self._add_number(encoder.column, "", read)
        elif isinstance(encoder, DateEncoder):
            for part in encoder.parts:
                self._add_number(encoder.column, part, read[part])
        elif len(encoder.levels) > 2:
            counts = np.bincount(read[read >= 0], minlength=len(encoder.levels))
            self.found.append((CodeColumn(encoder.column, len(counts) + 1), counts))

    def add_alike(self, leader: str, column: str) -> None:
        """Add a column that is encoded as an earlier one is."""
        for known, counts in list(self.found):
            if known.column == leader:
                copy = CodeColumn.from_dict({**known.to_dict(), "column": column})
                self.found.append((copy, counts))

    def _add_number(self, column: str, part: str, numbers: NDArray[np.float64]) -> None:
        present = numbers[~np.isnan(numbers)]
        # Of a large table the first rows tell most numbers that have too many values.
        if len(np.unique(present[: 8 * REPEATED_VALUES])) > REPEATED_VALUES:
            return
        values = _merged(np.unique(present))
        most = min(REPEATED_VALUES, len(numbers) // ROWS_OF_A_VALUE)
        if not 2 < len(values) <= most:
            return
        some_missing = len(present) < len(numbers)
        missing = (len(values) + 1) * some_missing
        size = len(values) + 1 + some_missing
        told = tuple(map(float, values))
        self.found.append((CodeColumn(column, size, part, told, missing), None))

    @property
    def columns(self) -> tuple[CodeColumn, ...]:
        """The columns, with no more codes than their bounds; a number with more has none."""
        most = largest_column([column.size for column, _ in self.found])
        bounded = (_bounded(column, counts, most) for column, counts in self.found)
        return tuple(column for column in bounded if column is not None)


def largest_column(sizes: list[int]) -> int:
    """Return how many codes a column may have, so that all together are not too many."""
    low, high = LEAST_CODES, LARGEST_COLUMN
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(min(size, middle) for size in sizes) <= LARGEST_TABLE
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _bounded(column: CodeColumn, counts: NDArray[np.int64] | None, most: int) -> CodeColumn | None:
    if column.size <= most:
        return column
    if counts is None:
        return None
    kept = np.argsort(-counts, kind="stable")[: most - 1]
    ranks = np.zeros(len(counts), np.int64)
    ranks[kept] = np.arange(1, most)
    return CodeColumn(column.column, most, ranks=tuple(map(int, ranks)))


def _merged(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out numbers that are as good as the one before them."""
    if len(values) < 2:
        return values
    is_apart = np.diff(values) > NOISE * np.abs(values[1:])
    return values[np.insert(is_apart, 0, True)]
