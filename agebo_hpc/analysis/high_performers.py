"""Unique high-performing architectures over time, as the paper counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import Interval, require_columns, scored, search_seconds

QUANTILE = 0.99


def high_threshold(
    methods: Mapping[str, Sequence[pd.DataFrame]], quantile: float = QUANTILE
) -> float:
    """Return the objective above which an architecture counts as high-performing.

    It is the smallest, over the methods, of a quantile of all objectives of a method.

    Parameters
    ----------
    methods
        Histories by method; each method has a scored evaluation.
    quantile
        Quantile of the objectives, in [0, 1]; 0.99 in the paper.
    """
    return min(
        float(np.quantile(np.concatenate([scored(f)["objective"] for f in frames]), quantile))
        for frames in methods.values()
    )


def high_performers(
    frame: pd.DataFrame, threshold: float, sessions: Sequence[Interval] | None = None
) -> pd.DataFrame:
    """List when each architecture first went above a threshold.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    threshold
        See `high_threshold`; an objective equal to it is not above.
    sessions
        See `agebo_hpc.analysis.tables.trajectory`.

    Returns
    -------
    DataFrame
        One row for each unique architecture, by time: ``evaluation_id``, ``seconds`` of search,
        ``number`` of the scored evaluation (from 1), ``objective``, ``unique`` (how many by
        then, from 1).
    """
    require_columns(frame, ["evaluation_id", "architecture", "submitted", "ended"])
    rows = scored(frame).sort_values(["ended", "evaluation_id"])
    rows = rows.assign(number=np.arange(1, len(rows) + 1))
    high = rows[rows["objective"] > threshold].drop_duplicates("architecture")
    if sessions is None:
        sessions = [(frame["submitted"].min(), frame["ended"].max())]
    return pd.DataFrame(
        {
            "evaluation_id": high["evaluation_id"].to_numpy(),
            "seconds": search_seconds(high["ended"].to_numpy(), sessions),
            "number": high["number"].to_numpy(),
            "objective": high["objective"].to_numpy(),
            "unique": np.arange(1, len(high) + 1),
        }
    )
