"""What stands for a training where nothing is trained: how long it takes and what comes out.

A simulation is named on the command line, ``NAME:key=value,...``, and is used in two places: the
simulated executor lets a virtual clock run, the sleeping trainer keeps real ranks busy for as
long. A further one is a class with the two methods of `Simulation` and a line in `SIMULATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

from agebo_hpc.errors import UsageError
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.space.configuration import Configuration, Evaluation
from agebo_hpc.training.simulation_text import SimulationText, TablePlace

if TYPE_CHECKING:
    # It brings scikit-learn, which a thousand sleeping ranks need not load.
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class Simulated:
    """How one training goes.

    Attributes
    ----------
    seconds
        From its start to its end on ``num_processes`` slots, > 0.
    objective
        What it gives after its last epoch.
    num_parameters
        Trainable numbers; 0 where there is no network.
    metrics
        Validation metrics of the training's own epochs, where they are known.
    epoch_seconds
        Seconds of each of these epochs, where they are known; what is left of ``seconds`` comes
        before the first one. Empty: all epochs are equally long.
    """

    seconds: float
    objective: float
    num_parameters: int = 0
    metrics: tuple[float, ...] = ()
    epoch_seconds: tuple[float, ...] = ()

    def curve(self, num_epochs: int) -> Iterator[Mapping[str, float]]:
        """Return the records of the epochs: as many as there are, where their seconds are known.

        The validation metric after e of E epochs is that of the last of the training's own epochs
        that are over by then, or the first; where they are not known, the objective minus
        (1 - e / E) squared.
        """
        for epoch in range(1, num_epochs + 1):
            yield {
                "epoch": epoch,
                "validation_metric": self._metric(epoch, num_epochs),
                "seconds": self.epoch_seconds[epoch - 1]
                if self.epoch_seconds
                else self.seconds / num_epochs,
            }

    def _metric(self, epoch: int, num_epochs: int) -> float:
        if not self.metrics:
            return self.objective - (1 - epoch / num_epochs) ** 2
        return self.metrics[max(0, epoch * len(self.metrics) // num_epochs - 1)]

    def seconds_until(self, epoch: int, num_epochs: int) -> float:
        """Return the seconds from the start to the end of an epoch, counted from 1."""
        if self.epoch_seconds:
            return self.seconds - sum(self.epoch_seconds[epoch:])
        return self.seconds * epoch / num_epochs

    def epoch_at(self, seconds: float, num_epochs: int) -> int:
        """Return the epoch that is under way, or just over, after so many seconds: 1 at least."""
        if self.epoch_seconds:
            ends = (self.seconds_until(epoch, num_epochs) for epoch in range(1, num_epochs))
            return 1 + sum(end < seconds for end in ends)
        return max(1, math.ceil(seconds / self.seconds * num_epochs))


class Simulation(Protocol):
    """Makes up trainings; the same evaluation and seed always give the same.

    One whose trainings cannot be had in other epochs says how many they have in an attribute
    ``num_epochs``.
    """

    def simulate(self, evaluation: Evaluation, seed: int) -> Simulated:
        """Return how a training goes.

        Parameters
        ----------
        evaluation
            What is trained.
        seed
            Of the search.
        """
        ...

    def problem(self, problem: Problem) -> Problem:
        """Return a problem's spaces, or spaces of its own, with trainings that sleep."""
        ...


@dataclass(frozen=True)
class Lognormal:
    """Durations from a lognormal distribution, objectives from a formula (`made_up_objective`).

    Attributes
    ----------
    mean
        Of the seconds of a training by one process, > 0.
    sigma
        Standard deviation of the logarithm of the seconds, >= 0.
    efficiency
        n processes take the time divided by n to this power, 0 to 1.
    noise
        Standard deviation of what is added to an objective, >= 0.
    """

    mean: float = 60.0
    sigma: float = 0.5
    efficiency: float = 0.9
    noise: float = 0.005

    def __post_init__(self) -> None:
        holds = {
            "mean": (self.mean > 0, "more than 0"),
            "sigma": (self.sigma >= 0, "0 or more"),
            "efficiency": (0 <= self.efficiency <= 1, "0 to 1"),
            "noise": (self.noise >= 0, "0 or more"),
        }
        for name, (right, allowed) in holds.items():
            value = getattr(self, name)
            if not (right and math.isfinite(value)):
                raise UsageError(f"--simulate has {name}={value}; give {allowed}.")

    def simulate(self, evaluation: Evaluation, seed: int) -> Simulated:
        """Draw duration and noise from the evaluation's own generator."""
        rng = generator(seed, evaluation.id, Stream.SIMULATION)
        duration, noise = rng.standard_normal(2).tolist()
        seconds = self.mean * math.exp(self.sigma * duration - self.sigma**2 / 2)
        configuration = evaluation.configuration
        return Simulated(
            seconds / configuration.num_processes**self.efficiency,
            made_up_objective(configuration) + self.noise * noise,
        )

    def problem(self, problem: Problem) -> Problem:
        """Return the problem with trainings of one epoch that sleep."""
        return sleeping(problem, self)


