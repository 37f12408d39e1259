"""What the driver needs of an executor."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status

Report = Callable[[int, Mapping[str, float]], None]
"""Called with an evaluation's id and the record of the epoch that it has just finished."""


def ignore_report(evaluation_id: int, record: Mapping[str, float]) -> None:
    """Do nothing with the report of an epoch."""


def settled(result: Result, is_ordered: bool) -> Result:
    """Return a result as an executor gives it away.

    Parameters
    ----------
    result
        As it came back from those who trained.
    is_ordered
        Whether this evaluation alone was ordered to end. If it was cut then it is stopped, with
        the value that it has come to: the objective that its trainer gives, or else the
        validation metric of its last epoch.
    """
    if result.status is not Status.CUT:
        return result
    value = result.objective
    if value is None and result.curve:
        value = result.curve[-1].get("validation_metric")
    if is_ordered and value is not None:
        return replace(result, status=Status.STOPPED, objective=value)
    return replace(result, objective=None)


class Executor(ABC):
    """Runs evaluations on slots.

    Attributes
    ----------
    num_slots
        Trainer processes in all.
    max_processes
        The largest n that an evaluation can have here, now: ranks that die make it smaller.
    on_report
        Called from `collect` for each epoch that an evaluation finished, once and in order,
        before its result is returned. To be set before what it should hear of is submitted.
    runs_elsewhere
        Whether trainings run in other processes, so that this one has time to propose ahead.
    remarks
        What the log says of the slots at the start, a line each.
    data_parallel
        How trainings on several processes sum their gradients; empty where none come.
    is_simulated
        Whether nothing is trained and time is made up.
    num_cores
        Cores of all slots together; 0: not known.
    """

    num_slots: int
    max_processes: int
    on_report: Report = staticmethod(ignore_report)
    runs_elsewhere = False
    is_simulated = False
    remarks: Sequence[str] = ()
    data_parallel = ""
    num_cores = 0

    def now(self) -> float:
        """Return the time on this executor's clock, seconds since 1970."""
        return time.time()

    def clock(self) -> float:
        """Return seconds that never jump back, from any moment on."""
        return time.monotonic()

    def num_at_once(self, num_processes: int) -> int:
        """Return how many evaluations of so many processes can run at once."""
        return self.num_slots // num_processes

    @abstractmethod
    def has_room(self) -> bool:
        """Tell whether a new evaluation would start, or reserve the slots that are free."""

    @abstractmethod
    def submit(self, evaluation: Evaluation) -> None:
        """Start an evaluation, or let it wait for its slots."""

    @abstractmethod
    def submit_piece(self, assignment: Assignment) -> None:
        """Start a piece of a training, or the rest of one that was cut.

        It goes on from its checkpoint, or begins at its first epoch where it has none. It comes
        back as paused, with the value that it has at the end of the piece; the last one as done.
        """

    @abstractmethod
    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Return finished evaluations in their order of completion.

        Waits for the first one, ``seconds`` at most where it can. While ``stop()`` is true,
        running evaluations are told to end at the end of their epoch; they come back as cut.
        Those whose ranks died come back as lost.
        """

    @abstractmethod
    def stop(self, evaluation_id: int) -> None:
        """Order one evaluation to end at the end of its epoch; it comes back as stopped.

        One that has not begun comes back as cut, for it has no value. Nothing happens where it
        is not running any more.
        """

    @property
    @abstractmethod
    def num_running(self) -> int:
        """Number of evaluations submitted and not yet collected."""

    @property
    def is_recovering(self) -> bool:
        """Whether slots will come back although nothing runs: ranks died and groups are mended."""
        return False

    @property
    def is_ending(self) -> bool:
        """Whether no slot will be filled any more, because a rank died that is needed."""
        return False

    @property
    def drain_reason(self) -> str:
        """Why nothing more is started before the next resume; empty where there is no reason."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """End the trainer processes; the executor is not used afterwards."""
