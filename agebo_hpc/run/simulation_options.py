"""Options of made-up trainings and of the simulated executor, each as one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agebo_hpc.run.option import OnResume, OptionGroup, option


def _of_simulated(default: Any, text: str, **more: Any) -> Any:
    """Return an option of the simulated executor."""
    return option(
        default, text, OptionGroup.SIMULATION, OnResume.NEVER, for_simulation=True, **more
    )


@dataclass(frozen=True)
class SimulationOptions:
    """What stands for trainings, and the machine on which nothing is trained."""

    simulate: str | None = option(
        None,
        "Train nothing: made-up trainings, such as lognormal:mean=60,sigma=0.5, or tabulated "
        "ones: fcnet:FILE:DATASET, lcbench:DIR:DATASET or recorded:FILE. With --executor "
        "simulated a virtual clock runs; with real ranks they sleep.",
        OptionGroup.SIMULATION,
        OnResume.NEVER,
        metavar="NAME:KEY=VALUE,...",
        unset="trainings are real",
    )
    groups: int | None = _of_simulated(
        None, "Worker groups.", least=1, unit="groups", unset="must be given"
    )
    slots_per_group: int = _of_simulated(
        1, "Trainer ranks in each; the largest n is limited by it.", least=1, unit="ranks"
    )
    message_latency: float = _of_simulated(
        0.0005, "Time of a message, one way.", least=0, unit="s"
    )
    manager_charge: float = _of_simulated(
        1.0,
        "Virtual seconds for each second in which the manager works; 0 makes a simulation "
        "repeatable.",
        least=0,
    )
    rank_lifetime: float = _of_simulated(
        0.0,
        "Mean time after which a rank dies, such as 100h, exponentially distributed and drawn "
        "from the seed. What ran there comes back as lost and is run again; the rank is not "
        "replaced.",
        least=0,
        unit="s",
        zero="never",
    )
