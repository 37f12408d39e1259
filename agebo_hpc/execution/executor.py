"""What the driver needs of an executor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from agebo_hpc.space.configuration import Evaluation, Result


class Executor(ABC):
    """Runs evaluations on slots.

    Attributes
    ----------
    num_slots
        Trainer processes in all.
    max_processes
        The largest n that an evaluation can have here.
    """

    num_slots: int
    max_processes: int

    @abstractmethod
    def has_room(self) -> bool:
        """Tell whether a new evaluation would start, or reserve the slots that are free."""

    @abstractmethod
    def submit(self, evaluation: Evaluation) -> None:
        """Start an evaluation, or let it wait for its slots."""

    @abstractmethod
    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Return finished evaluations in their order of completion.

        Waits for the first one, ``seconds`` at most where it can. While ``stop()`` is true,
        running evaluations are told to end at the end of their epoch; they come back as cut.
        """

    @property
    @abstractmethod
    def num_running(self) -> int:
        """Number of evaluations submitted and not yet collected."""

    @abstractmethod
    def close(self) -> None:
        """Let the trainer processes go."""
