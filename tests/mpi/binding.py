"""A problem file whose objective is the number of the only core that its rank may run on."""

import os

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome

# Read when this file is loaded, as TensorFlow reads it when it is imported.
BLOCKTIME = float(os.environ.get("KMP_BLOCKTIME", "nan"))


class CoreTraining:
    def run(self, comm, stop):
        cores = os.sched_getaffinity(0)
        only = next(iter(cores)) if len(cores) == 1 else -1
        return Outcome(Status.DONE, float(only), ({"epoch": 1, "blocktime": BLOCKTIME},), {})


class CoreTrainer:
    def __init__(self, problem, slot):
        pass

    def prepare(self, evaluation, seed):
        return CoreTraining()


core = Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=CoreTrainer)
