"""The problem of `bench_manager.py` for agebo_hpc: the first paper's spaces, no training."""

from manager_work import objective, sleep_and_record

from agebo_hpc.space.configuration import Status
from agebo_hpc.space.problem import Problem
from agebo_hpc.training.trainer import Outcome


class Sleep:
    """An evaluation that sleeps."""

    def __init__(self, evaluation) -> None:
        self._evaluation = evaluation

    def run(self, comm, stop) -> Outcome:
        """Sleep as long as the evaluation's number says."""
        sleep_and_record(self._evaluation.id)
        chosen = self._evaluation.configuration
        points = chosen.hyperparameters
        value = objective(points["batch_size"], points["learning_rate"])
        curve = ({"epoch": 1, "validation_metric": value},)
        return Outcome(Status.DONE, value + 0.001 * sum(chosen.architecture), curve)


class Sleeper:
    """A trainer that prepares sleeping."""

    def prepare(self, evaluation, seed) -> Sleep:
        """Prepare sleeping."""
        return Sleep(evaluation)


problem = Problem(trainer=lambda problem, slot: Sleeper())
