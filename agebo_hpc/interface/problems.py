"""Problems that Python gives, as the files that a run can be resumed with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agebo_hpc.files import write_atomically, writing
from agebo_hpc.space.problem import Problem
from agebo_hpc.space.problem_data import problem_data

NAME = "problem"


def problem_reference(problem: Any, file: Path) -> Any:
    """Return ``FILE.py:NAME`` as it came, or that of a file that is written for a `Problem`.

    Parameters
    ----------
    problem
        Text, or a `Problem` without a trainer of its own.
    file
        Where a `Problem` is written.

    Raises
    ------
    ConfigurationError
        If the problem has a trainer of its own.
    UsageError
        If the file cannot be written.
    """
    if not isinstance(problem, Problem):
        return problem
    text = json.dumps({NAME: problem_data(problem)}, indent=1)
    with writing("out", file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode())
    return f"{file}:{NAME}"


def is_same_problem(problem: Problem, file: Path) -> bool:
    """Tell whether a problem is the one that was written to a file."""
    try:
        stored = json.loads(file.read_text())[NAME]
    except (OSError, ValueError, LookupError):
        return False
    return bool(stored == json.loads(json.dumps(problem_data(problem))))
