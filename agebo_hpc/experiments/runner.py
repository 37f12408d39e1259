"""Runs the searches of an experiment, several at a time, each a process of its own.

A search is started as a user would start it. One that is complete is skipped, one that was cut
short is resumed, so an experiment that was killed goes on by the same command. The searches are
with_parent_death to this process and end when it dies.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from agebo_hpc.errors import EXIT_COMPLETE, AgeboError, LaunchError
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.files import open_own, writing
from agebo_hpc.processes.own_program import own_environment
from agebo_hpc.processes.parent_death import with_parent_death
from agebo_hpc.run.notation import format_seconds

POLL_SECONDS = 0.05
_PROMPT = "\n$ "
"""Text in front of each command in a log."""

END_SECONDS = 120.0
"""How long a search may take to save and leave when it is told to."""


class Job(Protocol):
    """Something that a process of its own does."""

    @property
    def name(self) -> str:
        """What it is called in progress lines."""
        ...

    @property
    def log(self) -> Path:
        """File that its output goes to."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        ...

    @property
    def command(self) -> list[str]:
        """The words that do it."""
        ...


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    began: float


def run_all(
    jobs: Sequence[Job],
    num_at_once: int,
    interrupt: Interrupt,
    threads: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> bool:
    """Run jobs until all are complete.

    Parameters
    ----------
    jobs
        Jobs in the order in which they are started.
    num_at_once
        Largest number of searches at the same time, >= 1.
    interrupt
        Tells whether to stop; what runs is then told to save and leave.
    threads
        Threads of each process; None: as many as it takes.
    say
        Called with a line for each job that ends.

    Returns
    -------
    bool
        False if it was interrupted before all were complete.

    Raises
    ------
    AgeboError
        If a job fails; the others are stopped before that.
    """
    waiting = deque(job for job in jobs if not job.is_complete)
    pace = _Pace(len(jobs), len(waiting))
    if pace.num_done:
        say(f"{pace.num_done} of {pace.num_jobs} are complete already")
    running: list[_Running] = []
    try:
        while (waiting or running) and interrupt.received is None:
            while waiting and len(running) < num_at_once:
                running.append(_start(waiting.popleft(), threads))
            time.sleep(POLL_SECONDS)
            for one in [r for r in running if r.process.poll() is not None]:
                running.remove(one)
                _check(one)
                pace.num_done += 1
                say(pace.line(one.job, time.monotonic() - one.began))
    finally:
        _end(running)
    return not waiting and all(job.is_complete for job in jobs)


@dataclass
class _Pace:
    """Counts jobs and guesses how long the rest takes."""

    num_jobs: int
    num_left: int

    def __post_init__(self) -> None:
        self.num_done = self.num_jobs - self.num_left
        self._first = self.num_done
        self._began = time.monotonic()

    def line(self, job: Job, seconds: float) -> str:
        """Return the line that says that a job is done."""
        left = self.num_jobs - self.num_done
        pace = (time.monotonic() - self._began) / (self.num_done - self._first)
        rest = f", about {format_seconds(left * pace)} left" if left else ""
        took = format_seconds(seconds)
        return f"{self.num_done} of {self.num_jobs}: {job.name}, took {took}{rest}"


def _start(job: Job, threads: int | None) -> _Running:
    env = own_environment(os.environ, threads)
    command = job.command
    with _log_of(job, command) as log:
        try:
            process = subprocess.Popen(
                with_parent_death(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                start_new_session=True,
            )
        except OSError as error:
            raise LaunchError(f"Cannot start {command[0]}: {error.strerror}.") from error
    return _Running(job, process, time.monotonic())


def _log_of(job: Job, command: Sequence[str]) -> IO[bytes]:
    """Open a job's log, whose last words are the command; the caller closes it."""
    with writing("--out", job.log):
        job.log.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        log = os.fdopen(open_own(job.log, flags), "ab", buffering=0)
        try:
            # A directory's name need not be text.
            log.write(os.fsencode(f"{_PROMPT}{' '.join(command)}\n"))
        except BaseException:
            log.close()
            raise
    return log


def _check(one: _Running) -> None:
    """Raise the error that a job which did not do its work has written."""
    code = one.process.returncode
    if code == EXIT_COMPLETE and one.job.is_complete:
        return
    text = one.job.log.read_text(errors="replace").rpartition(_PROMPT)[2]
    said = [line for line in text.splitlines()[1:] if line.strip()]
    raise AgeboError(
        f"{one.job.name}: ended with code {code} before it was complete: "
        f"{said[-1].strip() if said else 'it said nothing'} (see {one.job.log}). Mend the cause "
        "and give the same command again."
    )


def _end(running: Sequence[_Running]) -> None:
    """Tell what still runs to save and leave; kill what does not."""
    for one in running:
        _send(one, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    for one in running:
        try:
            one.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _send(one, signal.SIGKILL)
            one.process.wait()


def _send(one: _Running, number: signal.Signals) -> None:
    try:
        if number == signal.SIGKILL:
            os.killpg(one.process.pid, number)
        else:
            one.process.send_signal(number)
    except ProcessLookupError:
        pass
