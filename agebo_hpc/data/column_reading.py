"""How the columns of a table are read: each for itself, and some as the others are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from agebo_hpc.data.cells import option
from agebo_hpc.data.kinds import Decided, Wishes, decide
from agebo_hpc.data.reading import Kind
from agebo_hpc.errors import DataError


def column_kinds(frame: pd.DataFrame, categorical: Iterable[str] = ()) -> dict[str, Kind]:
    """Tell the kind of every feature column; see `read_columns`."""
    decided = read_columns(frame, Wishes.categories(categorical))
    return {name: column.kind for name, column in decided.items()}


def read_columns(frame: pd.DataFrame, wishes: Wishes | None = None) -> dict[str, Decided]:
    """Decide how each feature column is read, and read it.

    Parameters
    ----------
    frame
        The whole table without the target.
    wishes
        What is said about the columns; None: nothing.

    Raises
    ------
    DataError
        If a column is all missing, or its cells do not fit one kind.
    """
    wishes = wishes or Wishes()
    decided = {str(name): _decided(frame[name], wishes) for name in frame.columns}
    marks = {
        column.reading.decimal
        for column in decided.values()
        if column.reading.form == "number" and column.notated and not column.doubtful
    }
    if marks == {","} and not wishes.decimal:
        # The table writes fractions with a comma where that is certain: so it does elsewhere.
        wishes = replace(wishes, decimal=",")
        doubtful = [name for name, column in decided.items() if column.doubtful]
        decided |= {name: _decided(frame[name], wishes) for name in doubtful}
    return decided


def _decided(column: pd.Series, wishes: Wishes) -> Decided:
    decided = decide(column, wishes.of(str(column.name)))
    if decided.summary.missing == len(column):
        raise DataError(
            f"Column {column.name!r} is missing in all {len(column)} rows; a column needs at "
            f"least one value: fill it or leave it out with {option('--drop', str(column.name))}."
        )
    return decided
