"""What the driver needs of a scheduler."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol

from agebo_hpc.scheduling.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result


class Decision(StrEnum):
    """What becomes of an evaluation whose assignment has ended.

    CONTINUE: it comes again, in an assignment that `Scheduler.next` returns. PAUSE: it waits with
    what it has learnt, and may come again. STOP: no more of it is trained in this session.
    """

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


class Scheduler(Protocol):
    """Decides what is trained next, and how far. Pure: it knows no clock, no file, no rank.

    What it returns depends on the order of the calls alone.
    """

    @property
    def num_waiting(self) -> int:
        """Number of assignments that `next` would return one after the other, >= 0."""
        ...

    def add(self, evaluation: Evaluation) -> None:
        """Take an evaluation in that the search has proposed."""
        ...

    def next(self) -> Assignment | None:
        """Return what is to be trained next; None: a new proposal is needed first."""
        ...

    def report(self, result: Result) -> Decision:
        """Decide on an evaluation by what its assignment gave, which is on disk by now."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what waits and what was decided, as plain data for JSON."""
        ...
