"""What a process that only trains is told: whose trainings, for how long, from which seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pkgutil import resolve_name
from typing import Any

from agebo_hpc.training.trainer import Slot, Trainer


@dataclass(frozen=True)
class TrainerSpec:
    """Says how to make the trainer of a search, as plain data that travel to other processes.

    Attributes
    ----------
    factory
        ``MODULE:FUNCTION``; the function gets `arguments`, the slot and `eval_timeout`, and
        returns the trainer. So a process loads the module that it needs and no other.
    arguments
        Plain data that say what is trained.
    seed
        Seed of the search.
    eval_timeout
        Seconds after which an evaluation ends at its epoch's end; 0: never.
    data_parallel
        How trainings on several processes sum their gradients, one of
        `agebo_hpc.training.ways.WAYS`.
    """

    factory: str
    arguments: Mapping[str, Any]
    seed: int
    eval_timeout: float = 0.0
    data_parallel: str = "mpi"

    def make_trainer(self, slot: Slot) -> Trainer:
        """Return the trainer of a slot of this process. Local.

        Raises
        ------
        AgeboError
            If the process cannot train: the data are damaged, or the device is missing.
        """
        trainer: Trainer = resolve_name(self.factory)(self.arguments, slot, self.eval_timeout)
        return trainer

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as plain data for JSON."""
        return asdict(self)
