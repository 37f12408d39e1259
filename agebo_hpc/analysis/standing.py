"""How a search stands: counts, best, speed, and whether it is alive."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.analysis.data_facts import data_facts
from agebo_hpc.analysis.missing_baselines import missing_baselines
from agebo_hpc.analysis.rung_agreement import agreement_facts
from agebo_hpc.analysis.rungs import rungs_of
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import (
    SCORED,
    busy_share,
    hyperparameter_columns,
    scored,
    status_counts,
    top_configurations,
)
from agebo_hpc.intervals.approximate import approximate_interval
from agebo_hpc.intervals.optimism import error_of, optimism_at_most
from agebo_hpc.space.configuration import said_of
from agebo_hpc.storage.run_directory import CONFIG_NAME

ENDED = ("complete", "stopped", "failed")
GOING_ON = ("running", "stopping")
"""States of a search whose process lives; the second ends its epochs and saves."""
SILENCE = 300.0
"""Seconds without a sign after which a search on another host is no longer called running."""


def standing(run: Run) -> dict[str, Any]:
    """Sum up a run as plain data for JSON; what is unknown is None.

    Returns
    -------
    dict
        ``state`` ("not started", "running", "stopping", "complete", "stopped", "failed" or "no
        sign of life"), ``last_sign`` (UTC), ``why`` it ended, ``data`` (see
        `agebo_hpc.analysis.data_facts.DataFacts`), ``counts`` by status, ``finished``,
        ``pending``, ``paused``, ``rungs`` and what else `agebo_hpc.analysis.rungs.rungs_of` gives
        (None where all are trained in full), ``rung_agreement`` and ``rung_warning`` (see
        `agebo_hpc.analysis.rung_agreement.agreement_facts`), ``max_evals``,
        ``best`` (``evaluation_id``, ``objective``, its 95 % ``interval``, evaluations that it was
        ``chosen_among``, by how much it is too good in the mean ``at_most``,
        ``hyperparameters``, ``architecture``, ``decisions``, ``predicts_one``),
        ``metric`` (what the objective is; None: not known), ``constant`` (networks that predict
        the same for every row) of ``known`` (those of which this is known), ``baselines`` (score
        by name) with ``baseline_remarks`` and ``baselines_missing`` (names of those that the next
        session measures), ``num_slots``, ``busy_share``,
        ``evaluations_per_hour``, ``seconds`` searched over all sessions, ``seconds_left``,
        ``lives``, ``data_parallel`` (of the latest session), ``exit_code``.
    """
    seconds = sum(session.seconds for session in run.sessions)
    state, sign = _state(run)
    finished, counts = len(run.history), status_counts(run.history)
    if state == "complete" and finished and not any(counts.get(name) for name in SCORED):
        # Earlier versions called it so.
        state = "failed"
    worked = run.history if run.pieces is None else run.pieces
    share = busy_share(worked, 1, _weighted(run)) if len(worked) else float("nan")
    return {
        "run": str(run.path),
        "state": state,
        "last_sign": _utc(sign),
        "why": _why(run) if state in ENDED else None,
        "data": asdict(data_facts(run)),
        "counts": counts,
        "finished": finished,
        "pending": len(run.pending) - len(run.paused),
        "paused": len(run.paused),
        **rungs_of(run.pieces, _full_length(run)),
        **agreement_facts(run.pieces),
        "max_evals": run.section("search").get("max_evals"),
        "best": _best(run),
        "metric": run.section("problem").get("metric"),
        **_constant(run.history),
        "baselines": None if run.baselines is None else run.baselines.scores,
        "baseline_remarks": "" if run.baselines is None else run.baselines.remarks,
        "baselines_missing": missing_baselines(run),
        "num_slots": run.num_slots if run.sessions else None,
        "busy_share": share if np.isfinite(share) else None,
        "evaluations_per_hour": 3600 * (finished + len(run.paused)) / seconds
        if seconds > 0
        else None,
        "seconds": seconds,
        "seconds_left": _seconds_left(run.status) if state == "running" else None,
        "lives": len(run.sessions),
        "data_parallel": (run.status or {}).get("data_parallel"),
        "exit_code": (run.status or {}).get("exit_code"),
    }


def _why(run: Run) -> str | None:
    """Return what ended the last session, as it was recorded."""
    end = run.sessions[-1].end if run.sessions else None
    return None if end is None else end.get("why")


def _full_length(run: Run) -> int | None:
    """Return the epochs of a whole training; None if they are not known."""
    recipe = run.section("problem").get("recipe")
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    return epochs if isinstance(epochs, int) else None


def may_go_on(run: Run) -> bool:
    """Return whether something may still happen: it runs, or was made a short while ago."""
    state, _ = _state(run)
    if state != "not started":
        return state in GOING_ON
    return time.time() - (run.path / CONFIG_NAME).stat().st_mtime < SILENCE


def _weighted(run: Run) -> list[tuple[float, float]]:
    """Slot-seconds of each session, as intervals: the sessions may have had different slots."""
    return [(0.0, session.num_slots * session.seconds) for session in run.sessions]


def _best(run: Run) -> dict[str, Any] | None:
    top = top_configurations(run.history, 1, run.describe)
    if top.empty:
        return None
    values = run.history.set_index("evaluation_id").loc[top["evaluation_id"].iloc[0]]
    return {
        "evaluation_id": int(top["evaluation_id"].iloc[0]),
        "objective": float(top["objective"].iloc[0]),
        **_uncertainty(run),
        "hyperparameters": {
            name: _plain(values[name]) for name in hyperparameter_columns(run.history)
        },
        "architecture": top["architecture"].iloc[0],
        "decisions": top["decisions"].iloc[0],
        "predicts_one": values["predicts_one"] if said_of(values["predicts_one"]) else None,
    }


def _uncertainty(run: Run) -> dict[str, Any]:
    """Return what is known of how far the best validation score may be from the true one."""
    objectives = scored(run.history)["objective"].to_numpy(dtype=float)
    data = run.section("data")
    found = approximate_interval(
        run.metric,
        float(objectives.max()),
        int(data.get("independent", 0)),
        data.get("validation_counts", ()),
    )
    return {
        "interval": None if found is None else list(found),
        "chosen_among": len(objectives),
        "at_most": None if found is None else optimism_at_most(objectives, error_of(found)),
    }


def _constant(history: pd.DataFrame) -> dict[str, int]:
    told = scored(history)["predicts_one"].dropna()
    return {"constant": int((told != "").sum()), "known": len(told)}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _state(run: Run) -> tuple[str, float]:
    """Return the state and the time of the last sign of life."""
    if not run.sessions:
        return "not started", _status_time(run.status)
    session = run.sessions[-1]
    reported = run.status if _status_time(run.status) >= session.started - 1 else None
    sign = max(session.last_seen, _status_time(reported))
    recorded = str((reported or {}).get("state", "running"))
    if recorded in ENDED:
        return recorded, sign
    if session.end is not None:
        # The status follows when all is saved.
        reason = str(session.end.get("reason"))
        return (reason if reason in ENDED else "stopped"), sign
    if _is_alive(reported, sign):
        return recorded, sign
    return ("stopped" if recorded == "stopping" else "no sign of life"), sign


def _is_alive(status: Mapping[str, Any] | None, sign: float) -> bool:
    """Tell whether the process lives; where it is not seen, the age of its last sign decides."""
    if status is None or status.get("host") != platform.node():
        return time.time() - sign < SILENCE
    try:
        os.kill(int(status["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_remains(int(status["pid"]))


def _is_remains(pid: int) -> bool:
    """Tell whether a process has ended and nobody has taken note of it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except (OSError, IndexError):
        return False


def _seconds_left(status: Mapping[str, Any] | None) -> float | None:
    left = (status or {}).get("seconds_left")
    if left is None:
        return None
    return max(0.0, float(left) - max(0.0, time.time() - _status_time(status)))


def _status_time(status: Mapping[str, Any] | None) -> float:
    text = (status or {}).get("time")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _utc(seconds: float) -> str | None:
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        # The clock of a long simulation.
        return None
    return when.isoformat(sep=" ", timespec="seconds") if seconds else None
