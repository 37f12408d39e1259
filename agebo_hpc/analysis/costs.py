"""What evaluations cost, by the number of processes that trained them, and how they failed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import SCORED, require_columns, scored


def training_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how long done evaluations took, for each number of processes.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.

    Returns
    -------
    DataFrame
        ``n``, ``evaluations``, ``mean`` and ``deviation`` (standard, of a sample; NaN for one)
        of the seconds, ``low`` (10 %), ``median``, ``high`` (90 %), ``slot_seconds`` (n times
        the mean), ``best`` objective.
    """
    require_columns(frame, ["num_processes", "seconds_total"])
    groups = scored(frame).groupby("num_processes")
    seconds = groups["seconds_total"]
    mean = seconds.mean()
    return pd.DataFrame(
        {
            "n": mean.index.to_numpy(dtype="int64"),
            "evaluations": seconds.size().to_numpy(),
            "mean": mean.to_numpy(),
            "deviation": seconds.std().to_numpy(),
            "low": seconds.quantile(0.1).to_numpy(),
            "median": seconds.median().to_numpy(),
            "high": seconds.quantile(0.9).to_numpy(),
            "slot_seconds": mean.to_numpy() * mean.index.to_numpy(dtype=float),
            "best": groups["objective"].max().to_numpy(),
        }
    )


def outcomes(frame: pd.DataFrame) -> pd.DataFrame:
    """Count evaluations by status and number of processes.

    Returns
    -------
    DataFrame
        ``status``, one column ``n=<number>`` for each number of processes, ``all``, ``share``;
        the most frequent status first.
    """
    require_columns(frame, ["status", "num_processes"])
    numbers = sorted(frame["num_processes"].unique())
    rows = []
    for status, count in frame["status"].value_counts().items():
        mine = frame.loc[frame["status"] == status, "num_processes"]
        by_number = {f"n={number}": int((mine == number).sum()) for number in numbers}
        rows.append(
            {"status": status, **by_number, "all": int(count), "share": count / len(frame)}
        )
    columns = ["status", *(f"n={number}" for number in numbers), "all", "share"]
    return pd.DataFrame(rows, columns=columns)


def failure_causes(frame: pd.DataFrame, num: int = 10) -> pd.DataFrame:
    """List the last lines of the tracebacks, the most frequent first.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    num
        Largest number of rows of the table, >= 1.

    Returns
    -------
    DataFrame
        ``status``, ``cause`` (empty where there was no traceback), ``evaluations``, ``first``
        (smallest id).
    """
    require_columns(frame, ["status", "traceback", "evaluation_id"])
    failed = frame[~frame["status"].isin(SCORED)]
    causes = [
        text.strip().splitlines()[-1] if text.strip() else "" for text in failed["traceback"]
    ]
    groups = failed.assign(cause=np.asarray(causes, dtype=object)).groupby(["status", "cause"])
    table = groups["evaluation_id"].agg(evaluations="size", first="min").reset_index()
    return table.sort_values(["evaluations", "first"], ascending=[False, True])[:num].reset_index(
        drop=True
    )
