"""Trainings replayed from a table that real searches were recorded in.

A configuration that was recorded goes as it went then, epoch by epoch. One that was not goes as a
surrogate predicts from those that were, so that any search of the recorded spaces can be replayed:
good for comparing methods, not for quoting what they reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import ConfigurationError, DataError
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.simulation.linear_scaling import check_scale
from agebo_hpc.simulation.recorded.table import RecordedTable, RecordedTraining, read_table
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.simulation_text import SimulationText, table_place
from agebo_hpc.simulation.sleeping import sleeping
from agebo_hpc.space.configuration import Configuration, Evaluation

if TYPE_CHECKING:
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class Recorded:
    """The trainings of one table.

    The objective is the validation metric of the last epoch or of the best one, as it was in the
    recorded searches. Where a configuration was recorded more than once, one of its trainings is
    drawn for the evaluation.

    Attributes
    ----------
    file
        A table, see `agebo_hpc.simulation.recorded.table`.
    factor
        What every duration is multiplied with, > 0.
    """

    file: str
    factor: float = 1.0

    def __post_init__(self) -> None:
        check_scale(self.factor, efficiency=1.0)

    @property
    def num_epochs(self) -> int:
        """Epochs of every training."""
        return int(_replay(self.file).problem.recipe.epochs)

    def simulate(self, evaluation: Evaluation, seed: int) -> Simulated:
        """Look a training up, or predict it."""
        replay = _replay(self.file)
        trainings = replay.trainings.get(evaluation.configuration.key)
        if trainings is None:
            training = replay.predict(evaluation.configuration)
        else:
            rng = generator(seed, evaluation.id, Stream.SIMULATION)
            training = trainings[int(rng.integers(len(trainings)))]
        seconds = [self.factor * s for s in training.seconds]
        return Simulated(
            self.factor * training.seconds_before + sum(seconds),
            max(training.metric) if replay.problem.objective == "best" else training.metric[-1],
            training.num_parameters,
            training.metric,
            tuple(seconds),
        )

    def problem(self, problem: Problem) -> Problem:
        """Return the recorded spaces and recipe; those of ``problem`` are not used."""
        recorded = _replay(self.file).problem
        return replace(sleeping(recorded, self), recipe=recorded.recipe)


class _TableReplay:
    """A table, arranged for being asked."""

    def __init__(self, table: RecordedTable) -> None:
        from agebo_hpc.simulation.recorded.surrogate import ForestSurrogate, TrainingFeatures

        self.problem = problem_of(table.facts)
        self.trainings: dict[str, list[RecordedTraining]] = {}
        for training in table.trainings:
            self.trainings.setdefault(training.configuration.key, []).append(training)
        self._features = TrainingFeatures(self.problem, *table.facts["data"]["shape"])
        self._surrogate = ForestSurrogate(*self._features.arrays(table.trainings))

    def predict(self, configuration: Configuration) -> RecordedTraining:
        """Return how the training of a configuration of the spaces probably goes."""
        graph = self._features.graph(configuration)
        features = self._features.of(configuration, graph)
        metric, seconds = self._surrogate.predict(features[None])
        before, *epochs = seconds[0].tolist()
        return RecordedTraining(
            search=-1,
            evaluation_id=-1,
            configuration=configuration,
            num_parameters=graph.num_parameters,
            seconds_before=before,
            metric=tuple(metric[0].tolist()),
            seconds=tuple(epochs),
        )


def problem_of(facts: Mapping[str, Any]) -> Problem:
    """Return the problem that was recorded, without its data."""
    from agebo_hpc.space.architecture import ArchitectureSpace
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem, Recipe

    return Problem(
        None,
        ArchitectureSpace(**facts["architecture"]),
        HyperparameterSpace.from_dict(facts["hyperparameters"]),
        Recipe(**facts["recipe"]),
        facts["objective"],
    )


@lru_cache(maxsize=4)
def _replay(file: str) -> _TableReplay:
    """Read a table and fit what predicts from it, once in a process."""
    table = read_table(file)
    try:
        return _TableReplay(table)
    except (LookupError, TypeError, ValueError, ConfigurationError) as error:
        raise DataError(
            f"{file!r} has another layout than this version reads ({type(error).__name__}: "
            f"{error}); record it anew."
        ) from error


def of_text(text: SimulationText) -> Recorded:
    """Return the simulation of a text such as ``recorded:table.parquet``.

    Raises
    ------
    UsageError
        If no table is named, or a key or a value is not known.
    """
    return Recorded(table_place(text).file, **text.numbers({"factor"}))
