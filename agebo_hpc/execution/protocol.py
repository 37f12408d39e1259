"""Every message between the ranks, on one page.

On ``World.comm``, taken by a trainer rank's main thread:

manager -> trainer   VERDICT  an error or None: whether the search begins
manager -> trainer   START    a `Start`: take part in an evaluation
manager -> leader    STOP     a start's number: end it at the end of its epoch
manager -> trainer   CALL     None: answer when nothing keeps you; the evaluation is given up
manager -> trainer   QUIT     whether any rank died: leave the loop
trainer -> manager   READY    an error or None: whether this rank can train
leader  -> manager   REPORT   (a start's number, record of an epoch)
leader  -> manager   RESULT   (a start's number, a `Result`)
trainer -> manager   HERE     None: the answer to CALL
trainer -> manager   BYE      None: the answer to QUIT
member  -> leader    MEET     (a start's number, when): this member is there
leader  -> member    GO       (a start's number, when): all are

On ``World.control``, taken by a trainer rank's attendant, a thread:

trainer -> manager   BEAT     bytes of memory of this rank's own: it lives
manager -> trainer   REPAIR   None: leave the dead out of your group's communicator
trainer -> manager   REPAIRED None
manager -> trainer   KILL     a `Place` on the trainer's host: end that process
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agebo_hpc.execution.faults import accept_death
from agebo_hpc.space.configuration import Evaluation

MANAGER = 0
"""World rank of the manager."""


class Tag(IntEnum):
    """MPI tags."""

    START = 1
    STOP = 2
    QUIT = 3
    RESULT = 4
    REPORT = 5
    CALL = 6
    HERE = 7
    BYE = 8
    READY = 9
    VERDICT = 10
    MEET = 11
    GO = 12
    BEAT = 13
    REPAIR = 14
    REPAIRED = 15
    KILL = 16


@dataclass(frozen=True)
class Start:
    """Take part in an evaluation.

    Attributes
    ----------
    evaluation
        What to train.
    ranks
        World ranks of the members, leader first.
    submitted
        When the evaluation was submitted, seconds since 1970.
    number
        Tells this start from every other one, of the same evaluation too.
    sent
        When the members were told, seconds since 1970.
    """

    evaluation: Evaluation
    ranks: tuple[int, ...]
    submitted: float
    number: int = 0
    sent: float = 0.0


class Backoff:
    """Sleeps between probes: short after a message, longer the longer none came.

    Open MPI's blocking receive keeps a core busy; a rank that probes and sleeps leaves it to
    those that train. A hundred idle ranks that look every two milliseconds would fill a core as
    well, so the sleep grows to a fiftieth of the time waited: nobody waits much longer for it.

    Parameters
    ----------
    longest
        Of a sleep, seconds; `QUICK` for one that others wait for.
    """

    SHORTEST = 2e-5
    QUICK = 2e-3
    LONGEST = 5e-2
    SHARE = 0.02

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self.reset()

    def reset(self) -> None:
        """Take note that a message came."""
        self._seconds = self.SHORTEST
        self._since = time.monotonic()

    def sleep(self) -> None:
        """Sleep because nothing came, and longer the next time."""
        time.sleep(self._seconds)
        waited = time.monotonic() - self._since
        limit = min(max(self.QUICK, self.SHARE * waited), self._longest)
        self._seconds = min(2 * self._seconds, limit)


def look(comm: Any, source: int, tag: int, status: Any) -> Any | None:
    """Return a message that is there to be received, None if there is none. Local.

    Open MPI looks first and lets messages in afterwards: one that came since the last look is
    only seen by a second one. With a single look it would wait for the sleep between two looks
    besides.

    Parameters
    ----------
    comm
        mpi4py communicator.
    source, tag
        As in MPI; wildcards allowed.
    status
        Filled in.
    """
    matched = comm.improbe(source, tag, status)
    return comm.improbe(source, tag, status) if matched is None else matched


def try_receive(comm: Any, source: int, tag: int) -> tuple[Any, Any] | None:
    """Return (message, status) if one is there, else None. Local.

    Parameters
    ----------
    comm
        mpi4py communicator.
    source, tag
        As in MPI; wildcards allowed.
    """
    from mpi4py import MPI

    status = MPI.Status()
    matched = look(comm, source, tag, status)
    return None if matched is None else (matched.recv(status=status), status)


class Outbox:
    """Sends without waiting, also to ranks that may be dead or stopped.

    Parameters
    ----------
    comm
        mpi4py communicator of all ranks.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self._under_way: list[Any] = []

    def send(self, message: Any, rank: int, tag: Tag) -> None:
        """Hand a message to MPI. One to a dead rank is lost without a word."""
        self.sweep()
        request = accept_death(lambda: self._comm.isend(message, rank, tag))
        if request is not None:
            self._under_way.append(request)

    def sweep(self) -> int:
        """Forget what has arrived; return the number of messages under way."""

        def is_over(request: Any) -> bool:
            answer = accept_death(request.test)
            return answer is None or bool(answer[0])

        self._under_way = [request for request in self._under_way if not is_over(request)]
        return len(self._under_way)

    def flush(self, seconds: float, may_wait: Callable[[], bool] = lambda: True) -> bool:
        """Wait until everything has arrived, ``seconds`` at most; tell whether it has."""
        deadline, backoff = time.monotonic() + seconds, Backoff()
        while self.sweep():
            if time.monotonic() > deadline or not may_wait():
                return False
            backoff.sleep()
        return True
