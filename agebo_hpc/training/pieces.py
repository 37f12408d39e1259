"""Pieces of trainings, by trainers that can go on from a state and by those that cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Status
from agebo_hpc.training.trainer import Outcome, PreparedTraining, StopRule, Trainer


def prepare_work(
    trainer: Trainer, work: Evaluation | Assignment, seed: int, state: bytes | None = None
) -> PreparedTraining:
    """Have a trainer get ready for a whole training or for a piece of one. Local.

    Parameters
    ----------
    trainer
        A trainer, with ``prepare_piece`` or without.
    work
        An evaluation, which is trained as a whole, or a piece of one.
    seed
        Seed of the search, >= 0.
    state
        From where the piece goes on; None: from its first epoch.
    """
    if isinstance(work, Evaluation):
        return trainer.prepare(work, seed)
    own = getattr(trainer, "prepare_piece", None)
    if own is not None:
        prepared: PreparedTraining = own(work, seed, state)
        return prepared
    whole = trainer.prepare(work.evaluation, seed)
    return whole if work.end == work.full_length else _FromItsFirstEpoch(whole, work.end)


@dataclass(frozen=True)
class _FromItsFirstEpoch:
    """A training that knows no pieces: it is stopped where one ends."""

    training: PreparedTraining
    end: int

    def run(self, comm: Any | None, stop: StopRule) -> Outcome:
        """Train. Collective over `comm`; every member counts the same epochs."""
        rule = _StopAfter(self.end, stop)
        outcome = self.training.run(comm, rule)
        if not (isinstance(outcome, Outcome) and outcome.status is Status.CUT and rule.is_reached):
            return outcome
        value = outcome.objective
        if value is None and outcome.curve:
            value = outcome.curve[-1].get("validation_metric")
        return replace(outcome, status=Status.PAUSED, objective=value, state=None)


class _StopAfter:
    """A stop rule that is also true from the end of an epoch on."""

    def __init__(self, epoch: int, stop: StopRule) -> None:
        self._epoch = epoch
        self._stop = stop
        self._num_asked = 0
        self.is_reached = False

    def __call__(self, record: Mapping[str, float] | None = None) -> bool:
        is_ordered = self._stop(record)
        # A training may ask more often than once an epoch; the records say which one it is.
        self._num_asked = int((record or {}).get("epoch", self._num_asked + 1))
        self.is_reached |= self._num_asked >= self._epoch
        return is_ordered or self.is_reached
