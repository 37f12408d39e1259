"""Problems whose trainings end their process in one way or another, by evaluation id."""

import os
import signal
import time

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome


def _fail():
    raise ArithmeticError("no way")


def _leave():
    os._exit(3)


ENDS = {
    1: lambda: os.kill(os.getpid(), signal.SIGSEGV),
    2: lambda: os.kill(os.getpid(), signal.SIGKILL),
    3: _fail,
    4: _leave,
    5: lambda: time.sleep(3600),
}


class DoomedTraining:
    def __init__(self, evaluation, threads):
        self._evaluation = evaluation
        self._threads = threads

    def run(self, comm, stop):
        end = ENDS.get(self._evaluation.id)
        if end is not None:
            end()
        curve = []
        for epoch in (1, 2, 3):
            curve.append({"epoch": epoch, "validation_metric": 0.5, "threads": self._threads})
            if stop(curve[-1]) and epoch < 3:
                return Outcome(Status.CUT, curve=tuple(curve))
        times = {"process": float(os.getpid()), "cores": float(len(os.sched_getaffinity(0)))}
        return Outcome(Status.DONE, 0.5, tuple(curve), times, 7)


class DoomedTrainer:
    def __init__(self, problem, slot):
        self._slot = slot

    def prepare(self, evaluation, seed):
        return DoomedTraining(evaluation, self._slot.threads)


def unready(problem, slot):
    raise RuntimeError("this slot is broken")


doomed = Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=DoomedTrainer)
broken = Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=unready)
