"""Columns that give the target away: one alone tells it, as what is known only afterwards does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import option

ROWS = 5_000
"""Training rows that are looked at, at most; they lie in random order."""
MIN_ROWS = 100
"""Of fewer rows nothing is said."""
MIN_ERRORS = 10
"""Rows that a constant must get wrong at least, for its errors to mean something."""
LEFT = 0.01
"""Share of the constant's errors that a column which gives the target away leaves at most."""
LEFT_OF_VARIANCE = 1e-4
"""The same of a real target's variance."""
ROWS_OF_A_LEVEL = 5
"""Rows for each level on average, lest levels tell rows apart by being rare."""
NAMED = 5
"""Columns that are named, at most."""


def giveaways(training: pd.DataFrame, target: str, y: NDArray[Any]) -> list[str]:
    """Return a line about columns of which each alone tells the target.

    Parameters
    ----------
    training
        The training rows as they were read, with the target.
    target
        Name of the target.
    y
        Coded targets of these rows, shape (rows,): class indices or real numbers.
    """
    y = y[:ROWS]
    if len(y) < MIN_ROWS:
        return []
    real = y.dtype.kind == "f"
    left = _variance_left if real else _errors_left
    share = LEFT_OF_VARIANCE if real else LEFT
    columns = {str(name): training[name].iloc[:ROWS] for name in training if name != target}
    names = [name for name, column in columns.items() if left(column, y) <= share]
    if not names:
        return []
    shown = ", ".join(map(repr, names[:NAMED])) + ", ..." * (len(names) > NAMED)
    leave = " ".join(option("--drop", name) for name in names[:NAMED])
    each = f"Each of the columns {shown}" if len(names) > 1 else f"The column {shown}"
    return [
        f"{each} alone tells the target {target!r}. If that is known only when the target is, as "
        f"what was made of it, {leave} leaves it out."
    ]


def _errors_left(column: pd.Series, y: NDArray[Any]) -> float:
    """Return the share of the constant's errors that are left where a column is known."""
    classes = int(y.max()) + 1
    wrong = len(y) - int(np.bincount(y).max())
    if wrong < MIN_ERRORS:
        return 1.0
    if column.dtype.kind in "Mm" or not isinstance(column.dtype, pd.CategoricalDtype):
        return _errors_of_thresholds(_numbers(column), y, classes) / wrong
    codes, levels = _levels(column)
    if levels * ROWS_OF_A_LEVEL > len(y):
        return 1.0
    table = np.bincount(codes * classes + y, minlength=levels * classes)
    most = table.reshape(levels, classes).max(axis=1)
    return float(len(y) - most.sum()) / wrong


def _errors_of_thresholds(x: NDArray[np.float64], y: NDArray[Any], classes: int) -> int:
    """Return the errors where numbers are cut into as many ranges as there are classes."""
    from sklearn.tree import DecisionTreeClassifier

    # One more range for cells that are missing.
    tree = DecisionTreeClassifier(max_leaf_nodes=classes + 1, random_state=0)
    found = tree.fit(x[:, None], y).predict(x[:, None])
    return int((found != y).sum())


def _variance_left(column: pd.Series, y: NDArray[Any]) -> float:
    """Return the share of the variance that is left where a column is known."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, levels = _levels(column)
        if levels * ROWS_OF_A_LEVEL > len(y):
            return 1.0
        counts = np.bincount(codes, minlength=levels)
        means = np.bincount(codes, y, levels) / np.maximum(counts, 1)
        return float(np.var(y - means[codes]) / np.var(y))
    x = _numbers(column)
    known = np.isfinite(x)
    if known.mean() < 1 - LEFT or np.ptp(x[known]) == 0:
        return 1.0
    return float(1 - np.corrcoef(x[known], y[known])[0, 1] ** 2)


def _levels(column: pd.Series) -> tuple[NDArray[np.intp], int]:
    """Return codes, missing cells as a level of their own, and the number of those there are."""
    codes = np.unique(column.cat.codes.to_numpy(), return_inverse=True)[1]
    return codes, int(codes.max()) + 1


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    """Return numbers or times as float64; what is missing, infinite or enormous is NaN."""
    if column.dtype.kind in "Mm":
        return np.where(column.isna(), np.nan, column.astype(np.int64).to_numpy(np.float64))
    x = column.to_numpy(np.float64, na_value=np.nan)
    return np.where(np.abs(x) < np.finfo(np.float32).max, x, np.nan)
