"""Every trainer under the same checks."""

from functools import partial

import numpy as np
import pytest
from trainer_contract import TrainerContract

from agebo_hpc.simulation.registry import parse_simulation
from agebo_hpc.simulation.sleeping import SleepingTrainer
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer
from agebo_hpc.training.time_limit import TimeLimited
from agebo_hpc.training.trainer import Slot

SPACE = ArchitectureSpace(num_nodes=2)
VALUES = {"batch_size": 256, "learning_rate": 0.01, "num_processes": 1}


class TestSleeping(TrainerContract):
    """Trainings that a simulation makes up, in milliseconds."""

    simulation = "lognormal:mean=0.005,sigma=0.1"
    # Nothing diverges.
    test_a_loss_that_is_not_finite_is_said_and_the_next_training_goes_well = None

    @pytest.fixture
    def make(self):
        return partial(SleepingTrainer, parse_simulation(self.simulation), self.num_epochs)

    def evaluation(self, number):
        return Evaluation(number, Configuration((number % 5, 0), VALUES))


class TestTimeLimited(TestSleeping):
    """One with a time limit that is never reached is as without."""

    @pytest.fixture
    def make(self):
        simulation = parse_simulation(self.simulation)
        return lambda: TimeLimited(SleepingTrainer(simulation, self.num_epochs), 3600.0)


class TestTensorFlow(TrainerContract):
    """Networks of two nodes on a table of 2,000 rows."""

    @pytest.fixture
    def make(self, tiny_dataset):
        problem = Problem(
            data=tiny_dataset,
            architecture=SPACE,
            recipe=Recipe(epochs=self.num_epochs, warmup_epochs=1),
        )
        return lambda: TensorFlowTrainer(problem, Slot())

    def evaluation(self, number):
        rng = np.random.default_rng(number)
        return Evaluation(number, Configuration(SPACE.random(rng), VALUES))

    def diverging(self):
        wild = {**VALUES, "batch_size": 32, "learning_rate": 1e30}
        return Evaluation(9, Configuration((13, 1, 12, 1, 1), wild))
