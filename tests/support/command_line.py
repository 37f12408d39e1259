"""The command line in this process: what a command says and returns, without its start-up time.

All that a command may change for whoever comes after it is put back, and what it promises to put
back itself is checked: signal handlers and handlers of the log.
"""

from __future__ import annotations

import logging
import os
import runpy
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO
from unittest.mock import patch

import pytest

Finished = subprocess.CompletedProcess[str]


SPACES = {"--preset", "--problem", "--simulate", "--resume", "--help"}
"""Options of a search that say what is searched, or that nothing is."""


class _TooLongError(BaseException):
    """The time limit is over; no guard of the command line takes it for a mistake of a user."""


def shortened(words: Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
    """Return a command whose search costs little, unless it says itself what it searches.

    Without baselines and with the smallest networks: few tests are about either, and hundreds
    search.
    """
    if words[:1] != ("search",):
        return list(words)
    said = [os.fspath(word) for word in words]
    added = [] if any("baselines" in word for word in said) else ["--no-baselines"]
    if SPACES.isdisjoint(said):
        added += ["--preset", "v1"]
    return ["search", *added, *words[1:]]


def call(
    words: Sequence[str | os.PathLike[str]],
    timeout: float,
    env: Mapping[str, str],
    cwd: Path | None = None,
) -> Finished:
    """Run the command line in this process, as `python -m agebo_hpc` with these words would.

    Parameters
    ----------
    words
        Command and options.
    timeout
        Seconds, > 0; the test fails when it takes longer.
    env
        The whole environment of the command.
    cwd
        Its directory; None: this one.

    Returns
    -------
        Exit code, and what was written to the standard streams, also by processes it started.
    """
    from agebo_hpc.__main__ import run

    arguments = [os.fspath(word) for word in words]
    return _call(lambda: run(arguments), ["agebo-hpc", *arguments], timeout, env, cwd)


def call_script(
    script: Path,
    words: Sequence[str | os.PathLike[str]],
    timeout: float,
    env: Mapping[str, str],
    cwd: Path | None = None,
) -> Finished:
    """Run a Python script in this process, as `python SCRIPT` with these words would."""

    def run() -> int:
        try:
            runpy.run_path(os.fspath(script), run_name="__main__")
        except SystemExit as leave:
            if isinstance(leave.code, str):
                sys.stderr.write(f"{leave.code}\n")
                return 1
            return leave.code or 0
        return 0

    arguments = [os.fspath(script), *(os.fspath(word) for word in words)]
    return _call(run, arguments, timeout, env, cwd)


def _call(
    run: Callable[[], int],
    arguments: list[str],
    timeout: float,
    env: Mapping[str, str],
    cwd: Path | None,
) -> Finished:
    """Run a program of this process with its command line; see `call`."""
    with ExitStack() as stack:
        stack.enter_context(_nothing_left_behind())
        stack.enter_context(_one_thread())
        stack.enter_context(_environment(env, cwd, arguments))
        out, err = stack.enter_context(captured())
        code, is_late = _limited(run, timeout)
        sys.stdout.flush()
        sys.stderr.flush()
        said = [file.seek(0) or file.read().decode(errors="replace") for file in (out, err)]
    if is_late:
        pytest.fail(
            f"no end after {timeout:g} s: {' '.join(arguments)}\n"
            f"--- stdout\n{said[0][-4000:]}\n--- stderr\n{said[1][-9000:]}",
            pytrace=False,
        )
    return subprocess.CompletedProcess(arguments, code, *said)


def _limited(run, timeout):
    """Call a function; return its value and whether it took longer than `timeout` seconds."""
    is_late = False

    def end(number, frame):
        nonlocal is_late
        is_late = True
        raise _TooLongError

    began = time.monotonic()
    # The limit of the whole test, if there is one, goes on afterwards.
    handler = signal.signal(signal.SIGALRM, end)
    left, _ = signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        return run(), is_late
    except _TooLongError:
        return None, True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.01))


@contextmanager
def captured() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Let standard output and error go into files; the standard input is empty.

    The descriptors themselves are replaced: libraries in C and child processes write to them.
    """
    streams = sys.stdin, sys.stdout, sys.stderr
    with TemporaryFile() as out, TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        kept = [os.dup(number) for number in range(3)]
        for number, file in enumerate((nothing, out, err)):
            os.dup2(file.fileno(), number)
        try:
            with (
                open(0, encoding="utf-8", closefd=False) as sys.stdin,
                open(1, "w", encoding="utf-8", buffering=1, closefd=False) as sys.stdout,
                open(2, "w", encoding="utf-8", buffering=1, closefd=False) as sys.stderr,
            ):
                yield out, err
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            for number, descriptor in enumerate(kept):
                os.dup2(descriptor, number)
                os.close(descriptor)


@contextmanager
def _environment(env: Mapping[str, str], cwd: Path | None, argv: list[str]) -> Iterator[None]:
    """Set variables, directory and `sys.argv`, and put back what was there."""
    before, directory, arguments = dict(os.environ), os.getcwd(), sys.argv
    try:
        _set_variables(env)
        os.chdir(cwd or directory)
        sys.argv = argv
        yield
    finally:
        sys.argv = arguments
        os.chdir(directory)
        _set_variables(before)


def _set_variables(env: Mapping[str, str]) -> None:
    """Make this process's environment the given one; C libraries see it too."""
    for name in set(os.environ) - set(env):
        del os.environ[name]
    os.environ.update(env)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let TensorFlow have one thread in every test of this process.

    Commands ask for all cores, and TensorFlow keeps the number with which it computed first: what
    a test finds would depend on those before it.
    """
    from agebo_hpc.training import runtime

    real = runtime.configure_tensorflow
    with patch.object(runtime, "configure_tensorflow", lambda s: real(replace(s, threads=1))):
        yield


@contextmanager
def _nothing_left_behind() -> Iterator[None]:
    """Check that signals and the log go where they went before; put back warning filters."""
    root, own = logging.getLogger(), logging.getLogger("agebo_hpc")
    level, of_pytest, before = own.level, root.handlers[:], _handlers(own)
    # Those of pytest: without any, Python's own shows warnings, as in a new process.
    root.handlers.clear()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        root.handlers[:] = of_pytest
        own.setLevel(level)
    assert _handlers(own) == before, "the command left handlers of signals or of the log behind"


def _handlers(logger: logging.Logger) -> tuple[object, ...]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
    return tuple(logger.handlers), tuple(signal.getsignal(number) for number in numbers)
