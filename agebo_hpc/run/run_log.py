"""The text log of a run directory: where it goes, how a session begins and ends in it."""

from __future__ import annotations

import io
import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from agebo_hpc.files import open_own, reason
from agebo_hpc.reporter import Reporter
from agebo_hpc.run.notation import format_seconds
from agebo_hpc.space.configuration import Result, said_of
from agebo_hpc.streams import closed_at_start
from agebo_hpc.text import one_line

JOB_VARIABLES = (
    "SLURM_JOB_ID",
    "SLURM_RESTART_COUNT",
    "SLURM_JOB_NODELIST",
    "PBS_JOBID",
    "COBALT_JOBID",
)
"""What a batch system says of a job, for the first lines."""


class _LogFile(logging.FileHandler):
    """A log that a search can do without: where it cannot be written, that is said once."""

    def __init__(self, path: Path, reporter: Reporter) -> None:
        super().__init__(path, delay=True)
        self._reporter = reporter

    def _open(self) -> io.TextIOWrapper:
        """Open the file itself: no link, no FIFO."""
        descriptor = open_own(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, also where the file cannot even be opened."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Report why this line is missing, the first time."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_silent:
            self._is_silent = True
            self._reporter.warn(f"Cannot write {self.baseFilename}: {reason(error)}.")

    _is_silent = False

    def close(self) -> None:
        """Close the file, also where its last lines find no room."""
        with suppress(OSError):
            super().close()


class _Told(logging.Handler):
    """Tells a person of warnings."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """Warn of a line."""
        self._reporter.warn(self.format(record))


class _OneLine(logging.Formatter):
    """One line for each record: names and tracebacks begin no line of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return one_line(super().format(record))


@contextmanager
def logging_to(path: Path, reporter: Reporter) -> Iterator[None]:
    """Write what the package logs to a file, times in UTC; it is made by the first line.

    Parameters
    ----------
    path
        Path of the file.
    reporter
        Warns where it cannot be written.
    """
    handler = _LogFile(path, reporter)
    formatter = _OneLine("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger("agebo_hpc")
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def showing_warnings(reporter: Reporter) -> Iterator[None]:
    """Tell a person of what is logged as a warning too."""
    handler = _Told(reporter)
    handler.setFormatter(_OneLine("%(message)s"))
    root = logging.getLogger("agebo_hpc")
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def header_lines(
    command: list[str],
    environ: Mapping[str, str],
    versions: Mapping[str, str],
    seconds: float | None,
) -> list[str]:
    """Return the lines with which a session's log begins.

    Parameters
    ----------
    command
        The command as it was called.
    environ
        May name the job.
    versions
        Versions of what is installed, by name.
    seconds
        That this session has; None: no limit.
    """
    job = [f"{name} {environ[name]}" for name in JOB_VARIABLES if environ.get(name)]
    return [
        f"command: {shlex.join(command)}",
        *([f"job: {', '.join(job)}"] if job else []),
        *([f"closed: {', '.join(closed_at_start)}"] if closed_at_start else []),
        f"versions: {', '.join(f'{name} {version}' for name, version in versions.items())}",
        f"time of this session: {'no limit' if seconds is None else format_seconds(seconds)}",
    ]


def best_line(best: Result | None) -> str:
    """Return the line about the best so far."""
    if best is None:
        return "no evaluation is done yet"
    chosen = best.evaluation.configuration
    values = ", ".join(f"{name}={value}" for name, value in chosen.hyperparameters.items())
    decisions = " ".join(map(str, chosen.architecture))
    said = said_of(best.predicts_one)
    return (
        f"best: evaluation {best.id}, objective {best.objective:.5f}, {values}, "
        f"architecture {decisions}" + (f"; it {said}" if said else "")
    )


def log_line(result: Result, names: Sequence[str]) -> str:
    """Return a finished evaluation as one line for the log.

    Parameters
    ----------
    result
        Result of the evaluation that finished.
    names
        Hyperparameters to name.
    """
    chosen = result.evaluation.configuration.hyperparameters
    values = ", ".join(
        f"{name}={chosen[name]:.4g}"
        if isinstance(chosen[name], float)
        else f"{name}={chosen[name]}"
        for name in names
    )
    objective = "-" if result.objective is None else f"{result.objective:.5f}"
    said = said_of(result.predicts_one)
    objective += f" ({said})" if said else ""
    return (
        f"evaluation {result.id}: {result.status}, objective {objective}, {values}, "
        f"{result.num_parameters} parameters, {result.ended - result.started:.2f} s on ranks "
        f"{','.join(map(str, result.ranks))} of {result.host}"
    )
