"""A problem file whose trainings end their process, hang or use up memory, by evaluation id."""

import ctypes
import os
import signal
import time

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome

EPOCHS = 3
CRASH, KILL, HANG, NO_MEMORY, ERROR = 1, 2, 3, 4, 5
"""Evaluations that end so; the others are well."""


def crash():
    ctypes.string_at(0)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    time.sleep(3600)


def no_memory():
    bytearray(2**60)


def error():
    raise ArithmeticError("no way")


ENDS = {CRASH: crash, KILL: kill, HANG: hang, NO_MEMORY: no_memory, ERROR: error}


class FragileTraining:
    def __init__(self, evaluation):
        self._evaluation = evaluation

    def run(self, comm, stop):
        # Of several members the last one dies: the leader has to find out. An exception is one
        # of all members, because here no Horovod tells the others of it.
        is_last = comm is None or comm.Get_rank() == comm.Get_size() - 1
        is_meant = is_last or self._evaluation.id in (NO_MEMORY, ERROR)
        curve = []
        for epoch in range(1, EPOCHS + 1):
            time.sleep(0.05)
            curve.append({"epoch": epoch, "validation_metric": 0.1 * epoch})
            if epoch == 2 and is_meant and self._evaluation.id in ENDS:
                ENDS[self._evaluation.id]()
            ordered = stop(curve[-1])
            if comm is not None:
                ordered = any(comm.allgather(ordered))
            if ordered and epoch < EPOCHS:
                return Outcome(Status.CUT, curve=tuple(curve))
        return Outcome(Status.DONE, 0.5, tuple(curve), {"train": 0.15}, 7, 1)


class FragileTrainer:
    def __init__(self, problem, slot):
        self._slot = slot

    def prepare(self, evaluation, seed):
        return FragileTraining(evaluation)


fragile = Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=FragileTrainer)
