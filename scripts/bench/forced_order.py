"""An unbroken search by the serial executor whose evaluations end in the order of another one.

It is the whole program but for the executor: that has as many slots as the other search had, and
trains, one after the other, what the other search's next result was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.reporter import ListReporter
from agebo_hpc.run.manager import Manager
from agebo_hpc.run.resumption import stored_request
from agebo_hpc.run.session import Session
from agebo_hpc.run.trainers import make_trainer
from agebo_hpc.space.configuration import Result
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.training.trainer import Slot, Trainer


class ForcedOrder(SerialExecutor):
    """The serial executor, with several slots and a given order of completions.

    Parameters
    ----------
    trainer, seed
        As for the serial executor.
    num_slots
        Evaluations that wait side by side, >= 1.
    order
        Ids in the order in which they end.
    """

    def __init__(self, trainer: Trainer, seed: int, num_slots: int, order: Sequence[int]) -> None:
        super().__init__(trainer, seed)
        self.num_slots = num_slots
        self._order = deque(order)

    def has_room(self) -> bool:
        """Tell whether a slot is free."""
        return len(self._waiting) < self.num_slots

    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Train what ends next.

        Raises
        ------
        LookupError
            If it is not in a slot: an unbroken search would not have started it by now.
        """
        expected = self._order.popleft()
        running = [evaluation.id for evaluation, _ in self._waiting]
        if expected not in running:
            raise LookupError(f"evaluation {expected} ended, but {running} would run")
        self._waiting.insert(0, self._waiting.pop(running.index(expected)))
        return super().collect(stop, seconds)


def run_unbroken(broken: Path, out: Path, simulate: str, num_slots: int) -> list[Result]:
    """Repeat a search without any break; return its results.

    Parameters
    ----------
    broken
        Run directory of a complete search.
    out
        Run directory to make.
    simulate
        The made-up trainings: those of the other search, but shorter.
    num_slots
        Of the other search.
    """
    run = RunDirectory.open(broken)
    request = replace(stored_request(run), out=str(out), simulate=simulate, executor="serial")
    problem = request.load_problem()
    session = Session(request, ListReporter())
    space = session.hyperparameters(problem, largest_group=1)
    order = [result.id for result in read_replay(broken).results]
    executor = ForcedOrder(make_trainer(request, Slot(1), problem), request.seed, num_slots, order)
    # It listens to no signals: this may be a thread.
    Manager(session, problem, space, executor, 1 + num_slots).run(Interrupt())
    return read_replay(out).results
