"""A problem file whose trainer ranks die, each at its own moment; for runs under ULFM.

A rank is known by its number on the node, from 0. What it takes part in again after its death is
done by others: it dies only once.
"""

import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from made_up import Behaviour, MadeUpTrainer  # noqa: E402

from agebo_hpc.space.architecture import ArchitectureSpace  # noqa: E402
from agebo_hpc.space.problem import Problem, Recipe  # noqa: E402
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer


def die(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def die_after(seconds, number=signal.SIGKILL):
    threading.Timer(seconds, die, (number,)).start()


class Mortal(MadeUpTrainer):
    """Calls `at_birth`, `in_prepare` and `in_run` of a victim."""

    def __init__(self, victim, deaths, behaviour, problem, slot):
        super().__init__(behaviour, problem, slot)
        self._deaths = deaths if slot.local_rank == victim else {}
        self._deaths.get("at_birth", bool)()

    def prepare(self, evaluation, seed):
        if evaluation.id > 1:
            self._deaths.get("in_prepare", bool)()
        training = super().prepare(evaluation, seed)
        if evaluation.id > 1 and "in_run" in self._deaths:
            training.run = partial(self._run, training.run)
        return training

    def _run(self, run, comm, stop):
        outcome = run(comm, stop)
        self._deaths["in_run"]()
        return outcome


def mortal(victim, behaviour=None, **deaths):
    behaviour = behaviour or Behaviour(epochs=4, epoch_seconds=0.05)
    trainer = partial(Mortal, victim, deaths, behaviour)
    return Problem(architecture=ArchitectureSpace(num_nodes=3), trainer=trainer)


class MortalTensorFlow(TensorFlowTrainer):
    """Dies in the midst of an epoch of a training on two processes, after the third epoch."""

    def __init__(self, victim, number, problem, slot):
        super().__init__(problem, slot)
        self._number = number
        self._is_victim = slot.local_rank == victim

    def prepare(self, evaluation, seed):
        training = super().prepare(evaluation, seed)
        pair = evaluation.configuration.num_processes == 2
        if self._is_victim and pair and evaluation.id > 1:
            training.run = partial(self._run, training.run)
        return training

    def _run(self, run, comm, stop):
        epochs = []

        def count(record=None):
            epochs.append(record)
            if len(epochs) == 3:
                die_after(0.005, self._number)
            return stop(record)

        return run(comm, count)


def trained(victim, number=signal.SIGKILL):
    return Problem(
        architecture=ArchitectureSpace(num_nodes=3),
        recipe=Recipe(epochs=12, warmup_epochs=1),
        trainer=partial(MortalTensorFlow, victim, number),
    )


# Its results are larger than what MPI sends without asking the receiver.
LARGE = Behaviour(epochs=20, epoch_seconds=0.01, values_per_epoch=200)

prepares = mortal(1, in_prepare=die)
leads = mortal(0, in_run=die)
follows = mortal(1, in_run=die)
sends = mortal(0, LARGE, in_run=partial(die_after, 0.01))
idles = mortal(3, at_birth=partial(die_after, 2.0))
stops = mortal(1, in_prepare=partial(die, signal.SIGSTOP))
trained_follower = trained(1)
trained_leader = trained(0)
trained_stops = trained(1, signal.SIGSTOP)
