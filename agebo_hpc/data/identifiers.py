"""Columns that tell one row from every other, which nothing can be learnt from that lasts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from agebo_hpc.data.cells import option
from agebo_hpc.data.preprocessing import Preprocessing

MIN_ROWS = 100
"""Of fewer training rows nothing is said."""
SHARE = 0.5
"""Levels of a category for each row that has one, from which hardly any comes again."""
SPREAD = 3
"""Numbers of rows lie in a range of at most so many times their count: some rows were left out."""
NAMED = 5
"""Columns that are named, at most."""


def identifiers(training: pd.DataFrame, preprocessing: Preprocessing) -> list[str]:
    """Return a line about text with a level for almost each row, and one about numbers of rows.

    Parameters
    ----------
    training
        The training rows as they were read.
    preprocessing
        Fitted to them; columns that it does not use are told elsewhere.
    """
    if len(training) < MIN_ROWS:
        return []
    names = list(dict.fromkeys(preprocessing.columns))
    texts = [name for name in names if _is_text_of_rows(training[name])]
    numbers = [name for name in names if _is_number_of_rows(training[name])]
    return [
        *_line(texts, "text with a value of its own in most rows, which new rows will not have"),
        *_line(
            numbers, "a number of rows, a different one in each, which tells nothing that lasts"
        ),
    ]


def _is_text_of_rows(column: pd.Series) -> bool:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return False
    present = int(column.notna().sum())
    return present >= MIN_ROWS and column.nunique() > SHARE * present


def _is_number_of_rows(column: pd.Series) -> bool:
    if column.dtype.kind not in "iuf":
        return False
    values = column.to_numpy(np.float64, na_value=np.nan)
    values = np.unique(values[np.isfinite(values)])
    if len(values) < len(column) or not (values == np.floor(values)).all():
        return False
    return bool(values[-1] - values[0] < SPREAD * len(values))


def _line(names: list[str], what: str) -> list[str]:
    if not names:
        return []
    shown = ", ".join(map(repr, names[:NAMED])) + ", ..." * (len(names) > NAMED)
    leave = " ".join(option("--drop", name) for name in names[:NAMED])
    each = "Each of the columns" if len(names) > 1 else "The column"
    return [f"{each} {shown} looks like {what}; {leave} leaves it out."]
