"""What each row counts: a column of the table that is no feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cells import normal
from agebo_hpc.data.kinds import Wishes, decide
from agebo_hpc.data.values import all_numbers
from agebo_hpc.errors import DataError


@dataclass(frozen=True, eq=False)
class Weights:
    """What each row counts, shape (rows,), float32, and the mean that it was divided by."""

    values: NDArray[np.float32]
    mean: float


def read_weights(column: pd.Series, wishes: Wishes) -> NDArray[np.float64]:
    """Read a column of weights.

    Parameters
    ----------
    column
        The column, any dtype.
    wishes
        What is said about the columns.

    Returns
    -------
    ndarray of shape (rows,), float64
        Finite, >= 0, not all 0.

    Raises
    ------
    DataError
        If the cells are no such numbers; names the column and the first row that is wrong.
    """
    column = normal(column)
    decided = decide(column, replace(wishes.of(str(column.name)), form="number"))
    weights = all_numbers(column, decided.reading)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        first = int(wrong[0])
        found = "missing" if np.isnan(weights[first]) else f"{weights[first]:g}"
        raise DataError(
            f"The weight {column.name!r} is {found} in row {first + 1} (the first after the "
            f"header is 1), and wrong in {len(wrong)} of {len(weights)} rows; give each row a "
            "finite number of 0 or more."
        )
    return weights


def normalised(
    weights: NDArray[np.float64], rows: Mapping[str, NDArray[np.int64]], name: str
) -> Weights:
    """Return weights whose mean over the training rows is 1.

    Parameters
    ----------
    weights
        Weights of all rows, shape (rows,).
    rows
        Part -> its rows.
    name
        Name of the column.

    Raises
    ------
    DataError
        If all rows of a part have the weight 0.
    """
    for part, chosen in rows.items():
        if len(chosen) and not weights[chosen].any():
            raise DataError(
                f"The weight {name!r} is 0 in all rows of the {part} part; give more rows a "
                "weight above 0, or another --split or --seed."
            )
    mean = float(weights[rows["train"]].mean())
    return Weights((weights / mean).astype(np.float32), mean)
