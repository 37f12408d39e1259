"""A problem file whose trainings compute nothing: for tests of everything around a training.

`agebo-hpc search --problem tests/mpi/made_up.py:NAME`; the names are at the end.
"""

import time
from dataclasses import dataclass
from functools import partial

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome


@dataclass
class Behaviour:
    """How long a training takes and what goes wrong, by evaluation id, member and n."""

    epoch_seconds: float = 0.01
    epochs: int = 2
    values_per_epoch: int = 1
    fails_in_prepare: object = None
    fails_in_run: object = None


class MadeUpTraining:
    def __init__(self, evaluation, behaviour):
        self._evaluation = evaluation
        self._behaviour = behaviour

    def run(self, comm, stop):
        member = 0 if comm is None else comm.Get_rank()
        fails = self._behaviour.fails_in_run
        if fails is not None and fails(self._evaluation, member):
            raise ArithmeticError(f"no way in evaluation {self._evaluation.id}" + 300 * " none")
        curve = []
        for epoch in range(self._behaviour.epochs):
            time.sleep(self._behaviour.epoch_seconds)
            values = {f"value_{i}": 0.1 * i for i in range(self._behaviour.values_per_epoch)}
            curve.append({"epoch": epoch + 1, "validation_metric": float(epoch), **values})
            # As in a real training the members agree, after every epoch.
            ordered = stop(curve[-1])
            if comm is not None:
                ordered = any(comm.allgather(ordered))
            if ordered and epoch + 1 < self._behaviour.epochs:
                return Outcome(Status.CUT, curve=tuple(curve))
        chosen = self._evaluation.configuration
        objective = sum(chosen.architecture) * chosen.hyperparameters["learning_rate"]
        return Outcome(Status.DONE, objective, tuple(curve), {"train": 0.1}, 7, 1)


class MadeUpTrainer:
    def __init__(self, behaviour, problem, slot):
        self._behaviour = behaviour
        self._slot = slot

    def prepare(self, evaluation, seed):
        fails = self._behaviour.fails_in_prepare
        if fails is not None and fails(evaluation, self._slot.local_rank):
            raise LookupError(f"not prepared for evaluation {evaluation.id}")
        return MadeUpTraining(evaluation, self._behaviour)


def made_up(**behaviour):
    trainer = partial(MadeUpTrainer, Behaviour(**behaviour))
    return Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=trainer)


def broken_on_one_rank(problem, slot):
    if slot.local_rank == 1:
        raise RuntimeError("this slot is broken")
    return MadeUpTrainer(Behaviour(), problem, slot)


def broken(problem, slot):
    raise RuntimeError("this slot is broken")


def _pair(evaluation):
    return evaluation.configuration.num_processes == 2


quick = made_up()
unhurried = made_up(epochs=4, epoch_seconds=0.05)
reports = made_up(epochs=60, epoch_seconds=0.1)
slow = made_up(epochs=200, epoch_seconds=0.05)
endless = made_up(epochs=72_000, epoch_seconds=0.05)
idle = made_up(epochs=1, epoch_seconds=8.0)
one_member_unprepared = made_up(
    fails_in_prepare=lambda evaluation, slot: _pair(evaluation) and slot == 1
)
both_members_fail = made_up(fails_in_run=lambda evaluation, member: _pair(evaluation))
every_third_fails = made_up(fails_in_run=lambda evaluation, member: evaluation.id % 3 == 2)
all_but_one_fail = made_up(
    epoch_seconds=1.5,
    values_per_epoch=20_000,
    fails_in_run=lambda evaluation, member: evaluation.id > 0,
)
all_fail = made_up(fails_in_run=lambda evaluation, member: True)
with_a_broken_slot = Problem(trainer=broken_on_one_rank)
all_broken = Problem(trainer=broken)
