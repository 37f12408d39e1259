"""The unit of work: an evaluation, trained from one epoch to another."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    checkpoint
        Epochs after which the checkpoint was written that the training goes on from; 0: it begins
        at its first epoch, whatever `start` is; None: it is not known yet. Equal assignments may
        differ in it.
    """

    evaluation: Evaluation
    start: int
    end: int
    full_length: int
    bracket: int = 0
    checkpoint: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= self.full_length:
            raise ValueError(
                f"no training goes from {self.start} to {self.end} of {self.full_length} epochs"
            )

    @property
    def id(self) -> int:
        """Id of the evaluation."""
        return self.evaluation.id

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole training."""
        return (self.start, self.end) == (0, self.full_length)

    @property
    def num_reported(self) -> int:
        """Epochs of which earlier pieces have told; what is trained again is not told again."""
        return max(self.start, self.checkpoint or 0)

    @property
    def share(self) -> float:
        """Share of a whole training's epochs that it has to be trained for, in (0, 1]."""
        first = self.start if self.checkpoint is None else self.checkpoint
        return (self.end - first) / self.full_length


def evaluation_of(work: Evaluation | Assignment) -> Evaluation:
    """Return the evaluation that is trained, as a whole or for a piece."""
    return work if isinstance(work, Evaluation) else work.evaluation
