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

On ``World.control``, taken by a trainer rank's control thread:

trainer -> manager   BEAT     bytes of memory of this rank's own: it lives
manager -> trainer   REPAIR   None: leave the dead out of your group's communicator
trainer -> manager   REPAIRED None
manager -> trainer   KILL     a `ProcessId` on the trainer's host: end that process
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from agebo_hpc.space.assignment import Assignment
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
        Time at which the evaluation was submitted, seconds since 1970.
    number
        Tells this start from every other one, of the same evaluation too.
    sent
        Time at which the members were told, seconds since 1970.
    reports
        Whether the leader tells the manager of each epoch; with the result it hears of all.
    piece
        The piece of the evaluation that is trained, and its checkpoint; None: the whole.
    """

    evaluation: Evaluation
    ranks: tuple[int, ...]
    submitted: float
    number: int = 0
    sent: float = 0.0
    reports: bool = True
    piece: Assignment | None = None
