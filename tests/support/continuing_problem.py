"""A problem whose trainings go on from a state, and write down every epoch that they train.

`PATH:problem` for the command line; the variables below of the environment say the rest.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome

EPOCHS = 8
LOG = "CONTINUING_LOG"
"""File with a line for each epoch that was trained: the evaluation and the epoch."""
SECONDS = "CONTINUING_SECONDS"
"""Seconds of an epoch; none: 0."""
STOP = "CONTINUING_STOP"
"""``NUMBER FILE``: the file is made when so many epochs are written down."""
FORGETS = "CONTINUING_FORGETS"
"""Whether states are left out."""


def value_after(evaluation, epoch):
    digest = hashlib.blake2b(repr((evaluation.id, epoch // 3)).encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32 + epoch


@dataclass
class Training:
    evaluation: object
    first: int = 0
    end: int = EPOCHS

    def run(self, comm, stop):
        leads = comm is None or comm.Get_rank() == 0
        curve = [self.record(epoch) for epoch in range(1, self.first + 1)]
        for epoch in range(self.first + 1, self.end + 1):
            time.sleep(float(os.environ.get(SECONDS, "0")))
            curve.append(self.record(epoch))
            if leads:
                self.write_down(epoch)
            ordered = stop(curve[-1])
            if comm is not None:
                ordered = any(comm.allgather(ordered))
            if ordered and epoch < self.end:
                return Outcome(Status.CUT, curve=tuple(curve), state=self.state(epoch))
        paused = self.end < EPOCHS
        return Outcome(
            Status.PAUSED if paused else Status.DONE,
            curve[-1]["validation_metric"],
            tuple(curve),
            state=self.state(self.end) if paused else None,
        )

    def record(self, epoch):
        return {"epoch": epoch, "validation_metric": value_after(self.evaluation, epoch)}

    def state(self, epoch):
        return None if os.environ.get(FORGETS) else b"%d" % epoch

    def write_down(self, epoch):
        with Path(os.environ[LOG]).open("a") as log:
            log.write(f"{self.evaluation.id} {epoch}\n")
        number, file = os.environ.get(STOP, "0 -").split(maxsplit=1)
        if len(read_log(os.environ[LOG])) == int(number):
            Path(file).touch()


@dataclass
class Trainer:
    problem: object = None
    slot: object = None

    def prepare(self, evaluation, seed):
        return Training(evaluation)

    def prepare_piece(self, assignment, seed, state):
        return Training(assignment.evaluation, int(state or 0), assignment.end)


def read_log(path):
    """Return (evaluation, epoch) of every epoch that was trained."""
    return [tuple(map(int, line.split())) for line in Path(path).read_text().splitlines()]


problem = Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=Trainer)
