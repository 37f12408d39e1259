"""How the columns of a table are read: each for itself, and some as the others are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from agebo_hpc.data.kinds import Decided, Wishes, decide


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
        If the cells of a column do not fit one kind.
    """
    wishes = wishes or Wishes()
    decided = {str(name): decide(frame[name], wishes.of(str(name))) for name in frame.columns}
    marks = {
        column.reading.decimal
        for column in decided.values()
        if column.reading.form == "number" and column.notated and not column.doubtful
    }
    if marks == {","} and not wishes.decimal:
        # The table writes fractions with a comma where that is certain: so it does elsewhere.
        wishes = replace(wishes, decimal=",")
        doubtful = [name for name, column in decided.items() if column.doubtful]
        decided |= {name: decide(frame[name], wishes.of(name)) for name in doubtful}
    return decided
