"""The metric of a search, in words and in the scores of a model, where a loss is positive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.own import is_own
from agebo_hpc.metrics.record import Metric
from agebo_hpc.metrics.table import find

WORDS = {"roc_auc": "ROC AUC", "r2": "R\u00b2", "mse": "MSE", "mae": "MAE"}


@dataclass(frozen=True)
class SearchMetric:
    """What the objective of a search is; its scores are the larger the better.

    Parameters
    ----------
    name
        Its name in the configuration of a run.
    """

    name: str

    @cached_property
    def record(self) -> Metric | None:
        """The metric; None for one of the user's own, whose code no report runs, or unknown."""
        if is_own(self.name):
            return None
        try:
            return find(self.name)
        except ConfigurationError:
            return None

    @property
    def is_loss(self) -> bool:
        """Whether a user knows it as something to make small."""
        return self.record is not None and self.record.is_loss

    @property
    def words(self) -> str:
        """Its name for people."""
        name = self._own_name if self.record is None else self.record.shown_name
        return WORDS.get(name, name.replace("_", " "))

    @property
    def axis(self) -> str:
        """What its scores are, the larger the better, for axes and headings."""
        return f"minus {self.words}" if self.is_loss else self.words

    def say(self, score: float) -> str:
        """Return a score as a user knows it."""
        return f"{score if self.record is None else self.record.shown(score):.5g}"

    def of(self, scores: Mapping[str, Any]) -> float | None:
        """Return the score among those of a model; None: it is not among them."""
        value = next((scores[n] for n in self._names if scores.get(n) is not None), None)
        return None if value is None else self._sign * float(value)

    def interval_of(self, intervals: Mapping[str, Any]) -> tuple[float, float] | None:
        """Return the ends of the score's interval, the lower first; None: it is not known."""
        ends = next((intervals[n] for n in self._names if intervals.get(n)), None)
        if ends is None:
            return None
        low, high = sorted(self._sign * float(end) for end in ends)
        return low, high

    @property
    def _own_name(self) -> str:
        return self.name.rpartition(":")[2] if is_own(self.name) else self.name

    @property
    def _sign(self) -> float:
        return -1.0 if self.is_loss else 1.0

    @property
    def _names(self) -> tuple[str, ...]:
        if self.record is None:
            return (self.name, self._own_name)
        return (self.record.shown_name, *self.record.aliases)
