"""All schedulers by their names, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, repeat

from agebo_hpc.scheduling.asha import Asha
from agebo_hpc.scheduling.asha_stopping import AshaStopping
from agebo_hpc.scheduling.bracket_choice import (
    ETA,
    MAX_RUNGS,
    bracket_weights,
    num_rungs_for,
    rungs_of_brackets,
)
from agebo_hpc.scheduling.brackets import (
    Bracket,
    halving,
    hyperband,
    hyperband_without_end,
    rung_levels,
)
from agebo_hpc.scheduling.fifo import Fifo
from agebo_hpc.scheduling.ladder import Ladder
from agebo_hpc.scheduling.median_stopping import MedianStopping
from agebo_hpc.scheduling.rung_scheduler import RungScheduler
from agebo_hpc.scheduling.scheduler import Scheduler
from agebo_hpc.scheduling.successive_halving import SuccessiveHalving
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result


@dataclass(frozen=True)
class SchedulerSettings:
    """What schedulers are told; each takes what it knows.

    Attributes
    ----------
    name
        One of `SCHEDULERS`.
    max_resource, min_resource
        Epochs of a whole training and, at least, of the lowest rung, >= 1.
    eta
        Reduction factor, >= 2.
    max_rungs
        Most rungs, >= 1.
    brackets
        Which brackets an asynchronous search has, one of `bracket_choice.BRACKETS`.
    num_configurations
        Configurations of the search in all, >= 1; None: not known. There are no more rungs than
        let one of them reach the top.
    bracket_size
        Configurations of a bracket of sha; None: so many that one reaches the top.
    n_max, n_min
        Bounds of the configurations of a bracket of hyperband; None: no bound.
    is_endless
        Whether trainings have no largest length: asha and hyperband only.
    """

    name: str = "fifo"
    max_resource: int = 1
    min_resource: int = 1
    eta: int = ETA
    max_rungs: int = MAX_RUNGS
    brackets: str = "standard"
    num_configurations: int | None = None
    bracket_size: int | None = None
    n_max: int | None = None
    n_min: int | None = None
    is_endless: bool = False

    def check(self) -> None:
        """Raise ValueError if nobody would reach the top, or no bracket is within the bounds."""
        if self.name in BY_RUNGS:
            BY_RUNGS[self.name](self)

    @property
    def remarks(self) -> list[str]:
        """What the log says of it, a line each."""
        if self.name not in BY_RUNGS:
            return []
        if self.max_resource == 1 or (self.name != "median" and len(self.levels) == 1):
            return [f"scheduler {self.name} has one rung, so that all are trained in full"]
        if self.name == "median":
            return ["scheduler median"]
        rungs = ", ".join(map(str, self.levels))
        return [f"scheduler {self.name}: eta {self.eta}, rungs after {rungs} epochs"]

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of the rungs, the last of which is a whole training."""
        num_rungs = num_rungs_for(
            self.max_resource,
            self.eta,
            self.max_rungs,
            self.num_configurations,
            self.min_resource,
        )
        return rung_levels(self.max_resource, self.eta, num_rungs)


def _sha(settings: SchedulerSettings) -> RungScheduler:
    levels = settings.levels
    size = settings.bracket_size or settings.eta ** (len(levels) - 1)
    plans = repeat(halving(size, levels, settings.eta))
    return SuccessiveHalving(plans, settings.eta, settings.max_resource)


def _hyperband(settings: SchedulerSettings) -> RungScheduler:
    if settings.is_endless:
        return SuccessiveHalving(hyperband_without_end(), 2)
    plans: Iterator[Bracket] = cycle(
        hyperband(settings.levels, settings.eta, settings.n_max, settings.n_min)
    )
    return SuccessiveHalving(plans, settings.eta, settings.max_resource)


def _asha(settings: SchedulerSettings) -> RungScheduler:
    if settings.is_endless:
        return Asha(Ladder((settings.min_resource,), settings.eta, is_endless=True))
    return _over_brackets(Asha, settings)


def _asha_stopping(settings: SchedulerSettings) -> RungScheduler:
    return _over_brackets(AshaStopping, settings)


def _over_brackets(kind: type[Asha], settings: SchedulerSettings) -> RungScheduler:
    levels = settings.levels
    rungs = rungs_of_brackets(settings.brackets, len(levels))
    return kind(Ladder(levels, settings.eta), bracket_weights(rungs, settings.eta))


def _median(settings: SchedulerSettings) -> RungScheduler:
    # About twenty levels, none below the least resource.
    step = max(settings.min_resource, -(-settings.max_resource // 20))
    levels = (*range(step, settings.max_resource, step), settings.max_resource)
    return MedianStopping(levels)


BY_RUNGS: dict[str, Callable[[SchedulerSettings], RungScheduler]] = {
    "sha": _sha,
    "hyperband": _hyperband,
    "asha": _asha,
    "asha-stopping": _asha_stopping,
    "median": _median,
}
"""Schedulers that train piece by piece, by their names."""

SCHEDULERS = ("fifo", *BY_RUNGS)


def make_scheduler(
    settings: SchedulerSettings,
    past: Iterable[Assignment | Result] = (),
    waiting: Iterable[Evaluation] = (),
) -> Scheduler:
    """Return a scheduler that goes on from where earlier sessions have come to.

    Parameters
    ----------
    settings
        Which one, and what it is told; the same in all sessions of a search.
    past
        Every assignment that was given out and every result, in their order.
    waiting
        Evaluations that have not ended, in order.

    Raises
    ------
    ValueError
        If nobody would reach the top, or no bracket is within the bounds.
    """
    if settings.name == "fifo":
        return Fifo(waiting, settings.max_resource)
    scheduler = BY_RUNGS[settings.name](settings)
    scheduler.restore(past, waiting)
    return scheduler
