"""The levels of the rungs of an asynchronous search, with an end or without."""

from __future__ import annotations

from dataclasses import dataclass

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation


@dataclass(frozen=True)
class Ladder:
    """The levels at which trainings are compared.

    Attributes
    ----------
    levels
        The levels, increasing, each >= 1: all, the last of which is a whole training, or the
        first ones.
    eta
        The factor from one to the next beyond the last, >= 2.
    is_endless
        Whether there is no last level. A training's full length is then the level after the one
        that it is trained to, so that only a constant learning rate makes one curve of its pieces.
    """

    levels: tuple[int, ...]
    eta: int
    is_endless: bool = False

    def level(self, rung: int) -> int:
        """Return the level of a rung, counted from 0."""
        if rung < len(self.levels) or not self.is_endless:
            return self.levels[rung]
        beyond: int = self.eta ** (rung - len(self.levels) + 1)
        return self.levels[-1] * beyond

    def rung_of(self, level: int) -> int:
        """Return the rung of a level.

        Raises
        ------
        LookupError
            If it is none.
        """
        rung = 0
        while self.level(rung) < level:
            rung += 1
        if self.level(rung) != level:
            raise LookupError(f"no rung is after {level} epochs")
        return rung

    def is_top(self, rung: int) -> bool:
        """Tell whether nothing comes after a rung."""
        return not self.is_endless and rung == len(self.levels) - 1

    def assignment(self, evaluation: Evaluation, rung: int, bracket: int) -> Assignment:
        """Return the training of an evaluation of a bracket up to a rung.

        The lowest rung of bracket s is s.
        """
        start = 0 if rung == bracket else self.level(rung - 1)
        full_length = self.level(rung + 1) if self.is_endless else self.levels[-1]
        return Assignment(evaluation, start, self.level(rung), full_length, bracket)
