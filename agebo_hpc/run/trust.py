"""Whose code a resumed search runs."""

from __future__ import annotations

import os
import pwd
import shlex
from pathlib import Path

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.storage.run_directory import RunDirectory


def check_owner(run: RunDirectory, request: SearchRequest) -> None:
    """Refuse to run the code that another user's run directory names. Local.

    A problem file is a program that runs with all rights of who resumes the search.

    Raises
    ------
    ConfigurationError
        If the search has a problem file, and that or the run directory is another user's.
    """
    if not request.problem:
        return
    file = Path(request.problem.rpartition(":")[0])
    for path in (run.path, run.config_path, run.journal_path, file):
        owner = _owner(path)
        if owner not in (None, os.geteuid()):
            raise ConfigurationError(
                f"{shlex.quote(str(path))} belongs to {_name(owner)}, and resuming the run would "
                f"run the code of {shlex.quote(str(file))} with your rights. Read that file; if "
                "you trust both, add --trust."
            )


def _owner(path: Path) -> int | None:
    """Return whose a file is, behind links; None where there is none."""
    try:
        return os.stat(path).st_uid
    except OSError:
        return None


def _name(owner: int | None) -> str:
    try:
        return f"the user {pwd.getpwuid(owner or 0).pw_name}"
    except KeyError:
        return f"the user with number {owner}"
