"""Evaluations in this very process, one after the other; no MPI."""

from __future__ import annotations

import math
import os
import resource
import socket
import time
from collections.abc import Callable, Mapping

from agebo_hpc.execution.evaluate import evaluate
from agebo_hpc.execution.executor import Executor, settled
from agebo_hpc.processes.memory import own_memory
from agebo_hpc.processes.memory_limit import MemoryLimit
from agebo_hpc.space.assignment import Assignment, evaluation_of
from agebo_hpc.space.configuration import Evaluation, Result, Status
from agebo_hpc.storage.checkpoints import CheckpointFiles
from agebo_hpc.training.trainer import Outcome, Trainer


class SerialExecutor(Executor):
    """One slot: the calling process.

    Parameters
    ----------
    trainer
        Trains the evaluations.
    seed
        Seed of the search, >= 0.
    max_memory
        GiB of its own that this process may have; None: a share of the node's memory.
    files
        Where trainings leave what they go on from; None: they begin anew where they go on.
    """

    num_slots = 1
    max_processes = 1

    def __init__(
        self,
        trainer: Trainer,
        seed: int,
        max_memory: float | None = None,
        files: CheckpointFiles | None = None,
    ) -> None:
        self._trainer = trainer
        self._memory_limit = MemoryLimit(max_memory)
        self._seed = seed
        self._files = files
        self._waiting: list[tuple[Evaluation | Assignment, float]] = []
        self._cut: list[Result] = []
        self._training: int | None = None
        self._is_stopped = False

    def has_room(self) -> bool:
        """Tell whether nothing waits."""
        return not self._waiting

    def submit(self, evaluation: Evaluation) -> None:
        """Put an evaluation in line."""
        self._waiting.append((evaluation, time.time()))

    def submit_piece(self, assignment: Assignment) -> None:
        """Put a piece of a training in line."""
        self._waiting.append((assignment, time.time()))

    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Train the first in line; takes as long as that takes."""
        if self._cut:
            cut, self._cut = self._cut, []
            return cut
        if stop():
            self._waiting.clear()
        if not self._waiting:
            return []
        work, submitted = self._waiting.pop(0)
        evaluation = evaluation_of(work)
        started = time.time()
        num_reported = work.num_reported if isinstance(work, Assignment) else 0

        def rule(record: Mapping[str, float] | None = None) -> bool:
            if record is not None and record.get("epoch", math.inf) > num_reported:
                self.on_report(evaluation.id, record)
            return self._is_stopped or stop()

        self._training, self._is_stopped = evaluation.id, False
        outcome = evaluate(self._trainer, work, self._seed, None, rule, self._files)
        result = make_result(evaluation, outcome, (submitted, started), (0,))
        result = settled(result, self._is_stopped)
        self._training = None
        clean_after(self._trainer)
        self._memory_limit.observe(0, f"Process {os.getpid()}", own_memory())
        return [result]

    def stop(self, evaluation_id: int) -> None:
        """Order the evaluation that trains to end, from `on_report`; one in line is cut now."""
        self._is_stopped |= evaluation_id == self._training
        for waiting in [w for w in self._waiting if evaluation_of(w[0]).id == evaluation_id]:
            self._waiting.remove(waiting)
            evaluation, now = evaluation_of(waiting[0]), time.time()
            self._cut.append(
                Result(evaluation, Status.CUT, submitted=waiting[1], started=now, ended=now)
            )

    @property
    def drain_reason(self) -> str:
        """That this process has more memory than allowed; empty where it has not."""
        return self._memory_limit.reason

    @property
    def num_running(self) -> int:
        """Number of evaluations in line, or cut there and not collected yet."""
        return len(self._waiting) + len(self._cut)

    def close(self) -> None:
        """Do nothing."""


def clean_after(trainer: Trainer) -> None:
    """Call a trainer's `clean`, if it has that method."""
    clean = getattr(trainer, "clean", None)
    if clean is not None:
        clean()


def make_result(
    evaluation: Evaluation,
    outcome: Outcome,
    times: tuple[float, float],
    ranks: tuple[int, ...],
) -> Result:
    """Add where and when to an outcome; called in the process that led the training.

    Parameters
    ----------
    evaluation
        What was trained.
    outcome
        How it ended.
    times
        Times at which it was submitted and started, seconds since 1970.
    ranks
        World ranks, leader first.
    """
    submitted, started = times
    return Result(
        evaluation=evaluation,
        status=outcome.status,
        objective=outcome.objective,
        curve=outcome.curve,
        times={"queue": max(0.0, started - submitted), **outcome.times},
        submitted=submitted,
        started=started,
        ended=time.time(),
        ranks=ranks,
        host=socket.gethostname(),
        num_parameters=outcome.num_parameters,
        peak_memory=outcome.peak_memory
        or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        traceback=outcome.traceback,
        predicts_one=outcome.predicts_one,
    )
