"""The training rows of one column: read once, and whether they tell rows apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.reading import Reading
from agebo_hpc.data.values import as_levels, as_numbers


@dataclass(frozen=True)
class TrainingColumn:
    """The cells of the training rows and how they are read."""

    cells: pd.Series
    reading: Reading

    @property
    def name(self) -> str:
        """Name of the column."""
        return str(self.cells.name)

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The cells of a numeric column, shape (rows,); NaN is missing."""
        return as_numbers(self.cells, self.reading)

    @cached_property
    def levels(self) -> tuple[NDArray[np.intp], list[str | None]]:
        """Codes and levels of a category, see `agebo_hpc.data.values.as_levels`."""
        return as_levels(self.cells, self.reading)

    def useless(self, seen: dict[bytes, str], one_hot_levels: int) -> str:
        """Return why the column is not used, or nothing; remembers in `seen` what it has seen."""
        reason = (
            _no_numbers(self.numbers)
            if self.reading.kind == "numeric"
            else self._no_values(one_hot_levels)
        )
        if reason:
            return reason
        digest = self._digest()
        if digest in seen:
            return f"identical with {seen[digest]!r}"
        seen[digest] = self.name
        return ""

    def _no_values(self, one_hot_levels: int) -> str:
        distinct = self.cells.nunique(dropna=False)
        if self.cells.isna().all():
            return _NOTHING
        if distinct == 1:
            return _CONSTANT
        if self.reading.kind == "category" and distinct == len(self.cells) > one_hot_levels:
            return "a different value in every training row"
        return ""

    def _digest(self) -> bytes:
        if self.reading.kind == "numeric":
            return hashlib.sha256(self.numbers.tobytes()).digest()
        codes, levels = self.levels
        digest = hashlib.sha256(codes.tobytes())
        digest.update("\0".join("\1" if level is None else level for level in levels).encode())
        return digest.digest()


_NOTHING = "no value that can be used in any training row"
_CONSTANT = "the same value in all training rows"


def _no_numbers(numbers: NDArray[np.float64]) -> str:
    if np.isnan(numbers).all():
        return _NOTHING
    # A cell that is missing is unlike any number, and unlike itself.
    return _CONSTANT if (numbers == numbers[0]).all() else ""
