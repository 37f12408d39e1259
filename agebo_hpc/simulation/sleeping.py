"""A trainer that trains nothing: it sleeps for as long as a simulated training would take.

With it real ranks, real messages and the real search run at any scale that fits the machine's
memory, because a sleeping rank needs no core.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from agebo_hpc.simulation.simulation import Simulated, Simulation
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Status
from agebo_hpc.training.time_limit import limited
from agebo_hpc.training.trainer import Outcome, Slot, StopRule, Trainer

if TYPE_CHECKING:
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class SleepingTrainer:
    """Gives the objective of a simulation after as many seconds as it says.

    Attributes
    ----------
    simulation
        Says how each training goes.
    num_epochs
        Epochs of each training, >= 1.
    """

    simulation: Simulation
    num_epochs: int = 1

    @classmethod
    def of(cls, simulation: Simulation, problem: Problem, slot: Slot) -> SleepingTrainer:
        """Make the trainer of a rank; the slot's cores are not used."""
        return cls(simulation, problem.recipe.epochs)

    def prepare(self, evaluation: Evaluation, seed: int) -> SleepingTraining:
        """Ask the simulation. Local."""
        return SleepingTraining(self.simulation.simulate(evaluation, seed), self.num_epochs)

    def prepare_piece(
        self, assignment: Assignment, seed: int, state: bytes | None
    ) -> SleepingTraining:
        """Ask the simulation; the state is the number of epochs that are slept through. Local."""
        simulated = self.simulation.simulate(assignment.evaluation, seed)
        first = 0 if state is None else int(state)
        return SleepingTraining(simulated, self.num_epochs, first, assignment.end)


@dataclass(frozen=True)
class SleepingTraining:
    """One evaluation's sleep."""

    simulated: Simulated
    num_epochs: int
    first: int = 0
    end: int | None = None

    def run(self, comm: Any | None, stop: StopRule) -> Outcome:
        """Sleep from epoch to epoch. Collective over `comm`.

        After each epoch but the last the members agree whether to stop, as in a real training.
        """
        began = time.monotonic()
        records = list(self.simulated.curve(self.num_epochs))
        curve = records[: self.first]
        end = min(self.end or self.num_epochs, self.num_epochs)
        for record in records[self.first : end]:
            curve.append(record)
            _sleep_until(began + self._seconds(len(curve)) - self._seconds(self.first))
            ordered = stop(record)
            if comm is not None:
                ordered = any(comm.allgather(ordered))
            if ordered and len(curve) < end:
                state = b"%d" % len(curve)
                return Outcome(Status.CUT, curve=tuple(curve), state=state)
        if end < self.num_epochs:
            return Outcome(
                Status.PAUSED,
                curve[-1]["validation_metric"],
                tuple(curve),
                {"train": time.monotonic() - began},
                self.simulated.num_parameters,
                state=b"%d" % end,
            )
        return Outcome(
            Status.DONE,
            self.simulated.objective,
            tuple(curve),
            {"train": time.monotonic() - began},
            self.simulated.num_parameters,
        )

    def _seconds(self, epoch: int) -> float:
        return self.simulated.seconds_until(epoch, self.num_epochs) if epoch else 0.0


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def sleeping(problem: Problem, simulation: Simulation) -> Problem:
    """Return a problem's spaces with trainings of one epoch that take as long as simulated."""
    from agebo_hpc.space.problem import Recipe

    return replace(
        problem,
        data=None,
        recipe=Recipe(epochs=1, warmup_epochs=0),
        trainer=partial(SleepingTrainer.of, simulation),
    )


def make_trainer(arguments: Mapping[str, Any], slot: Slot, eval_timeout: float) -> Trainer:
    """Return a trainer that sleeps, without loading what a problem's spaces need. Local.

    Parameters
    ----------
    arguments
        ``simulation``: its text; ``epochs``: those of a training where the simulation has none.
    slot
        Slot of this process; its cores are not used.
    eval_timeout
        Seconds after which an evaluation ends at its epoch's end; 0: never.
    """
    from agebo_hpc.simulation.registry import num_epochs_of, parse_simulation

    simulation = parse_simulation(arguments["simulation"])
    epochs = num_epochs_of(simulation) or arguments["epochs"]
    return limited(SleepingTrainer(simulation, epochs), eval_timeout)
