"""The best part of a history: its configurations, their hyperparameters and learning curves."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import best_first, hyperparameter_columns, require_columns, scored

TOP_SHARE = 0.01


def best_share(frame: pd.DataFrame, share: float = TOP_SHARE, at_least: int = 1) -> pd.DataFrame:
    """Return the rows of the best evaluations, best first; of equal ones the smaller loss.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    share
        Share of the scored evaluations, in (0, 1], rounded up.
    at_least
        Least number of rows, where there are as many.
    """
    rows = best_first(frame)
    # 0.01 * 300 is a little more than 3 in floating point.
    return rows[: max(math.ceil(share * len(rows) - 1e-9), at_least)]


def hyperparameter_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum up the hyperparameters of some evaluations.

    Parameters
    ----------
    rows
        Rows of a history.

    Returns
    -------
    DataFrame
        One row for each hyperparameter: ``hyperparameter``, ``smallest``, ``median``,
        ``largest`` (None for text), ``most_frequent`` value, its ``share`` (both None where no
        value is there twice).
    """
    table = []
    for name in hyperparameter_columns(rows):
        values = rows[name].dropna()
        if values.empty:
            continue
        counts = values.value_counts()
        repeated = counts.iloc[0] > 1 or len(values) == 1
        numeric = pd.api.types.is_numeric_dtype(values)
        table.append(
            {
                "hyperparameter": "n" if name == "num_processes" else name,
                "smallest": values.min() if numeric else None,
                "median": values.median() if numeric else None,
                "largest": values.max() if numeric else None,
                "most_frequent": counts.index[0] if repeated else None,
                "share": counts.iloc[0] / len(values) if repeated else None,
            }
        )
    columns = ["hyperparameter", "smallest", "median", "largest", "most_frequent", "share"]
    return pd.DataFrame(table, columns=columns)


def learning_curves(frame: pd.DataFrame, num: int = 5) -> pd.DataFrame:
    """Return one table with the learning curves of the best evaluations, one below the other.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    num
        Largest number of the best, >= 1.

    Returns
    -------
    DataFrame
        ``rank`` (from 1), ``evaluation_id``, ``epoch``, and what the curves hold, such as
        ``loss``, ``validation_metric``, ``learning_rate``; no rows where there are no curves.
    """
    require_columns(frame, ["curve"])
    best = best_share(frame, 1.0)[:num]
    rows = [
        {"rank": rank, "evaluation_id": evaluation_id, **entry}
        for rank, (evaluation_id, curve) in enumerate(
            zip(best["evaluation_id"], best["curve"], strict=True), 1
        )
        for entry in curve
    ]
    return pd.DataFrame(rows, columns=None if rows else ["rank", "evaluation_id", "epoch"])


def curve_band(frame: pd.DataFrame, name: str = "validation_metric") -> pd.DataFrame:
    """Return how a quantity of the learning curves is spread over all done evaluations.

    Returns
    -------
    DataFrame
        ``epoch``, ``low`` (10 %), ``median``, ``high`` (90 %), ``evaluations``.
    """
    curves = [curve for curve in scored(frame)["curve"] if curve and name in curve[0]]
    length = max((len(curve) for curve in curves), default=0)
    rows = []
    for epoch in range(length):
        values = np.asarray([c[epoch][name] for c in curves if len(c) > epoch], dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            low, median, high = np.quantile(values, [0.1, 0.5, 0.9])
            rows.append((epoch + 1, low, median, high, len(values)))
    return pd.DataFrame(rows, columns=["epoch", "low", "median", "high", "evaluations"])
