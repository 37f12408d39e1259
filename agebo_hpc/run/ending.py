"""What is said when a search stops, and at its end."""

from __future__ import annotations

import shlex

from agebo_hpc.execution.limits import Limits
from agebo_hpc.run.tally import Tally
from agebo_hpc.storage.run_directory import RunDirectory


def stop_line(run: RunDirectory, limits: Limits) -> str:
    """Return what is said when an order to stop has come, long before all has stopped."""
    return (
        f"stopping by {limits.order}: what is in training ends its epoch, then all is saved; "
        f"go on with: {_resume(run, limits)}"
    )


def end_line(
    run: RunDirectory, limits: Limits, tally: Tally, state: str, why: str, max_time: float | None
) -> str:
    """Return a sentence on how the search ended and how to go on.

    Parameters
    ----------
    run, limits, tally
        Of the search.
    state
        ``"complete"``, ``"stopped"`` or ``"failed"``.
    why
        What `Limits.end_reason` gave.
    max_time
        Seconds that it may take in all sessions; None: no limit.
    """
    reason = f" by {limits.order}" if limits.order else ""
    if not reason and state != "complete" and limits.drain_reason:
        reason = f", as {limits.drain_reason},"
    resume = _resume(run, limits)
    told = f": {why}" if why and not reason else ""
    if state != "complete":
        again = f"; go on with: {resume}"
    elif tally.busy_seconds:
        again = "" if tally.done or tally.failed or tally.paused else _too_short(resume)
    else:
        goals = {"--max-evals N": limits.max_evals, "--max-time T": max_time}
        more = next((o for o, goal in goals.items() if goal is not None), "--walltime T")
        told, again = ": no evaluation was left to do", f"; for more: {resume} {more}"
    return f"search {state}{reason} after {limits.elapsed:.1f} s{told}{again}"


def _too_short(resume: str) -> str:
    """Return what to type where the time was over before the first network was trained."""
    return (
        f"; no network was trained to its end in that time: give more, {resume} --walltime T, or "
        "search anew with shorter trainings, --epochs N"
    )


def _resume(run: RunDirectory, limits: Limits) -> str:
    """Return the command that goes on, and takes a file away that would stop it again."""
    resume = f"agebo-hpc resume {shlex.quote(str(run.path))}"
    if limits.order and limits.interrupt.received is None:
        return f"rm {shlex.quote(str(run.stop_path))}; {resume}"
    return resume
