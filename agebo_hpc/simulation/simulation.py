"""What stands for a training where nothing is trained: how long it takes and what comes out.

A simulation is named on the command line, ``NAME:key=value,...``, and is used in two places: the
simulated executor lets a virtual clock run, the sleeping trainer keeps real ranks busy for as
long. See `agebo_hpc.simulation.registry` for how to add one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agebo_hpc.space.configuration import Evaluation

if TYPE_CHECKING:
    # It brings scikit-learn, which a thousand sleeping ranks need not load.
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class Simulated:
    """How one training goes.

    Attributes
    ----------
    seconds
        Seconds from its start to its end on ``num_processes`` slots, > 0.
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
            Seed of the search, >= 0.
        """
        ...

    def problem(self, problem: Problem) -> Problem:
        """Return a problem's spaces, or spaces of its own, with trainings that sleep."""
        ...
