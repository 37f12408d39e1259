"""Which slot trained what and when: busy shares over time, slot after slot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import require_columns, search_seconds

Capacity = tuple[float, float, int]
"""Start and end of a session, seconds since 1970, and its slots."""


def occupation(frame: pd.DataFrame, capacity: Sequence[Capacity]) -> pd.DataFrame:
    """List which rank trained which evaluation, from when to when.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    capacity
        Start, end and number of slots of each session.

    Returns
    -------
    DataFrame
        One row for each rank of each finished evaluation: ``rank`` (of the world),
        ``evaluation_id``, ``n``, ``status``, ``start`` and ``end`` in seconds of search.
    """
    columns = ["ranks", "evaluation_id", "num_processes", "status", "started", "ended"]
    require_columns(frame, columns)
    sessions = [(start, end) for start, end, _ in capacity]
    rows = frame[columns].assign(
        start=search_seconds(frame["started"].to_numpy(), sessions),
        end=search_seconds(frame["ended"].to_numpy(), sessions),
    )
    rows = rows.explode("ranks").dropna(subset=["ranks"])
    rows = rows.rename(columns={"ranks": "rank", "num_processes": "n"})
    table = rows[["rank", "evaluation_id", "n", "status", "start", "end"]]
    return table.astype({"rank": "int64"}).sort_values(["rank", "start"], ignore_index=True)


def slot_shares(occupied: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """Sum up each rank's time.

    Parameters
    ----------
    occupied
        What `occupation` gives.
    seconds
        Seconds of search, > 0.

    Returns
    -------
    DataFrame
        ``rank``, ``evaluations``, ``busy_seconds``, ``busy_share``; ranks that never trained
        have no row.
    """
    spent = occupied.assign(busy_seconds=occupied["end"] - occupied["start"])
    table = spent.groupby("rank", as_index=False).agg(
        evaluations=("evaluation_id", "size"), busy_seconds=("busy_seconds", "sum")
    )
    return table.assign(busy_share=table["busy_seconds"] / seconds)


def utilisation(
    frame: pd.DataFrame, capacity: Sequence[Capacity], num_bins: int = 100
) -> pd.DataFrame:
    """Return the share of the slots' time spent in evaluations, for equal spans of the search.

    Evaluations that still run, or were cut or lost, do not count, so the last span of a search
    that goes on looks emptier than it is.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    capacity
        Start, end and number of slots of each session.
    num_bins
        Number of spans, >= 1.

    Returns
    -------
    DataFrame
        ``seconds`` (the span's end), ``slots`` (mean number that were there), ``busy_slots``
        (mean), ``busy_share``; no rows where no time has passed.
    """
    require_columns(frame, ["num_processes", "started", "ended"])
    sessions = [(start, end) for start, end, _ in capacity]
    total = sum(max(0.0, end - start) for start, end in sessions)
    edges = np.linspace(0.0, total, num_bins + 1 if total > 0 else 1)
    starts = search_seconds(frame["started"].to_numpy(), sessions)
    ends = search_seconds(frame["ended"].to_numpy(), sessions)
    busy = _slot_seconds(edges, starts, ends, frame["num_processes"].to_numpy(dtype=float))
    # A session lies in the search's time where the sessions before it end.
    session_ends = np.cumsum([max(0.0, end - start) for start, end in sessions])
    session_starts = np.concatenate([[0.0], session_ends[:-1]])
    slots = np.asarray([slots for _, _, slots in capacity], dtype=float)
    there = _slot_seconds(edges, session_starts, session_ends, slots)
    width = np.diff(edges)
    return pd.DataFrame(
        {
            "seconds": edges[1:],
            "slots": np.diff(there) / width,
            "busy_slots": np.diff(busy) / width,
            "busy_share": np.diff(busy) / np.diff(there),
        }
    )


def _slot_seconds(
    times: np.ndarray, starts: np.ndarray, ends: np.ndarray, slots: np.ndarray
) -> np.ndarray:
    """Return the slot-seconds spent until each time, for spans with their slots."""
    return np.asarray(
        [float((slots * np.clip(time - starts, 0.0, ends - starts)).sum()) for time in times]
    )
