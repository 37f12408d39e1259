"""What a metric is: one record, from which its value over shards follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.predictions import Classes, Floats, Numbers, Predictions

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
CLASSES = (BINARY, MULTICLASS)
EVERY = (*CLASSES, REGRESSION)

NEGATED = "neg_"
"""How the name of a score begins that is a loss with its sign turned, as in scikit-learn."""

MOST_SUMS = 2**20
"""Numbers of a sum over shards, at most: of more the predictions themselves are gathered."""


def kind_of(task: str, num_classes: int) -> str:
    """Return what a metric is fit for.

    Parameters
    ----------
    task
        ``"classification"`` or ``"regression"``.
    num_classes
        Number of classes, where there are any.
    """
    if task == "regression":
        return REGRESSION
    return BINARY if num_classes == 2 else MULTICLASS


@dataclass(frozen=True)
class Sums:
    """A metric that follows from sums over rows, so that the sums of shards may be added.

    Attributes
    ----------
    of_rows
        Predictions -> vector of sums; its length depends on the number of classes alone.
    value
        (vector, number of classes) -> score.
    """

    of_rows: Callable[[Any], Floats]
    value: Callable[[Floats, int], float]


Function = Callable[[Any], float | None]
"""Predictions of all rows -> score; None: the rows do not allow it."""


@dataclass(frozen=True)
class Metric:
    """One metric. Its score is the larger the better.

    Attributes
    ----------
    name
        scikit-learn's name of the score; it begins with `NEGATED` for a loss.
    kinds
        What it is fit for, of `EVERY`.
    how
        Its sums, or a function of all rows.
    meaning
        What it is, in a few words.
    aliases
        Other names; the name without `NEGATED` is one in any case.
    looks_at
        What it needs of a row: ``"decision"``, the predicted class alone; ``"probabilities"``; or
        ``"value"``, the predicted number.
    weighs
        Whether it takes rows that count differently.
    least
        The least target that it is defined for.
    """

    name: str
    kinds: tuple[str, ...]
    how: Sums | Function
    meaning: str
    aliases: tuple[str, ...] = ()
    looks_at: str = "decision"
    weighs: bool = True
    least: float = -np.inf

    def check_targets(self, least: float, target: str) -> None:
        """Refuse targets that the metric is not defined for.

        Parameters
        ----------
        least
            The smallest target, in the user's unit.
        target
            Name of the target.

        Raises
        ------
        ConfigurationError
            If it is too small.
        """
        if least >= self.least:
            return
        border = round(self.least)
        allowed = f"{border} and more" if border == self.least else f"more than {border}"
        raise ConfigurationError(
            f"metric is {self.shown_name}, but the target {target!r} goes down to {least:.4g}; "
            f"this metric is for numbers of {allowed}: choose another, such as mae or r2."
        )

    def score(self, predictions: Predictions) -> float | None:
        """Return the score of all rows; None: these do not allow it."""
        if isinstance(self.how, Sums):
            classes = predictions.num_classes if isinstance(predictions, Classes) else 0
            return self.how.value(self.how.of_rows(predictions), classes)
        return self.how(predictions)

    @property
    def is_loss(self) -> bool:
        """Whether a user knows it as something to make small."""
        return self.name.startswith(NEGATED)

    @property
    def shown_name(self) -> str:
        """The name of what `shown` returns; of a function of a file its own name."""
        if self.is_loss:
            return self.name.removeprefix(NEGATED)
        return self.name.rpartition(".py:")[2]

    def shown(self, score: float) -> float:
        """Return a score as a user knows it: a loss is positive."""
        return -score if self.is_loss else score

    def said(self, score: float) -> str:
        """Return name and value as a user knows them."""
        return f"{self.shown_name} {self.shown(score):.5g}"


@dataclass(frozen=True)
class Shards:
    """How a metric comes together from the shards of a table.

    Every shard has a vector, and their sum gives the score: of sums over rows, or with the
    predictions of each row in a place of its own and 0 in the vectors of the other shards.

    Parameters
    ----------
    metric
        The metric.
    num_outputs
        Outputs of a network: classes, or 1.
    decode
        From what a network is trained for to what users know: numbers in their unit, or labels.
    is_weighted
        Whether rows count differently.
    predicted
        From a network's outputs to numbers in the user's unit; None: `decode`.
    """

    metric: Metric
    num_outputs: int
    decode: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    is_weighted: bool = False
    predicted: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    def start(self, num_rows: int) -> Floats:
        """Return the vector of a shard of which no row is known, for a table of ``num_rows``."""
        if self._is_summed:
            return np.zeros(self._num_sums)
        return np.zeros(num_rows * self._columns)

    def add(
        self,
        vector: Floats,
        first: int,
        outputs: NDArray[Any],
        y: NDArray[Any],
        weights: NDArray[Any] | None = None,
    ) -> None:
        """Add rows to a shard's vector.

        Parameters
        ----------
        vector
            What `start` returned.
        first
            Number of the first of these rows in the table.
        outputs
            Of the network, shape (rows, outputs).
        y, weights
            Targets as a network is trained for them, and what each row counts, shape (rows,).
        """
        weights = weights if self.is_weighted else None
        if self._is_summed:
            how = self.metric.how
            assert isinstance(how, Sums)
            vector += how.of_rows(self._predictions(outputs, y, weights))
            return
        table = vector.reshape(-1, self._columns)
        columns = [self._seen(outputs), y[:, None]]
        if weights is not None:
            columns.append(weights[:, None])
        table[first : first + len(y)] = np.concatenate(columns, axis=1, dtype=np.float64)

    def score(self, vector: Floats) -> float | None:
        """Return the score of the sum of all shards' vectors; None: the rows do not allow it."""
        if self._is_summed:
            how = self.metric.how
            assert isinstance(how, Sums)
            return how.value(vector, self.num_outputs)
        table = vector.reshape(-1, self._columns)
        weights = table[:, -1] if self.is_weighted else None
        place = -2 if self.is_weighted else -1
        return self.metric.score(self._from_seen(table[:, :place], table[:, place], weights))

    @property
    def _num_sums(self) -> int:
        how = self.metric.how
        assert isinstance(how, Sums)
        nothing = np.zeros((0, self.num_outputs))
        weights = np.zeros(0) if self.is_weighted else None
        return len(how.of_rows(self._predictions(nothing, np.zeros(0, np.int32), weights)))

    @property
    def _is_summed(self) -> bool:
        wide = self.metric.looks_at == "decision" and self.num_outputs**2 > MOST_SUMS
        return isinstance(self.metric.how, Sums) and not wide

    @property
    def _is_decision(self) -> bool:
        return self.metric.looks_at == "decision"

    @property
    def _columns(self) -> int:
        wide = self.num_outputs if self.num_outputs > 2 and not self._is_decision else 1
        return wide + 1 + self.is_weighted

    def _seen(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return what the metric needs of each row, shape (rows, columns)."""
        if self.num_outputs == 1:
            return outputs
        if self._is_decision:
            chosen: NDArray[Any] = outputs.argmax(axis=1)
            return chosen[:, None]
        wide: Floats = outputs.astype(np.float64)
        return wide[:, 1:] - wide[:, :1] if self.num_outputs == 2 else wide

    def _from_seen(self, seen: Floats, y: Floats, weights: Floats | None) -> Predictions:
        if self.num_outputs == 1:
            return self._predictions(seen, y, weights)
        labels = y.astype(np.int32)
        if self._is_decision:
            none = np.empty((len(y), self.num_outputs))
            chosen = seen[:, 0].astype(np.int32)
            return Classes(none, labels, weights, chosen=chosen, decode=self.decode)
        if self.num_outputs == 2:
            seen = np.concatenate([np.zeros_like(seen), seen], axis=1)
        return replace(Classes.of_logits(seen, labels, weights), decode=self.decode)

    def _predictions(
        self, outputs: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None
    ) -> Predictions:
        wide = None if weights is None else np.asarray(weights, np.float64)
        if self.num_outputs > 1:
            return Classes.of_logits(outputs, y, wide)
        decode = self.decode or (lambda values: np.asarray(values, np.float64))
        centre = float(decode(np.zeros(1))[0])
        predicted = self.predicted or decode
        return Numbers(predicted(outputs[:, 0]), decode(y), wide, centre)
