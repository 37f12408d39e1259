"""What is said about a column: its kind, levels or range, missing cells and oddities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.reading import Reading
from agebo_hpc.data.values import LARGEST

_NAMES = {"level": "category", "text": "category (text)", "date": "date", "before": "category"}


@dataclass(frozen=True)
class ColumnSummary:
    """Plain data about a column of the whole table.

    Attributes
    ----------
    name, kind
        Name of the column, and its kind: ``"number"``, ``"boolean"``, ``"duration"``, ``"date"``,
        ``"category"`` or ``"category (text)"``.
    levels
        Number of distinct levels of a category, None of other kinds.
    low, high
        Least and greatest number or date as text, nothing for a category.
    missing
        Number of missing cells.
    oddities
        Lines about what was decided or is unusual, with an example cell and its row.
    """

    name: str
    kind: str
    levels: int | None
    low: str
    high: str
    missing: int
    oddities: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {**asdict(self), "oddities": list(self.oddities)}


def summarise(
    column: pd.Series,
    reading: Reading,
    values: Any,
    oddities: Iterable[str],
    everything: NDArray[np.float64] | None = None,
) -> ColumnSummary:
    """Summarise a column from its values as they were read.

    `everything` are numbers with the infinite and enormous ones, which are read as missing but
    are not missing in the table.
    """
    kind = _NAMES.get(reading.form, reading.form)
    name, said = str(column.name), tuple(oddities)
    if reading.kind == "category":
        return ColumnSummary(
            name, kind, len(values.cat.categories), "", "", _missing(values), said
        )
    low, high, missing = _range(values)
    if everything is not None:
        missing -= int((np.abs(everything) >= LARGEST).sum())
    return ColumnSummary(name, kind, None, low, high, missing, said)


def _missing(values: pd.Series) -> int:
    return int(values.isna().sum())


def _range(values: NDArray[Any]) -> tuple[str, str, int]:
    lost = np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
    missing = int(lost.sum())
    if missing == len(values):
        return "", "", missing
    present = values[~lost] if missing else values
    low, high = (_shown(value) for value in (present.min(), present.max()))
    return low, high, missing


def _shown(value: Any) -> str:
    if isinstance(value, np.datetime64):
        from agebo_hpc.data.levels import level_of_time

        return level_of_time(value)
    return f"{value:.10g}"
