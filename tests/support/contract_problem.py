"""A problem whose trainings every executor can run, each with an end that its number tells.

`PATH:problem` for the command line, `Trainings` for a simulation of the same.
"""

import time
from dataclasses import dataclass

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome

EPOCHS = 4
LONG = 4000
"""Epochs of a training that is there to be stopped."""
FAILING, ENDLESS = 3, 7
"""Last digits of the numbers of evaluations that end so."""


def evaluation(number, n=1):
    return Evaluation(number, Configuration((0,) * 9, {"num_processes": n}))


def objective_of(evaluation, seed):
    return evaluation.id + seed / 1000


@dataclass
class Training:
    evaluation: Evaluation
    seed: int

    def run(self, comm, stop):
        kind = self.evaluation.id % 10
        if kind == FAILING:
            raise ArithmeticError(f"no way in evaluation {self.evaluation.id}")
        epochs = LONG if kind == ENDLESS else EPOCHS
        curve = []
        for epoch in range(1, epochs + 1):
            time.sleep(0.01)
            curve.append({"epoch": epoch, "validation_metric": float(epoch)})
            ordered = stop(curve[-1])
            if comm is not None:
                ordered = any(comm.allgather(ordered))
            if ordered and epoch < epochs:
                return Outcome(Status.CUT, curve=tuple(curve))
        objective = objective_of(self.evaluation, self.seed)
        return Outcome(Status.DONE, objective, tuple(curve), {"train": 0.01 * epochs}, 7, 1)


@dataclass
class Trainer:
    problem: object = None
    slot: object = None

    def prepare(self, evaluation, seed):
        return Training(evaluation, seed)


problem = Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=Trainer)
