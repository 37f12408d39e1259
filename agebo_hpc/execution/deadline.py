"""When the batch system will end this job, as far as it says so.

Slurm tells by a variable or by ``squeue``, Cobalt by a variable, PBS by ``qstat``; where these are
silent, the script may have said how long its job is. Local to the manager; a scheduler that does
not answer within seconds is taken as one that says nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agebo_hpc.job.clock import parse_clock
from agebo_hpc.job.commands import Ask, ask_scheduler, pbs_program
from agebo_hpc.job.pbs import pbs_job

MARGIN_SECONDS = 120.0
"""Kept free at the end of a job: for the last epochs, the history and the ranks to leave."""
MARGIN_SHARE = 0.1
"""The margin of a short job is this share of what is left of it."""

UNLIMITED = ("UNLIMITED", "NOT_SET", "N/A")
"""What Slurm says in place of a duration of a job that has no limit."""
JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "COBALT_JOBID")
STARTED_VARIABLE = "AGEBO_JOB_STARTED"
"""Seconds since 1970 at which the script of this job began."""
LENGTH_VARIABLES = ("AGEBO_WALLTIME", "PBS_WALLTIME")
"""Seconds that this job has, by the script or by Torque."""


@dataclass(frozen=True)
class Deadline:
    """The end of a job.

    Attributes
    ----------
    end
        Seconds since 1970.
    source
        Who says so.
    """

    end: float
    source: str


def seconds_left(deadline: Deadline, now: float) -> float:
    """Return the seconds until a search has to end so that the job's end finds nothing to cut."""
    left = max(0.0, deadline.end - now)
    return left - min(MARGIN_SECONDS, MARGIN_SHARE * left)


def job_deadline(
    environ: Mapping[str, str] | None = None,
    ask: Ask = ask_scheduler,
    now: Callable[[], float] = time.time,
) -> Deadline | None:
    """Return when the batch system will end this job; None outside one or without a limit.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    ask
        Runs the commands of the batch system.
    now
        Seconds since 1970.
    """
    return find_deadline(environ, ask, now)[0]


def find_deadline(
    environ: Mapping[str, str] | None = None,
    ask: Ask = ask_scheduler,
    now: Callable[[], float] = time.time,
) -> tuple[Deadline | None, str]:
    """Return this job's end, and a warning where there may be one that nobody tells.

    Parameters
    ----------
    environ, ask, now
        As of `job_deadline`.
    """
    environ = os.environ if environ is None else environ
    for name in ("SLURM_JOB_END_TIME", "COBALT_ENDTIME"):
        if environ.get(name, "").isdigit():
            return Deadline(float(environ[name]), name), ""
    found, is_without_limit = _asked(environ, ask, now)
    if found is None and not is_without_limit:
        found = _by_length(environ)
    if found is not None or is_without_limit or not any(map(environ.get, JOB_VARIABLES)):
        return found, ""
    return None, _silence(environ)


def _asked(
    environ: Mapping[str, str], ask: Ask, now: Callable[[], float]
) -> tuple[Deadline | None, bool]:
    """Return what the scheduler says, and whether it says that there is no limit."""
    if environ.get("SLURM_JOB_ID"):
        return _slurm(environ["SLURM_JOB_ID"], ask, now)
    if environ.get("PBS_JOBID"):
        return _pbs(environ, ask, now), False
    return None, False


def _slurm(job: str, ask: Ask, now: Callable[[], float]) -> tuple[Deadline | None, bool]:
    squeue = ("squeue", "--noheader", "--jobs", job, "--format")
    end = ask([*squeue, "%e"]).strip()
    try:
        return Deadline(datetime.fromisoformat(end).timestamp(), "squeue"), False
    except ValueError:
        pass
    left = ask([*squeue, "%L"]).strip()
    if left in UNLIMITED:
        return None, True
    try:
        return Deadline(now() + parse_clock(left), "squeue"), False
    except ValueError:
        return None, False


def _pbs(environ: Mapping[str, str], ask: Ask, now: Callable[[], float]) -> Deadline | None:
    facts = pbs_job(environ["PBS_JOBID"], ask, environ)
    try:
        limit = parse_clock(facts["Resource_List"]["walltime"])
        used = parse_clock(facts.get("resources_used", {}).get("walltime", "00:00:00"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Deadline(now() + limit - used, "qstat")


def _by_length(environ: Mapping[str, str]) -> Deadline | None:
    started = environ.get(STARTED_VARIABLE, "")
    for name in LENGTH_VARIABLES:
        if started.isdigit() and environ.get(name, "").isdigit():
            return Deadline(float(started) + float(environ[name]), name)
    return None


def _silence(environ: Mapping[str, str]) -> str:
    """Say that nobody tells a job's end, and what helps."""
    name = next(name for name in JOB_VARIABLES if environ.get(name))
    text = f"warning: nobody says when job {environ[name]} ends, so it may be cut in the midst"
    if name == "PBS_JOBID" and pbs_program("qstat", environ) is None:
        text += " (qstat on PATH is Slurm's, not that of PBS)"
    return (
        f"{text}. Give --walltime T to the search, or AGEBO_WALLTIME=SECONDS to the job "
        "(`agebo-hpc script --walltime T` writes it)."
    )
