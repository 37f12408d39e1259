"""First in, first out: every evaluation is trained as a whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status


class Fifo:
    """Trains evaluations as wholes, in the order in which they come; a lost one once more.

    Parameters
    ----------
    waiting
        Evaluations that come before new ones: those that an earlier session has left.
    num_epochs
        Epochs of a training, R >= 1.
    """

    pauses = False

    def __init__(self, waiting: Iterable[Evaluation] = (), num_epochs: int = 1) -> None:
        self._waiting = deque(waiting)
        self._num_epochs = num_epochs

    @property
    def num_waiting(self) -> int:
        """Number of evaluations in line."""
        return len(self._waiting)

    def add(self, evaluation: Evaluation) -> None:
        """Put an evaluation at the end of the line."""
        self._waiting.append(evaluation)

    def next(self) -> Assignment | None:
        """Return the whole training of the first in line; None if nobody is."""
        if not self._waiting:
            return None
        return Assignment(self._waiting.popleft(), 0, self._num_epochs, self._num_epochs)

    def end_intake(self) -> None:
        """Do nothing: nobody waits for others."""

    def report(self, result: Result) -> Decision:
        """Put a lost evaluation at the end of the line; with any other nothing is left to do."""
        if result.status is not Status.LOST:
            return Decision.STOP
        self.add(result.evaluation)
        return Decision.CONTINUE
