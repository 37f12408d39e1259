"""ASHA: asynchronous successive halving, and asynchronous Hyperband over several brackets.

Algorithm 3 of the thesis of Liam Li (CMU-ML-20-104). Every training pauses at every rung; when a
slot is free, the best third (or whatever eta says) of a rung goes on, the highest rung first, and
if nobody is to go on, a new one begins. No slot ever waits for another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from agebo_hpc.scheduling.bracket_choice import Turns
from agebo_hpc.scheduling.ladder import Ladder
from agebo_hpc.scheduling.rung import Rung
from agebo_hpc.scheduling.rung_scheduler import RungScheduler
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status


class Asha(RungScheduler):
    """Promotes the best ``n // eta`` of the n that have come to a rung, as soon as they are.

    Parameters
    ----------
    ladder
        Levels of the rungs.
    weights
        Share of each bracket; bracket s begins at rung s. One share: plain ASHA.
    """

    def __init__(self, ladder: Ladder, weights: Sequence[Fraction] = (Fraction(1),)) -> None:
        super().__init__()
        self._ladder = ladder
        self._turns = Turns(weights)
        # By bracket, then by rung: a bracket has its own rungs, and none below its first.
        self._rungs: list[dict[int, Rung]] = [{} for _ in weights]
        self._paused: dict[int, Evaluation] = {}

    def sizes(self, bracket: int = 0) -> dict[int, int]:
        """Return the number of results at each level of a bracket."""
        rungs = self._rungs[bracket]
        return {self._ladder.level(rung): len(rungs[rung]) for rung in sorted(rungs)}

    @property
    def _num_promotable(self) -> int:
        return sum(rung.num_promotable for rungs in self._rungs for rung in rungs.values())

    def _promote(self) -> Assignment | None:
        for number, bracket in self._from_the_top():
            rung = self._rungs[bracket][number]
            best = rung.best_promotable()
            if best is not None:
                rung.settle(best)
                return self._ladder.assignment(self._paused.pop(best), number + 1, bracket)
        return None

    def _from_the_top(self) -> Iterable[tuple[int, int]]:
        """Return rungs and brackets where one is to go on, the highest rung first."""
        found = [
            (number, bracket)
            for bracket, rungs in enumerate(self._rungs)
            for number, rung in rungs.items()
            if rung.num_promotable
        ]
        return sorted(found, key=lambda each: (-each[0], each[1]))

    def _begin(self, evaluation: Evaluation) -> Assignment:
        bracket = self._turns.next()
        return self._ladder.assignment(evaluation, bracket, bracket)

    def _note(self, assignment: Assignment) -> None:
        evaluation_id = assignment.evaluation.id
        # A level that no rung has is an error here and not when it ends.
        self._ladder.rung_of(assignment.end)
        if assignment.start:
            del self._paused[evaluation_id]
            below = self._ladder.rung_of(assignment.start)
            self._rungs[assignment.bracket][below].settle(evaluation_id)
        else:
            self._turns.note(assignment.bracket)

    def _enter(self, assignment: Assignment, result: Result) -> Decision:
        number = self._ladder.rung_of(assignment.end)
        may_go_on = result.status is Status.PAUSED and not self._ladder.is_top(number)
        rung = self._rungs[assignment.bracket].setdefault(number, Rung(self._ladder.eta))
        return self._rank(rung, assignment, result, may_go_on)

    def _rank(
        self, rung: Rung, assignment: Assignment, result: Result, may_go_on: bool
    ) -> Decision:
        """Take a result into its rung and decide on its evaluation."""
        rung.insert(result.id, result.objective, may_go_on)
        if may_go_on:
            self._paused[result.id] = assignment.evaluation
        return Decision.PAUSE if may_go_on else Decision.STOP
