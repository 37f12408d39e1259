"""Durations from a lognormal distribution, objectives from a formula."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from agebo_hpc.errors import UsageError
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.simulation_text import SimulationText
from agebo_hpc.simulation.sleeping import sleeping
from agebo_hpc.space.configuration import Configuration, Evaluation

if TYPE_CHECKING:
    # It brings scikit-learn, which a thousand sleeping ranks need not load.
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class Lognormal:
    """Durations from a lognormal distribution, objectives from a formula (`made_up_objective`).

    Attributes
    ----------
    mean
        Mean of the seconds of a training by one process, > 0.
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


def of_text(text: SimulationText) -> Lognormal:
    """Return the simulation of a text such as ``lognormal:mean=60,sigma=0.5``.

    Raises
    ------
    UsageError
        If a key or a value is not known.
    """
    if text.words:
        raise UsageError(
            f"--simulate lognormal has {text.words[0]!r}; write key=value, as in mean=60."
        )
    return Lognormal(**text.numbers({field.name for field in fields(Lognormal)}))
