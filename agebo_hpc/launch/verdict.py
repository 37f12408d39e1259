"""Whether a job that has ended is to be followed by another, from what its run directory says.

    python -m agebo_hpc.launch.verdict RUN --since SECONDS --code CODE
    python -m agebo_hpc.launch.verdict RUN --before

prints an exit code and the reason in words. A launcher's own code is a hint: it may hide a crash
behind a signal's number, or an orderly end behind a kill. What the search wrote last is not.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from agebo_hpc.errors import (
    EXIT_AGAIN,
    EXIT_COMPLETE,
    EXIT_INTERNAL,
    EXIT_LAUNCH,
    AgeboError,
    InputMissingError,
)
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.replay import Replay
from agebo_hpc.storage.run_directory import RunDirectory

IDLE_LIVES = 3
"""Number of sessions killed in a row without a new evaluation that ends a chain of jobs."""

KILLED = (6, 7, 9, 11, 15)
"""Codes of MPICH's launcher for ranks that a signal of that number killed; none of ours."""

Verdict = tuple[int, str]


def judge(
    status: Mapping[str, Any] | None,
    replay: Replay | None,
    *,
    since: float = 0.0,
    code: int | None = None,
) -> Verdict:
    """Return the code that a job is to end with, and why. Pure.

    Parameters
    ----------
    status
        Content of ``status.json``; None if there is none.
    replay
        What the journal holds; None if there is no run directory.
    since
        Time at which the job began, seconds since 1970: what was written before says nothing about
        it. 0: the job has not begun yet, and the question is whether it should.
    code
        What the launcher returned; None before the job.

    Returns
    -------
    tuple
        0: complete; 75: go on; another code: stop, and look.
    """
    if replay is None:
        if code in (None, EXIT_COMPLETE):
            return EXIT_INTERNAL, "no run directory was made and the launcher says nothing of it"
        if code == 128 + signal.SIGTERM:
            # What srun says when it ended the others of a rank that failed, whatever that said.
            return EXIT_LAUNCH, "the ranks did not start together; the reason stands above"
        return code or EXIT_INTERNAL, "no run directory was made; the reason stands above"
    if status is not None and _written(status) >= since - 1:
        state, said = status.get("state"), status.get("exit_code")
        if state == "complete":
            return EXIT_COMPLETE, "the search is complete"
        if said == EXIT_AGAIN and state != "failed":
            return EXIT_AGAIN, "the search stopped in order, with everything saved"
        if said == EXIT_AGAIN:
            # The manager had time to say that a rank was killed: no end in order.
            return _killed(replay, code)
        if said is not None:
            return int(said), f"the search ended with code {said}; its log says why"
        if state == "failed":
            return EXIT_INTERNAL, "the search failed; its log says why"
    elif code not in (None, EXIT_COMPLETE, EXIT_AGAIN, *KILLED) and code < 128:
        # It never came to its start: an option, the data, too few ranks.
        return code, f"the search did not start: code {code}; the reason stands above"
    if code is not None and 64 <= code <= 78 and code != EXIT_AGAIN:
        return code, f"the search ended with code {code}; the reason stands above"
    return _killed(replay, code)


def _killed(replay: Replay, code: int | None) -> Verdict:
    """Judge a search that was killed, or one of its ranks. Pure."""
    idle = idle_lives(replay)
    if idle >= IDLE_LIVES:
        return (
            EXIT_INTERNAL,
            f"killed {idle} times in a row without a new evaluation; mend the cause, then resume",
        )
    return EXIT_AGAIN, f"the search was killed{_by(code)}; what it had acknowledged is saved"


def _by(code: int | None) -> str:
    """Return which signal a launcher's code stands for, where it stands for one."""
    number = (code or 0) - 128 if (code or 0) > 128 else code
    if number not in KILLED:
        return ""
    hint = ": out of memory, most likely" if number == signal.SIGKILL else ""
    return f" (a rank by {signal.Signals(number).name}{hint})"


def idle_lives(replay: Replay) -> int:
    """Return how many sessions at the end of a history were killed without a new evaluation.

    One in which a rank was killed counts too: the manager may have had time to say so.
    """
    count = 0
    for session in reversed(replay.sessions):
        ended = [r for r in replay.results if session.started <= r.ended <= session.last_seen + 1]
        in_order = session.end is not None and session.end.get("reason") != "failed"
        if in_order or ended:
            break
        count += 1
    return count


def _open(path: Path) -> RunDirectory | None:
    try:
        return RunDirectory.open(path)
    except InputMissingError:
        return None


def _written(status: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(status["time"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a verdict on a run directory."""
    parser = argparse.ArgumentParser(prog="python -m agebo_hpc.launch.verdict")
    parser.add_argument("run", type=Path)
    parser.add_argument("--since", type=float, default=0.0)
    parser.add_argument("--code", type=int)
    parser.add_argument("--before", action="store_true", help="the job has not begun yet")
    options = parser.parse_args(arguments)
    try:
        run = _open(options.run)
        status = run.read_status() if run else None
        replay = read_replay(options.run) if run else None
        code, reason = judge(status, replay, since=options.since, code=options.code)
    except AgeboError as error:
        code, reason = error.exit_code, str(error)
    sys.stdout.write(f"{code} {reason}\n")
    return EXIT_COMPLETE


if __name__ == "__main__":
    sys.exit(main())
