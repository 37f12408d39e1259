"""The time limit of an evaluation, for trainers that know of stop orders only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agebo_hpc.space.configuration import Evaluation, Status
from agebo_hpc.training.pieces import prepare_work

if TYPE_CHECKING:
    from agebo_hpc.space.assignment import Assignment
    from agebo_hpc.training.trainer import Outcome, PreparedTraining, StopRule, Trainer


def limited(trainer: Trainer, seconds: float) -> Trainer:
    """Give a trainer that knows stop orders alone the time limit of an evaluation; 0: none."""
    return TimeLimited(trainer, seconds) if seconds else trainer


@dataclass(frozen=True)
class TimeLimited:
    """A trainer whose trainings end with the epoch in which their time is over.

    Attributes
    ----------
    trainer
        The trainer whose trainings are limited.
    seconds
        Seconds of a training, > 0.
    clock
        Returns the time in seconds; it never jumps back.
    """

    trainer: Trainer
    seconds: float
    clock: Callable[[], float] = time.monotonic

    def prepare(self, evaluation: Evaluation, seed: int) -> _Limited:
        """Get ready to train an evaluation. Local."""
        return _Limited(self.trainer.prepare(evaluation, seed), self.seconds, self.clock)

    def prepare_piece(self, assignment: Assignment, seed: int, state: bytes | None) -> _Limited:
        """Get ready to train a piece of an evaluation; each has the whole time. Local."""
        prepared = prepare_work(self.trainer, assignment, seed, state)
        return _Limited(prepared, self.seconds, self.clock)

    def clean(self) -> None:
        """Call the trainer's own `clean`, if it has that method."""
        clean = getattr(self.trainer, "clean", None)
        if clean is not None:
            clean()


@dataclass(frozen=True)
class _Limited:
    training: PreparedTraining
    seconds: float
    clock: Callable[[], float]

    def run(self, comm: Any | None, stop: StopRule) -> Outcome:
        """Train. Collective over `comm`; a member that is over time stops all of them."""
        rule = _TimedStopRule(stop, self.clock() + self.seconds, self.clock)
        outcome = self.training.run(comm, rule)
        if outcome.status is Status.CUT and rule.is_over_time:
            return replace(outcome, status=Status.TIMED_OUT, objective=None, state=None)
        return outcome


class _TimedStopRule:
    """A stop rule that is also true from a moment on; remembers why it was."""

    def __init__(self, stop: StopRule, deadline: float, clock: Callable[[], float]) -> None:
        self._stop = stop
        self._deadline = deadline
        self._clock = clock
        self.is_over_time = False

    def __call__(self, record: Mapping[str, float] | None = None) -> bool:
        is_ordered = self._stop(record)
        self.is_over_time |= not is_ordered and self._clock() > self._deadline
        return is_ordered or self.is_over_time
