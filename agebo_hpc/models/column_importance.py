"""Which columns a model lives by: what its metric loses when one of them is shuffled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.preprocessing import Preprocessing

MOST_REPEATS = 5
MOST_ROWS, FEWEST_ROWS = 5_000, 500
MOST_PREDICTIONS = 2_000_000
"""Rows that are predicted for all columns together: fewer repeats, then fewer rows keep to it."""

CALL_ROWS = 8_192
"""Shuffled rows that are predicted together, at least where there are so many: calls cost time."""

Predictions = tuple[NDArray[Any], ...]
"""Arrays of shape (rows, ...)."""
Predict = Callable[[NDArray[np.float32]], Predictions]
"""From what the network takes, shape (rows, inputs)."""
Score = Callable[..., float]
"""From predictions, targets and, where there are any, weights of the same rows to the metric."""


@dataclass(frozen=True)
class ColumnImportance:
    """What shuffling each column costs.

    Attributes
    ----------
    table
        ``column``, ``importance``, ``deviation``; the largest importance first.
    rows, repeats
        Rows that were shuffled, and how often.
    unmeasured
        Columns that the time did not suffice for.
    """

    table: pd.DataFrame
    rows: int
    repeats: int
    unmeasured: int


def extent(num_columns: int, num_rows: int) -> tuple[int, int]:
    """Return how many rows are shuffled, and how often, so that it takes seconds.

    Parameters
    ----------
    num_columns, num_rows
        Columns and rows that there are.
    """
    rows = min(num_rows, MOST_ROWS)
    repeats = min(MOST_REPEATS, MOST_PREDICTIONS // (num_columns * rows))
    if not repeats:
        rows = min(rows, max(FEWEST_ROWS, MOST_PREDICTIONS // num_columns))
    return rows, max(1, repeats)


def column_importance(
    predict: Predict,
    score: Score,
    x: NDArray[np.float32],
    y: NDArray[Any],
    columns: Mapping[str, Sequence[int]],
    seed: int,
    seconds: float,
    weights: NDArray[np.float64] | None = None,
) -> ColumnImportance:
    """Shuffle each column of a table among the rows, and see what the metric loses.

    Parameters
    ----------
    predict, score
        Give the predictions, and of these the metric, the larger the better.
    x
        What the network takes, shape (rows, inputs), float32.
    y
        Targets, shape (rows,).
    columns
        Column of the table -> positions of the inputs that were made of it, shuffled together.
    seed
        Seed of the rows and of every shuffle, >= 0; a column's shuffles do not depend on others.
    seconds
        After which no further column is begun.
    weights
        What each row counts, shape (rows,), which `score` gets by this name; None: all count
        alike, and it gets nothing.
    """
    num_rows, repeats = extent(len(columns), len(y))
    chosen = np.random.default_rng(seed).choice(len(y), num_rows, replace=False)
    x, y = np.ascontiguousarray(x[chosen]), y[chosen]
    if weights is not None:
        score = partial(score, weights=weights[chosen])
    began, whole = time.monotonic(), score(predict(x), y)
    at_once = max(1, CALL_ROWS // (num_rows * repeats))
    names = list(columns)
    lost: list[list[float]] = []
    for start in range(0, len(names), at_once):
        if lost and time.monotonic() - began > seconds:
            break
        numbers = range(start, min(start + at_once, len(names)))
        shuffled = [
            _shuffled(x, columns[names[number]], rng)
            for number in numbers
            for rng in [np.random.default_rng([seed, number])]
            for _ in range(repeats)
        ]
        found = [whole - value for value in _scores(predict, score, shuffled, y)]
        lost += [found[k : k + repeats] for k in range(0, len(found), repeats)]
    table = pd.DataFrame(
        {
            "column": names[: len(lost)],
            "importance": [float(np.mean(values)) for values in lost],
            "deviation": [_deviation(values) for values in lost],
        }
    )
    table = table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
    return ColumnImportance(table, num_rows, repeats, len(names) - len(lost))


def _scores(
    predict: Predict, score: Score, tables: Sequence[NDArray[np.float32]], y: NDArray[Any]
) -> list[float]:
    """Return the metric of each table of the same rows; all are predicted together."""
    together = predict(np.concatenate(tables))
    rows = [slice(k * len(y), (k + 1) * len(y)) for k in range(len(tables))]
    return [score(tuple(values[of_one] for values in together), y) for of_one in rows]


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _shuffled(
    x: NDArray[np.float32], positions: Sequence[int], rng: np.random.Generator
) -> NDArray[np.float32]:
    changed = x.copy()
    changed[:, positions] = x[rng.permutation(len(x))][:, positions]
    return changed


def inputs_of_columns(preprocessing: Preprocessing, with_codes: bool) -> dict[str, list[int]]:
    """Return the inputs of a network that are made of each column of the table.

    Parameters
    ----------
    preprocessing
        The model's.
    with_codes
        Whether the network takes the codes after the features.
    """
    columns: dict[str, list[int]] = {}
    place = 0
    for encoder in preprocessing.encoders:
        width = len(encoder.features)
        columns.setdefault(encoder.column, []).extend(range(place, place + width))
        place += width
    for code in preprocessing.codes if with_codes else ():
        columns[code.column].append(place)
        place += 1
    return columns
