"""Options of how far evaluations are trained, each as one record."""

from __future__ import annotations

from dataclasses import dataclass

from agebo_hpc.run.option import OnResume, OptionGroup, option
from agebo_hpc.scheduling.bracket_choice import BRACKETS, ETA, MAX_RUNGS
from agebo_hpc.scheduling.schedulers import SCHEDULERS

GROUP, NEVER = OptionGroup.SCHEDULING, OnResume.NEVER

CHECKPOINT_SPACE = 10.0
"""GiB that checkpoints of trainings may take unless it is said otherwise."""

BY_RUNG = ("sha", "hyperband", "asha", "asha-stopping")
TAKEN_BY = {
    "eta": BY_RUNG,
    "max_rungs": BY_RUNG,
    "min_epochs": (*BY_RUNG, "median"),
    "brackets": ("asha", "asha-stopping"),
    "bracket_size": ("sha",),
    "n_max": ("hyperband",),
    "n_min": ("hyperband",),
}
"""The schedulers that an option means something to."""


@dataclass(frozen=True)
class SchedulerOptions:
    """How far an evaluation is trained before it is compared with others."""

    scheduler: str = option(
        "fifo",
        "How far evaluations are trained. fifo: all in full. asha: all for a little, the best one "
        "in eta of them for eta times as long, and so on, without waiting for others; "
        "asha-stopping: the same by stopping the others; sha, hyperband: a rung is decided when "
        "all of it has come back; median: what is worse than half of the others is stopped.",
        GROUP,
        NEVER,
        choices=SCHEDULERS,
    )
    eta: int = option(
        ETA,
        "Of the evaluations at a rung one in so many goes on, for so many times the epochs.",
        GROUP,
        NEVER,
        least=2,
    )
    max_rungs: int = option(
        MAX_RUNGS,
        "Most rungs; there are no more than lead from --min-epochs to --epochs, and than let one "
        "of --max-evals reach the top.",
        GROUP,
        NEVER,
        least=1,
        unit="rungs",
    )
    min_epochs: int = option(
        1, "Fewest epochs of the lowest rung.", GROUP, NEVER, least=1, unit="epochs"
    )
    brackets: str = option(
        "standard",
        "Of asha and asha-stopping. one: all evaluations begin at the lowest rung; all: some at "
        "each, so that all spend the same; standard: at the lower half of the rungs.",
        GROUP,
        NEVER,
        choices=BRACKETS,
    )
    bracket_size: int | None = option(
        None,
        "Evaluations of a bracket of sha.",
        GROUP,
        NEVER,
        least=1,
        unit="evaluations",
        unset="so many that one of them reaches the top",
    )
    n_max: int | None = option(
        None,
        "Of hyperband: no brackets of many more evaluations than these, where each one is dear.",
        GROUP,
        NEVER,
        least=1,
        unit="evaluations",
        unset="no bound",
    )
    n_min: int | None = option(
        None,
        "Of hyperband: no brackets of fewer evaluations than about these.",
        GROUP,
        NEVER,
        least=1,
        unit="evaluations",
        unset="no bound",
    )
    checkpoint_space: float = option(
        CHECKPOINT_SPACE,
        "Disk that checkpoints of trainings may take, from which they go on that were paused, or "
        "cut when a session ended. When it is used up, what was trained least and did worst "
        "begins anew where it goes on; 0: all do.",
        GROUP,
        OnResume.START,
        least=0,
        metavar="GiB",
    )
