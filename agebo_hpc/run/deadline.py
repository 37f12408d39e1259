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

from agebo_hpc.job.clock import parse_clock, without_margin
from agebo_hpc.job.commands import Ask, ask_scheduler, pbs_program
from agebo_hpc.job.pbs import pbs_job

UNLIMITED = ("UNLIMITED", "NOT_SET", "N/A")
"""What Slurm says in place of a duration of a job that has no limit."""
JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "COBALT_JOBID")
STARTED_VARIABLE = "AGEBO_JOB_STARTED"
"""Seconds since 1970 at which the script of this job began."""
LENGTH_VARIABLES = ("AGEBO_WALLTIME", "PBS_WALLTIME")
"""Seconds or a clock's time that this job has, by the script or by Torque."""


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
    return without_margin(max(0.0, deadline.end - now))


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
    """Return this job's end, and a warning where the end may be unknown.

    Parameters
    ----------
    environ, ask, now
        See `job_deadline`.
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
        return _slurm(_name_of_slurm(environ), ask, now)
    if environ.get("PBS_JOBID"):
        return _pbs(environ, ask, now), False
    return None, False


def _name_of_slurm(environ: Mapping[str, str]) -> str:
    """Return what names this job alone. Pure.

    The number of an array's last task is that of the whole array.
    """
    if environ.get("SLURM_ARRAY_JOB_ID") and environ.get("SLURM_ARRAY_TASK_ID"):
        return f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"
    return environ["SLURM_JOB_ID"]


def _slurm(job: str, ask: Ask, now: Callable[[], float]) -> tuple[Deadline | None, bool]:
    squeue = ("squeue", "--noheader", "--jobs", job, "--format")
    # A job of several components has a line for each; the first to end ends all.
    ends = _times(ask([*squeue, "%e"]), lambda text: datetime.fromisoformat(text).timestamp())
    if ends:
        return Deadline(min(ends), "squeue"), False
    answer = ask([*squeue, "%L"])
    left = _times(answer, parse_clock)
    if left:
        return Deadline(now() + min(left), "squeue"), False
    lines = answer.split()
    return None, bool(lines) and set(lines) <= set(UNLIMITED)


def _times(answer: str, read: Callable[[str], float]) -> list[float]:
    """Return what can be read of an answer's lines."""
    times = []
    for line in answer.splitlines():
        try:
            times.append(read(line.strip()))
        except ValueError:
            continue
    return times


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
        text = environ.get(name, "")
        seconds = [float(text)] if text.isdigit() else _times(text, parse_clock)
        if started.isdigit() and seconds:
            return Deadline(float(started) + seconds[0], name)
    return None


def _silence(environ: Mapping[str, str]) -> str:
    """Return the warning that a job's end is not known, and what helps."""
    name = next(name for name in JOB_VARIABLES if environ.get(name))
    text = f"warning: nobody says when job {environ[name]} ends, so it may be cut in the midst"
    if name == "PBS_JOBID" and pbs_program("qstat", environ) is None:
        text += " (qstat on PATH is Slurm's, not that of PBS)"
    return (
        f"{text}. Give --walltime T to the search, or AGEBO_WALLTIME=SECONDS to the job "
        "(`agebo-hpc script --walltime T` writes it)."
    )
