"""Tables computed from a history frame (see `agebo_hpc.storage.reader.read_history`).

Pure functions: no files, no drawing. Times are seconds since 1970, intervals of sessions are pairs
of such times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from agebo_hpc.baselines.record import Baselines
from agebo_hpc.errors import DataError
from agebo_hpc.space.configuration import Status, loss_of

SCORED = tuple(str(status) for status in Status if status.has_value)
"""Statuses of evaluations that have an objective."""
Interval = tuple[float, float]


def require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a frame has some columns.

    Raises
    ------
    DataError
        If one is missing; the message names it and those that are there.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise DataError(
            f"There is no column {missing[0]!r} in the history; "
            f"there are {', '.join(str(name) for name in frame.columns)}."
        )


def hyperparameter_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the hyperparameters' columns, in order."""
    require_columns(frame, ["configuration_key", "num_parameters"])
    names = [str(name) for name in frame.columns]
    return names[names.index("configuration_key") + 1 : names.index("num_parameters")]


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are done with a finite objective, in the same order."""
    require_columns(frame, ["status", "objective"])
    return frame[frame["status"].isin(SCORED) & np.isfinite(frame["objective"])]


def search_seconds(times: np.ndarray, sessions: Sequence[Interval]) -> np.ndarray:
    """Convert points in time into seconds of search: the time between two sessions does not count.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Seconds since 1970.
    sessions
        Start and end of each session, in order.

    Returns
    -------
    ndarray of shape (n,), float64
        Seconds, >= 0.
    """
    seconds = np.zeros(len(times))
    for start, end in sessions:
        seconds += np.clip(times, start, max(start, end)) - start
    return seconds


def best_so_far(objectives: np.ndarray) -> np.ndarray:
    """Return the running maximum of objectives; shape and dtype are kept."""
    return np.maximum.accumulate(objectives) if len(objectives) else objectives


def trajectory(frame: pd.DataFrame, sessions: Sequence[Interval] | None = None) -> pd.DataFrame:
    """Return what was reached when: the best so far after each evaluation.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    sessions
        Start and end of each session of the search; None: one from the first submission on.

    Returns
    -------
    DataFrame
        One row for each scored evaluation, by the time it ended: ``evaluation_id``,
        ``seconds`` of search, ``number`` (from 1), ``objective``, ``best_so_far``.
    """
    require_columns(frame, ["evaluation_id", "objective", "submitted", "ended"])
    rows = scored(frame).sort_values(["ended", "evaluation_id"])
    if sessions is None:
        sessions = [(frame["submitted"].min(), frame["ended"].max())]
    return pd.DataFrame(
        {
            "evaluation_id": rows["evaluation_id"].to_numpy(),
            "seconds": search_seconds(rows["ended"].to_numpy(), sessions),
            "number": np.arange(1, len(rows) + 1),
            "objective": rows["objective"].to_numpy(),
            "best_so_far": best_so_far(rows["objective"].to_numpy()),
        }
    )


def best_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scored rows, best first; of equal objectives the loss, then the id decides.

    Parameters
    ----------
    frame
        History of one run; without learning curves the id decides.
    """
    rows = scored(frame)
    losses = pd.Series(np.inf, index=rows.index)
    if "curve" in rows:
        # Few are equal, and the loss is looked up for these only.
        equal = rows[rows["objective"].duplicated(keep=False)]
        for row, objective, curve in zip(
            equal.index, equal["objective"], equal["curve"], strict=True
        ):
            losses[row] = loss_of(objective, curve)
    order = np.lexsort([rows["evaluation_id"], losses, -rows["objective"]])
    return rows.iloc[order]


def top_configurations(
    frame: pd.DataFrame,
    num: int = 5,
    describe: Callable[[tuple[int, ...]], str] | None = None,
) -> pd.DataFrame:
    """List the best evaluations, best first, see `best_first`.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    num
        Largest number of rows of the table, >= 1.
    describe
        Says an architecture for people; None: its decisions as numbers.

    Returns
    -------
    DataFrame
        ``rank`` (from 1), ``evaluation_id``, ``objective``, each hyperparameter
        (``num_processes`` is called ``n``), ``parameters``, ``seconds`` of the evaluation,
        ``architecture``, ``decisions``; and ``predicts_one`` where a network among them predicts
        the same class or number for every row.
    """
    columns = hyperparameter_columns(frame)
    require_columns(frame, ["evaluation_id", "seconds_total", "architecture"])
    best = best_first(frame)[:num]
    constant = best["predicts_one"].fillna("") if "predicts_one" in best else None
    decisions = [decisions_text(architecture) for architecture in best["architecture"]]
    described = decisions if describe is None else [describe(a) for a in best["architecture"]]
    return pd.DataFrame(
        {
            "rank": range(1, len(best) + 1),
            "evaluation_id": best["evaluation_id"].to_numpy(),
            "objective": best["objective"].to_numpy(),
            **{"n" if name == "num_processes" else name: best[name].array for name in columns},
            "parameters": best["num_parameters"].to_numpy(),
            "seconds": best["seconds_total"].to_numpy(),
            **({} if constant is None or not any(constant) else {"predicts_one": constant.array}),
            "architecture": described,
            "decisions": decisions,
        }
    )


def decisions_text(architecture: Sequence[int]) -> str:
    """Return a decision vector as text: integers with blanks between."""
    return " ".join(str(decision) for decision in architecture)


def status_counts(frame: pd.DataFrame) -> dict[str, int]:
    """Count the evaluations by how they ended; the most frequent first."""
    require_columns(frame, ["status"])
    return {str(name): int(count) for name, count in frame["status"].value_counts().items()}


def busy_share(
    frame: pd.DataFrame, num_slots: int, sessions: Sequence[Interval] | None = None
) -> float:
    """Return the share of the slots' time in which finished evaluations used them.

    An evaluation uses ``num_processes`` slots from its start to its end. Those that run, or
    were cut, do not count.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    num_slots
        Slots that could train at once, >= 1.
    sessions
        See `trajectory`.

    Returns
    -------
    float
        The busy share, in [0, 1] where the times are right; NaN where nothing is finished.
    """
    if frame.empty:
        return float("nan")
    require_columns(frame, ["num_processes", "submitted", "started", "ended"])
    if sessions is None:
        sessions = [(frame["submitted"].min(), frame["ended"].max())]
    used = (frame["num_processes"] * (frame["ended"] - frame["started"])).sum()
    return _share(float(used), num_slots * sum(end - start for start, end in sessions))


def _share(used: float, capacity: float) -> float:
    return used / capacity if capacity > 0 else float("nan")


def visible_floor(objectives: np.ndarray) -> float:
    """Return the lowest objective that a figure should show, so that the best can be told apart.

    That is the lowest of those that lie at most six times as far below the best as the lower
    quartile does.
    """
    best = float(np.max(objectives))
    reach = 6 * (best - float(np.quantile(objectives, 0.25)))
    return float(np.min(objectives[objectives >= best - reach], initial=best))


def baseline_table(baselines: Baselines | None) -> pd.DataFrame:
    """Return what simple models reach, one row for each; none where they were not measured."""
    columns = ["baseline", "metric", "score", "objective", "seconds", "remark"]
    return pd.DataFrame([] if baselines is None else baselines.rows, columns=columns)
