"""What it means that a step ended without leaving a result. Pure."""

from __future__ import annotations

import re
import signal

from agebo_hpc.space.configuration import Status

OUT_OF_MEMORY = re.compile(r"oom.?kill|out.of.memory|OUT_OF_MEMORY", re.IGNORECASE)
NODE_LOST = re.compile(
    r"node failure|lost communication|unable to (?:contact|reach)|daemon.*(?:died|lost)|"
    r"NODE_FAIL|Job step aborted: Waiting.*node",
    re.IGNORECASE,
)
BY_NUMBER = re.compile(r"exited on signal (\d+)|signal (?:number )?(\d+)", re.IGNORECASE)
BY_NAME = {
    "Segmentation fault": signal.SIGSEGV,
    "Bus error": signal.SIGBUS,
    "Aborted": signal.SIGABRT,
    "Illegal instruction": signal.SIGILL,
    "Floating point exception": signal.SIGFPE,
    "Killed": signal.SIGKILL,
}
ECHOES = (signal.SIGTERM, signal.SIGPIPE)
"""Signals with which a launcher ends the processes that remain after one has died."""


def judge_end(code: int, output: str) -> tuple[Status, str]:
    """Return the status of an evaluation whose step left no result, and the reason in words.

    Parameters
    ----------
    code
        The launcher's exit code; negative: the launcher itself was killed by that signal.
    output
        What launcher and processes printed.
    """
    if NODE_LOST.search(output):
        return Status.LOST, "The step's node was lost."
    if code < 0:
        return Status.LOST, f"The step's launcher was killed by {_name(-code)}."
    number = killing_signal(code, output)
    if OUT_OF_MEMORY.search(output):
        return Status.OUT_OF_MEMORY, "A process of the step was killed because memory ran out."
    if number == signal.SIGTERM:
        return Status.LOST, "The step was ended from outside, by SIGTERM."
    if number:
        return judge_signal(number)
    return Status.FAILED, f"The step ended with code {code} and left no result."


def judge_signal(number: int) -> tuple[Status, str]:
    """Return the status of an evaluation one of whose processes was killed, and why, in words."""
    if number == signal.SIGKILL:
        # The kernel tells neither the process nor its parent why.
        text = "A process was killed by SIGKILL, as the kernel does when memory runs out."
        return Status.OUT_OF_MEMORY, text
    return Status.FAILED, f"A process of the evaluation was killed by {_name(number)}."


def killing_signal(code: int, output: str) -> int:
    """Return the number of the signal that killed a process first, 0 if none did.

    The launcher's code is that of the process it saw last; what it prints names the others.
    """
    numbers = [int(first or second) for first, second in BY_NUMBER.findall(output)]
    numbers += [number for name, number in BY_NAME.items() if name in output]
    if code > 128:
        numbers.append(code - 128)
    causes = [number for number in numbers if number not in ECHOES and number < 65]
    return next(iter([*causes, *numbers]), 0)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
