"""A problem file for real trainings in which one member fails in the middle of an epoch."""

import numpy as np

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer


class Poisoned(TensorFlowTrainer):
    """Gives trainings on two processes a label that only the last member's shard has."""

    def __init__(self, problem, slot):
        super().__init__(problem, slot)
        from agebo_hpc.training.engine import Rows

        self._sound = self._training
        labels = self._sound.y.numpy().copy()
        labels[-1] = np.iinfo(labels.dtype).max
        self._bad = Rows.of(self._sound.x.numpy(), labels)

    def prepare(self, evaluation, seed):
        pair = evaluation.configuration.num_processes == 2
        self._training = self._bad if pair and evaluation.id % 2 == 0 else self._sound
        return super().prepare(evaluation, seed)


SMALL = {
    "architecture": ArchitectureSpace(num_nodes=3),
    "recipe": Recipe(epochs=2, warmup_epochs=1),
}
poisoned = Problem(**SMALL, trainer=Poisoned)