def made_up_objective(configuration: Configuration) -> float:
    """Return half an architecture's score and half the hyperparameters', each 0 to 1.

    The architecture's score is the mean over its decisions d at positions i of
    (1 + cos(d + i)) / 2: each variable has choices that are better than others, whatever the
    others are. The score of the hyperparameters is exp(-distance), where the distance is the sum
    of log10(learning_rate / 0.004)^2, (log2(batch_size / 256) / 4)^2 and
    (log2(num_processes) / 6)^2.
    """
    decisions = configuration.architecture
    architecture = sum(_score(decision + i) for i, decision in enumerate(decisions))
    values = configuration.hyperparameters
    distance = (
        math.log10(values["learning_rate"] / 0.004) ** 2
        + (math.log2(values["batch_size"] / 256) / 4) ** 2
        + (math.log2(values["num_processes"]) / 6) ** 2
    )
    return 0.5 * architecture / max(1, len(decisions)) + 0.5 * math.exp(-distance)


@lru_cache(maxsize=4096)
def _score(phase: int) -> float:
    return (1 + math.cos(phase)) / 2


def sleeping(problem: Problem, simulation: Simulation) -> Problem:
    """Return a problem's spaces with trainings of one epoch that take as long as simulated."""
    from agebo_hpc.space.problem import Recipe
    from agebo_hpc.training.sleep import SleepingTrainer

    return replace(
        problem,
        data=None,
        recipe=Recipe(epochs=1, warmup_epochs=0),
        trainer=partial(SleepingTrainer.of, simulation),
    )


def _lognormal(text: SimulationText) -> Simulation:
    if text.words:
        raise UsageError(
            f"--simulate lognormal has {text.words[0]!r}; write key=value, as in mean=60."
        )
    known = {field.name for field in fields(Lognormal)}
    return Lognormal(**_numbers(text.values, known))


def _fcnet(text: SimulationText) -> Simulation:
    from agebo_hpc.training.fcnet import FCNet

    place = table_place(text)
    return FCNet(place.file, place.dataset, **_numbers(text.values, {"factor", "efficiency"}))


def _recorded(text: SimulationText) -> Simulation:
    from agebo_hpc.training.recorded import Recorded

    return Recorded(table_place(text).file, **_numbers(text.values, {"factor"}))


def _lcbench(text: SimulationText) -> Simulation:
    from agebo_hpc.training.lcbench import LCBench

    place = table_place(text)
    return LCBench(place.file, place.dataset, **_numbers(text.values, {"factor", "efficiency"}))


def _numbers(values: Mapping[str, str], known: set[str]) -> dict[str, float]:
    numbers = {}
    for name, text in values.items():
        if name not in known:
            raise UsageError(f"--simulate has {name!r}; choose among {', '.join(sorted(known))}.")
        try:
            numbers[name] = float(text)
        except ValueError:
            raise UsageError(f"--simulate has {name}={text}; give a number.") from None
    return numbers


SIMULATIONS: dict[str, Callable[[SimulationText], Simulation]] = {
    "lognormal": _lognormal,
    "fcnet": _fcnet,
    "lcbench": _lcbench,
    "recorded": _recorded,
}
"""By name: from the parts of its text to a simulation."""

TABLES = {
    "fcnet": "the table, as in fcnet:fcnet.parquet:protein_structure",
    "lcbench": "the surrogate's directory and a data set, as in "
    "lcbench:lcbench-surrogate:covertype",
    "recorded": "the table, as in recorded:table.parquet",
}
"""Simulations that read a file: what their text needs to name."""


def table_place(text: SimulationText) -> TablePlace:
    """Return the table that a simulation reads.

    Raises
    ------
    UsageError
        If not exactly one is named.
    """
    if len(text.words) != 1:
        several = " Write a comma within a path as \\,." if text.words else ""
        raise UsageError(f"--simulate {text.name} needs {TABLES[text.name]}.{several}")
    return TablePlace.parse(text.words[0], has_datasets=text.name != "recorded")


def parse_simulation(text: str) -> Simulation:
    """Return the simulation of ``NAME:word,key=value,...``.

    Raises
    ------
    UsageError
        If the name, a key or a value is not known.
    """
    parts = SimulationText.parse(text)
    if parts.name not in SIMULATIONS:
        raise UsageError(f"--simulate is {text}; choose among {', '.join(SIMULATIONS)}.")
    return SIMULATIONS[parts.name](parts)


def num_epochs_of(simulation: Simulation) -> int | None:
    """Return how many epochs the trainings of a simulation have; None: as many as asked for."""
    return getattr(simulation, "num_epochs", None)


def with_whole_path(text: str) -> str:
    """Return the text of a simulation with the whole path of its file, if it has one."""
    parse_simulation(text)
    parts = SimulationText.parse(text)
    if parts.name not in TABLES:
        return text
    return str(replace(parts, words=(str(table_place(parts).resolved()),)))
