"""What the driver needs of a scheduler."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result


class Decision(StrEnum):
    """What becomes of an evaluation whose assignment has ended.

    CONTINUE: it comes again, in an assignment that `Scheduler.next` returns. PAUSE: it may come
    again, as later results decide. STOP: no more of it is trained in this session; it is finished,
    or, where it was cut or lost, the next session's.
    """

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


class Scheduler(Protocol):
    """Decides what is trained next, and how far. Pure: it knows no clock, no file, no rank.

    What it returns depends on the order of the calls alone, so that nothing of it is stored: a
    session begins with the evaluations that the history says were begun and have not ended, and
    one that pauses trainings is given their assignments and results in order as well.

    The driver adds every proposal, asks for the next assignment when slots are free, and reports
    every result. Where the scheduler `pauses`, the history gets every assignment too. A result
    with a final status ends its evaluation, since the history has one for
    each: the decision on it is STOP. The decision counts for one that is lost or paused.
    """

    pauses: bool
    """Whether it trains piece by piece, so that results can be paused."""

    @property
    def num_waiting(self) -> int:
        """Number of assignments that `next` would return one after the other, >= 0."""
        ...

    def add(self, evaluation: Evaluation) -> None:
        """Take an evaluation in that the search has proposed."""
        ...

    def next(self) -> Assignment | None:
        """Return what is to be trained next; None: a new proposal, or a result, is needed."""
        ...

    def end_intake(self) -> None:
        """Hear that nothing new will be added: what waits for more is decided without."""
        ...

    def report(self, result: Result) -> Decision:
        """Decide on an evaluation by what its assignment gave, which is on disk by now."""
        ...
