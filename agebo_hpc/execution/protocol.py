"""Every message between the manager and the trainer ranks, on one page.

manager -> trainer   START   a `Start`: take part in an evaluation
manager -> leader    STOP    an evaluation id: end it at the end of its epoch
manager -> trainer   QUIT    None: leave the loop
leader  -> manager   RESULT  a `Result`
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agebo_hpc.space.configuration import Evaluation

MANAGER = 0
"""World rank of the manager."""


class Tag(IntEnum):
    """MPI tags."""

    START = 1
    STOP = 2
    QUIT = 3
    RESULT = 4


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
    """

    evaluation: Evaluation
    ranks: tuple[int, ...]
    submitted: float


class Backoff:
    """Sleeps between probes: short after a message, longer the longer none came.

    Open MPI's blocking receive keeps a core busy; a rank that probes and sleeps leaves it to
    those that train.
    """

    shortest = 2e-5
    longest = 2e-3

    def __init__(self) -> None:
        self._seconds = self.shortest

    def reset(self) -> None:
        """Take note that a message came."""
        self._seconds = self.shortest

    def sleep(self) -> None:
        """Sleep because nothing came, and longer the next time."""
        time.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, self.longest)


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
    matched = comm.improbe(source, tag, status)
    return None if matched is None else (matched.recv(status=status), status)
