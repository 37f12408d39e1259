"""What all schedulers have in common that train an evaluation piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable

from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status


class RungScheduler(ABC):
    """Trains what must be trained once more first, then what is promoted, then what is new.

    A subclass says what is promoted and what a result means.
    """

    pauses = True

    def __init__(self) -> None:
        self._new: deque[Evaluation] = deque()
        # Pieces that are due at once, by id: trained once more, or the next of one that goes on.
        self._due: dict[int, Assignment] = {}
        self._running: dict[int, Assignment] = {}

    def restore(
        self, past: Iterable[Assignment | Result] = (), waiting: Iterable[Evaluation] = ()
    ) -> None:
        """Take up what earlier sessions have done; before anything else.

        Parameters
        ----------
        past
            Every assignment that was given out and every result, in their order.
        waiting
            Evaluations that have not ended. Those among them that were never assigned are new.
        """
        begun = set()
        for event in past:
            if isinstance(event, Assignment):
                name = event.evaluation.id
                begun.add(name)
                before = self._due.pop(name, None) or self._running.pop(name, None)
                if before is None:
                    self._note(event)
                self._running[name] = event
            elif event.status is not Status.CUT:
                self.report(event)
        # What was under way when the last session ended comes first.
        self._due = {**self._running, **self._due}
        self._running.clear()
        for evaluation in waiting:
            if evaluation.id not in begun:
                self.add(evaluation)

    @property
    def num_waiting(self) -> int:
        """Number of assignments that `next` would return one after the other."""
        return len(self._due) + self._num_promotable + len(self._new)

    def add(self, evaluation: Evaluation) -> None:
        """Take an evaluation in that the search has proposed."""
        self._new.append(evaluation)

    def end_intake(self) -> None:  # noqa: B027
        """Hear that nothing new will be added for as long as this session lasts."""

    def next(self) -> Assignment | None:
        """Return what is to be trained next; None: a new proposal, or a result, is needed."""
        assignment = self._next()
        if assignment is not None:
            self._running[assignment.evaluation.id] = assignment
        return assignment

    def _next(self) -> Assignment | None:
        if self._due:
            return self._due.pop(next(iter(self._due)))
        promoted = self._promote()
        if promoted is not None or not self._new:
            return promoted
        return self._begin(self._new.popleft())

    def report(self, result: Result) -> Decision:
        """Decide on an evaluation by what its assignment gave, which is on disk by now."""
        if result.status is Status.CUT:
            del self._running[result.id]
            return Decision.STOP
        if result.status is Status.LOST:
            self._due[result.id] = self._running.pop(result.id)
            return Decision.CONTINUE
        return self._end(result)

    def _end(self, result: Result) -> Decision:
        """Take in how an assignment has ended; what has ended for good is decided."""
        decision = self._enter(self._running.pop(result.id), result)
        return Decision.STOP if result.status.is_final else decision

    @property
    @abstractmethod
    def _num_promotable(self) -> int:
        """Number of assignments that `_promote` would return one after the other."""

    @abstractmethod
    def _promote(self) -> Assignment | None:
        """Return the next piece of an evaluation that is paused, if one is to go on."""

    @abstractmethod
    def _begin(self, evaluation: Evaluation) -> Assignment:
        """Return the first piece of a new evaluation."""

    @abstractmethod
    def _note(self, assignment: Assignment) -> None:
        """Take in that an assignment was begun or promoted in an earlier session."""

    @abstractmethod
    def _enter(self, assignment: Assignment, result: Result) -> Decision:
        """Take in a result at the end of its assignment, or one that has failed on the way."""
