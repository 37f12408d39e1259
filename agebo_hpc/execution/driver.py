"""Algorithm 1 of the paper: the loop that joins search, executor and history.

It is the same loop for every search method and every executor. A result is on disk before the
search hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.limits import Limits
from agebo_hpc.search.search import Search
from agebo_hpc.space.configuration import Evaluation, Result, Status

TICK_SECONDS = 1.0
"""How long the loop waits at most before it looks after progress and limits."""


class Recorder(Protocol):
    """Where evaluations are written: durable when a method returns."""

    def submitted(self, evaluation: Evaluation) -> None:
        """Record that an evaluation was proposed."""
        ...

    def append(self, result: Result) -> None:
        """Record a finished evaluation."""
        ...


@dataclass
class Driver:
    """Runs a search to one of its limits.

    Attributes
    ----------
    search
        Proposes and learns.
    executor
        Runs evaluations.
    recorder
        The history.
    limits
        Decide when to stop.
    num_told
        Evaluations told in earlier lives.
    on_change
        Called often, with what was just finished.
    """

    search: Search
    executor: Executor
    recorder: Recorder
    limits: Limits
    num_told: int = 0
    on_change: Callable[[Sequence[Result]], None] = lambda results: None

    def run(self) -> bool:
        """Run until complete or told to stop.

        Returns
        -------
        bool
            True if the number of evaluations that was asked for is reached.

        Raises
        ------
        TooManyFailuresError
            If evaluation after evaluation fails.
        """
        waiting = sorted(self.search.pending.values(), key=lambda evaluation: evaluation.id)
        while True:
            self._submit(waiting)
            if not self.executor.num_running:
                break
            results = self.executor.collect(self._must_stop, TICK_SECONDS)
            for result in results:
                self.recorder.append(result)
                self.search.tell([result])
                self.num_told += result.status is not Status.CUT
            self.on_change(results)
            for result in results:
                self.limits.observe(result)
        return self.limits.max_evals is not None and self.num_told >= self.limits.max_evals

    def _submit(self, waiting: list[Evaluation]) -> None:
        """Fill the free slots, first with evaluations of an earlier life, then with new ones."""
        while self.executor.has_room():
            if waiting:
                evaluation = waiting[0]
            elif self.limits.may_ask(self.num_told, self.executor.num_running):
                [evaluation] = self.search.ask(1)
                self.recorder.submitted(evaluation)
                waiting.append(evaluation)
            else:
                return
            if not self.limits.may_start(evaluation):
                return
            self.executor.submit(waiting.pop(0))

    def _must_stop(self) -> bool:
        self.on_change(())
        return self.limits.must_stop()
