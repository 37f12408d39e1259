"""When the batch system will end this job, as far as it says so.

Slurm tells by a variable or by ``squeue``, Cobalt by a variable, PBS by ``qstat``. Local to the
manager; a scheduler that does not answer within seconds is taken as one that says nothing.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
MARGIN_SECONDS = 120.0
"""Kept free at the end of a job: for the last epochs, the history and the ranks to leave."""
MARGIN_SHARE = 0.1
"""The margin of a short job is this share of what is left of it."""

Ask = Callable[[Sequence[str]], str]
"""Runs a command and returns what it printed; empty where it failed."""


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


def ask_scheduler(command: Sequence[str]) -> str:
    """Run a command of the batch system and return what it printed; empty where it failed."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("%s does not tell when this job ends: %s", command[0], error)
        return ""
    return done.stdout


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
    environ = os.environ if environ is None else environ
    for name in ("SLURM_JOB_END_TIME", "COBALT_ENDTIME"):
        if environ.get(name, "").isdigit():
            return Deadline(float(environ[name]), name)
    if environ.get("SLURM_JOB_ID"):
        return _slurm(environ["SLURM_JOB_ID"], ask)
    if environ.get("PBS_JOBID"):
        return _pbs(environ["PBS_JOBID"], ask, now)
    return None


def _slurm(job: str, ask: Ask) -> Deadline | None:
    text = ask(["squeue", "--noheader", "--jobs", job, "--format", "%e"]).strip()
    try:
        return Deadline(datetime.fromisoformat(text).timestamp(), "squeue")
    except ValueError:
        # No limit: "N/A" or "Unknown".
        return None


def _pbs(job: str, ask: Ask, now: Callable[[], float]) -> Deadline | None:
    try:
        [facts] = json.loads(ask(["qstat", "-f", "-F", "json", job]))["Jobs"].values()
        limit = parse_clock(facts["Resource_List"]["walltime"])
        used = parse_clock(facts.get("resources_used", {}).get("walltime", "00:00:00"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Deadline(now() + limit - used, "qstat")


def parse_clock(text: str) -> float:
    """Return the seconds of a duration written as hours:minutes:seconds."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return 3600.0 * hours + 60.0 * minutes + seconds
