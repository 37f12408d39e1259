"""Synchronous successive halving and Hyperband: a rung is decided when all of it has come back.

Algorithms 1 and 2 of the thesis of Liam Li (CMU-ML-20-104). Slots that a rung's end leaves free
are not idle: another bracket begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest

from agebo_hpc.scheduling.brackets import Bracket
from agebo_hpc.scheduling.rung_scheduler import RungScheduler
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status


@dataclass
class _Halving:
    """A bracket under way; its rungs are decided one after the other."""

    plan: Bracket
    eta: int
    at_least_one: bool
    rung: int = 0
    size: int = 0
    """Evaluations of the rung that have begun or are to begin."""
    is_full: bool = False
    num_results: int = 0
    paused: list[tuple[float, int]] = field(default_factory=list)
    evaluations: dict[int, Evaluation] = field(default_factory=dict)
    promoted: deque[int] = field(default_factory=deque)

    @property
    def has_place(self) -> bool:
        return not self.is_full and self.size < self.plan.sizes[0]

    @property
    def is_over(self) -> bool:
        return self.is_full and not self.size

    def join(self, evaluation: Evaluation) -> None:
        self.evaluations[evaluation.id] = evaluation
        self.size += 1
        self.is_full = self.size == self.plan.sizes[0]

    def take(self, result: Result) -> None:
        self.num_results += 1
        if result.status is Status.PAUSED and result.objective is not None:
            self.paused.append((-result.objective, result.id))
        self.decide_if_complete()

    def decide_if_complete(self) -> None:
        """Promote the best of the rung, once all of it has come back."""
        if not self.is_full or self.num_results < self.size:
            return
        self.promoted = deque(number for _, number in nsmallest(self._num_to_promote, self.paused))
        self.rung += 1
        self.size = len(self.promoted)
        self.evaluations = {number: self.evaluations[number] for number in self.promoted}
        self.num_results, self.paused = 0, []

    @property
    def _num_to_promote(self) -> int:
        if self.rung + 1 == len(self.plan.levels):
            return 0
        return max(self.size // self.eta, self.at_least_one)


class SuccessiveHalving(RungScheduler):
    """Runs bracket after bracket, several beside one another where slots would idle.

    Parameters
    ----------
    brackets
        The brackets, in order and without end: the same again and again, or those of Hyperband.
    eta
        Reduction factor, >= 2.
    max_resource
        A whole training; None: the last level of the bracket.
    """

    def __init__(
        self, brackets: Iterable[Bracket], eta: int, max_resource: int | None = None
    ) -> None:
        super().__init__()
        self._plans: Iterator[Bracket] = iter(brackets)
        self._eta = eta
        self._max_resource = max_resource
        self._open: dict[int, _Halving] = {}
        self._num_brackets = 0

    @property
    def _num_promotable(self) -> int:
        return sum(len(halving.promoted) for halving in self._open.values())

    def end_intake(self) -> None:
        """Decide unfilled rungs too with those that are in them; of the first bracket one goes on.

        It is the same as if those brackets had been planned smaller.
        """
        for number in [number for number, halving in self._open.items() if halving.has_place]:
            self._close(number)

    def _close(self, number: int) -> None:
        halving = self._open[number]
        halving.is_full = True
        halving.decide_if_complete()
        self._forget_if_over(number)

    def _forget_if_over(self, number: int) -> None:
        if self._open[number].is_over:
            del self._open[number]

    def _promote(self) -> Assignment | None:
        for number, halving in self._open.items():
            if halving.promoted:
                return self._assignment(number, halving.promoted.popleft())
        return None

    def _begin(self, evaluation: Evaluation) -> Assignment:
        # Beside the last one those have places of which an earlier session left some untrained.
        with_place = (number for number, halving in self._open.items() if halving.has_place)
        number = next(with_place, None)
        if number is None:
            number = self._open_next()
        self._open[number].join(evaluation)
        return self._assignment(number, evaluation.id)

    def _open_next(self) -> int:
        number = self._num_brackets
        self._open[number] = _Halving(next(self._plans), self._eta, number == 0)
        self._num_brackets += 1
        return number

    def _assignment(self, number: int, evaluation_id: int) -> Assignment:
        halving = self._open[number]
        levels = halving.plan.levels
        start = levels[halving.rung - 1] if halving.rung else 0
        full_length = self._max_resource or levels[-1]
        evaluation = halving.evaluations[evaluation_id]
        return Assignment(evaluation, start, levels[halving.rung], full_length, number)

    def _note(self, assignment: Assignment) -> None:
        evaluation, number = assignment.evaluation, assignment.bracket
        if not assignment.start:
            self._open_up_to(number, evaluation.id)
            self._open[number].join(evaluation)
        else:
            if self._open[number].has_place:
                # It was decided unfilled, since nothing new was to come.
                self._close(number)
            self._open[number].promoted.remove(evaluation.id)
        if assignment != self._assignment(number, evaluation.id):
            raise ValueError(f"no piece of bracket {number} ends after {assignment.end} epochs")

    def _open_up_to(self, number: int, evaluation_id: int) -> None:
        """Open brackets that are not open yet, with those before them.

        Of these all that had begun, in the order of their ids, was left to a later session.
        """
        if number - self._num_brackets > evaluation_id:
            raise ValueError(f"evaluation {evaluation_id} cannot be of bracket {number}")
        while self._num_brackets <= number:
            self._open_next()

    def _enter(self, assignment: Assignment, result: Result) -> Decision:
        halving = self._open[assignment.bracket]
        halving.take(result)
        self._forget_if_over(assignment.bracket)
        is_top = assignment.end == halving.plan.levels[-1]
        return Decision.STOP if is_top else Decision.PAUSE
