"""Runs one evaluation so that whatever happens in it becomes an outcome.

An evaluation that fails on one rank fails on all of its ranks, and none is left waiting: before
the training the members agree that all have prepared, and a member that fails in the training
leaves its group, at which the others' collectives return with an error. A member that
dies ends the evaluation for those that are left: `AbandonedError`.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from agebo_hpc.errors import MemberLeftError, NonFiniteLossError
from agebo_hpc.execution.mpi.ulfm import AbandonedError, dead_ranks, is_death, job_survives
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import PREDICTS_ONE, Evaluation, Status, judge_objective
from agebo_hpc.storage.checkpoints import CheckpointFiles
from agebo_hpc.storage.seal import to_json
from agebo_hpc.training.pieces import prepare_work
from agebo_hpc.training.trainer import Outcome, StopRule, Trainer


class TrainingError(Exception):
    """A training in another process failed.

    Attributes
    ----------
    status
        Status of the evaluation.
    text
        The traceback there, or the reason in words.
    is_echo
        Whether it failed because another member did.
    """

    def __init__(self, status: Status, text: str, is_echo: bool = False) -> None:
        super().__init__(text)
        self.status, self.text, self.is_echo = status, text, is_echo


@dataclass(frozen=True)
class Failure:
    """What went wrong on one rank."""

    status: Status
    traceback: str
    is_echo: bool
    """True for the error that a member gets because another one failed."""


def evaluate(
    trainer: Trainer,
    work: Evaluation | Assignment,
    seed: int,
    comm: Any | None,
    stop: StopRule,
    files: CheckpointFiles | None = None,
) -> Outcome:
    """Train an evaluation, or a piece of it, and return how it ended.

    Collective over `comm` (mpi4py communicator of the members, or None for one process). The
    first member reads and writes checkpoints: what is returned can be gone on from, whatever
    happens to this process.

    Raises
    ------
    AbandonedError
        If a member died. Others may still wait in `comm`, until it is revoked.
    """
    state = _read_state(work, comm, files)
    prepared = _attempt(lambda: prepare_work(trainer, work, seed, state), comm)
    failures = _failures(_gather(prepared if isinstance(prepared, Failure) else None, comm))
    if failures:
        return _failed(failures)
    own = _attempt(lambda: _sound(prepared.run(comm, stop)), comm)
    left = None
    if isinstance(own, Outcome) and own.state is not None:
        # It is large, and no other member needs it.
        left, own = own.state, replace(own, state=None)
    everyone = _gather(own, comm)
    failures = _failures(everyone)
    outcome = _failed(failures) if failures else _agree(everyone)
    if left is not None and files is not None and _is_first(comm):
        _write_state(work, outcome, left, files)
    return outcome


def _is_first(comm: Any | None) -> bool:
    return comm is None or comm.Get_rank() == 0


def _read_state(
    work: Evaluation | Assignment, comm: Any | None, files: CheckpointFiles | None
) -> bytes | None:
    """Return on all members the checkpoint that a piece goes on from; None if there is none."""
    if not isinstance(work, Assignment) or not work.checkpoint or files is None:
        return None
    first = _is_first(comm)
    state = files.read(work.id, work.checkpoint) if first else None
    if comm is None:
        return state
    with _meeting():
        shared: bytes | None = comm.bcast(state)
    return shared


def _write_state(
    work: Evaluation | Assignment, outcome: Outcome, state: bytes, files: CheckpointFiles
) -> None:
    if outcome.status not in (Status.PAUSED, Status.CUT) or not outcome.curve:
        return
    files.write(work.id, len(outcome.curve), state)


def _sound(outcome: Any) -> Outcome:
    """Return what a training gave if it can be recorded; trainers may be a user's own."""
    if not isinstance(outcome, Outcome):
        name = type(outcome).__name__
        raise TypeError(f"The training returned a {name}; it must return an Outcome.")
    if outcome.predicts_one not in (None, *PREDICTS_ONE):
        raise TypeError(
            f"The outcome's predicts_one is {outcome.predicts_one!r:.80}; it must be None or one "
            f"of {', '.join(map(repr, PREDICTS_ONE))}."
        )
    state: Any = outcome.state
    if not isinstance(state, (bytes, type(None))):
        name = type(state).__name__
        raise TypeError(f"The outcome's state is a {name}; it must be bytes or None.")
    to_json([*outcome.curve, outcome.times])
    return outcome


def _attempt(action: Callable[[], Any], comm: Any | None) -> Any:
    try:
        return action()
    except Exception as error:
        if comm is not None and job_survives() and (is_death(error) or dead_ranks(comm)):
            raise AbandonedError from error
        rank = 0 if comm is None else comm.Get_rank()
        where = f"Member {rank} of the evaluation, on host {socket.gethostname()}:\n"
        text = error.text if isinstance(error, TrainingError) else traceback.format_exc()
        return Failure(status_of(error), where + text, is_echo(error))


def status_of(error: Exception) -> Status:
    """Return the status of an evaluation in which an error was raised."""
    if isinstance(error, TrainingError):
        return error.status
    if isinstance(error, NonFiniteLossError):
        return Status.NON_FINITE
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return Status.OUT_OF_MEMORY
    return Status.FAILED


def is_echo(error: Exception) -> bool:
    """Tell whether a member has this error only because another member failed."""
    if isinstance(error, TrainingError):
        return error.is_echo
    # Where the error comes out of a compiled step, only its text says what it was.
    text = f"{type(error).__name__} {error}"
    by_mpi = MemberLeftError.__name__ in text
    return by_mpi or "Horovod" in text and ("shut down" in text or "Internal" in text)


def _gather(value: Any, comm: Any | None) -> list[Any]:
    if comm is None:
        return [value]
    with _meeting():
        values: list[Any] = comm.allgather(value)
    return values


@contextmanager
def _meeting() -> Iterator[None]:
    """Let a collective call that met a dead member end the evaluation."""
    try:
        yield
    except Exception as error:
        if not is_death(error):
            raise
        raise AbandonedError from error


def _failures(values: list[Any]) -> list[Failure]:
    """Return the failures, the causes before their echoes."""
    failures = [value for value in values if isinstance(value, Failure)]
    return sorted(failures, key=lambda failure: failure.is_echo)


def _failed(failures: list[Failure]) -> Outcome:
    return Outcome(failures[0].status, traceback=failures[0].traceback)


def _agree(outcomes: list[Outcome]) -> Outcome:
    checksums = [outcome.checksum for outcome in outcomes]
    if len(set(checksums)) > 1:
        text = f"The trained parameters differ between the ranks: checksums {checksums}."
        return Outcome(Status.FAILED, traceback=text)
    first = outcomes[0]
    if first.status is Status.CUT and any(o.status is Status.TIMED_OUT for o in outcomes):
        # The time was over for another member, which stopped this one.
        first = replace(first, status=Status.TIMED_OUT, objective=None)
    if first.status.has_value:
        status, _, reason = judge_objective(first.objective)
        if reason:
            return replace(first, status=status, objective=None, traceback=reason)
    return first
