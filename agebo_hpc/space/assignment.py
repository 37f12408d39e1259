"""The unit of work: an evaluation, trained from one epoch to another."""

from __future__ import annotations

from dataclasses import dataclass

from agebo_hpc.space.configuration import Evaluation


@dataclass(frozen=True)
class Assignment:
    """Train an evaluation from one epoch to another. A whole training is (0, R, R).

    Attributes
    ----------
    evaluation
        What is trained.
    start, end
        Epochs after which it begins and ends, 0 <= start < end.
    full_length
        Epochs of a whole training, R >= end: schedules of the learning rate are functions of it.
    bracket
        Which bracket of its scheduler the evaluation belongs to, >= 0.
    """

    evaluation: Evaluation
    start: int
    end: int
    full_length: int
    bracket: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= self.full_length:
            raise ValueError(
                f"no training goes from {self.start} to {self.end} of {self.full_length} epochs"
            )

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole training."""
        return (self.start, self.end) == (0, self.full_length)

    @property
    def share(self) -> float:
        """Share of a whole training's epochs, in (0, 1]."""
        return (self.end - self.start) / self.full_length
