"""The batch system's commands, asked so that a user's habits do not change what they print."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0

HABITS = ("SQUEUE_", "SINFO_", "SCONTROL_", "SACCT_", "QSTAT_", "LC_", "LANG")
"""Variables that begin so set formats, filters and languages of what is printed."""
HABIT_NAMES = ("SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN", "SLURM_JSON", "SLURM_YAML")

PBS_DIRECTORIES = ("/opt/pbs/bin", "/usr/pbs/bin")
"""Directories in which PBS is looked for if it is not on PATH nor where PBS_EXEC says."""

Ask = Callable[[Sequence[str]], str]
"""Runs a command and returns what it printed; empty where it failed."""


def plain_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which commands print as their manuals say. Local.

    Which cluster, partition or account is meant stays as the user set it.
    """
    environ = os.environ if environ is None else environ
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(HABITS) and name not in HABIT_NAMES
    }
    return {**kept, "LC_ALL": "C"}


def ask_scheduler(command: Sequence[str]) -> str:
    """Run a command of the batch system and return what it printed; empty where it failed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=True,
            env=plain_environment(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("`%s` does not answer: %s", " ".join(command), error)
        return ""
    return done.stdout


def pbs_program(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return how to call a program of PBS; None where only Slurm's of that name is there. Local.

    Slurm brings scripts of the same names that know nothing of PBS; they may stand before it.
    """
    environ = os.environ if environ is None else environ
    if "PATH" not in environ:
        return name
    places = environ["PATH"].split(os.pathsep)
    if environ.get("PBS_EXEC"):
        places.append(f"{environ['PBS_EXEC']}/bin")
    found = [shutil.which(name, path=place) for place in (*places, *PBS_DIRECTORIES) if place]
    there = [path for path in found if path is not None]
    return next((path for path in there if not is_of_slurm(path)), None if there else name)


def is_of_slurm(path: str) -> bool:
    """Tell whether a program is one of Slurm's wrappers with the names of PBS. Local."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(8192)
    except OSError:
        return False
    return head.startswith(b"#!") and b"slurm" in head.lower()
