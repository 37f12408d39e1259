"""The stopping variant of ASHA: nobody is paused; who is not among the best at a rung is stopped.

The rule of A-BOHB (Klein and others, 2020, section 2): with fewer results at a rung than eta
everybody goes on, while promotion lets nobody go on then.
"""

from __future__ import annotations

from agebo_hpc.scheduling.asha import Asha
from agebo_hpc.scheduling.rung import Rung
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Result


class AshaStopping(Asha):
    """Stops a training at a rung unless it is among the best ``n // eta`` there by then."""

    def _rank(
        self, rung: Rung, assignment: Assignment, result: Result, may_go_on: bool
    ) -> Decision:
        rung.insert(result.id, result.objective, may_go_on=False)
        goes_on = len(rung) < self._ladder.eta or result.id in rung
        if not (may_go_on and goes_on):
            return Decision.STOP
        above = self._ladder.rung_of(assignment.end) + 1
        self._due[result.id] = self._ladder.assignment(
            assignment.evaluation, above, assignment.bracket
        )
        return Decision.CONTINUE
