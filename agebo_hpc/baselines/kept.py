"""What the simple models predict for the rows that judge a network, kept apart from the search.

These are the test rows; of data without a test part the validation rows. No choice may look at
them: they are read where a network that was trained again is held against the simple models.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.stored import is_number
from agebo_hpc.files import read_file, write_atomically
from agebo_hpc.metrics.predictions import Classes, Numbers, Predictions
from agebo_hpc.metrics.record import Metric
from agebo_hpc.metrics.table import shown
from agebo_hpc.storage.seal import seal, unseal

FILE_NAME = "baselines_predictions.json"
MOST_NUMBERS = 1_000_000
"""Numbers that are kept of a model, at most: some five megabytes."""
SMALLEST = 1e-300
"""A probability below is kept as this one: a logarithm is finite."""


@dataclass(frozen=True)
class Kept:
    """Scores and predictions of the simple models on the rows that judge.

    Attributes
    ----------
    data_fingerprint, metric
        What they belong to.
    part
        ``"test"``, or ``"validation"`` where there is no test part.
    of_rows
        Rows of that part.
    rows
        Numbers of those that were looked at, ascending, as `packed` makes text of int32; empty:
        all.
    scores
        The metric by name of a model, the larger the better.
    outputs
        What was predicted, by name of a model, as `packed` makes text of float32; see
        `outputs_of`.
    """

    data_fingerprint: str
    metric: str
    part: str
    of_rows: int
    rows: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = (self.data_fingerprint, self.metric, self.rows, *self.outputs.values())
        is_right = (
            self.part in ("validation", "test")
            and type(self.of_rows) is int
            and all(isinstance(text, str) for text in texts)
            and all(is_number(score) for score in self.scores.values())
        )
        if not is_right:
            raise ValueError("these are no predictions of simple models")
        chosen = self.chosen
        if not len(chosen) or chosen[0] < 0 or chosen[-1] >= self.of_rows:
            raise ValueError("rows are named that are not there")

    @property
    def chosen(self) -> NDArray[np.intp]:
        """Numbers of the rows that were looked at, ascending, shape (rows,)."""
        if not self.rows:
            return np.arange(self.of_rows)
        return np.sort(_unpacked(self.rows, np.int32)).astype(np.intp)

    def belongs_to(self, data_fingerprint: str, metric: str) -> bool:
        """Tell whether they were measured for this data set and metric."""
        return (self.data_fingerprint, self.metric) == (data_fingerprint, metric)

    def with_model(self, name: str, score: float | None, outputs: str = "") -> Kept:
        """Return it with one more model; None: this has no score there."""
        scores = {**self.scores, **({} if score is None else {name: score})}
        return replace(
            self, scores=scores, outputs={**self.outputs, **({name: outputs} if outputs else {})}
        )

    def outputs_of(self, name: str) -> NDArray[np.float32]:
        """Return what a model predicted, shape (rows, columns), as `columns_kept` says.

        Raises
        ------
        ValueError
            If it is not what belongs to the rows.
        """
        return _unpacked(self.outputs[name], np.float32).reshape(len(self.chosen), -1)

    @property
    def text(self) -> str:
        """The scores in a few words, as users know them; empty where there are none."""
        told = [f"{n} {shown(self.metric, score)[1]:.5g}" for n, score in self.scores.items()]
        return ", ".join(told)

    def write(self, run: Path) -> None:
        """Write the file in a run directory as a whole."""
        write_atomically(run / FILE_NAME, seal(asdict(self)))


def read_kept(run: Path, data_fingerprint: str, metric: str) -> Kept | None:
    """Return what lies in a run directory; None: nothing of this data set and metric."""
    try:
        found = Kept(**unseal(read_file(run / FILE_NAME)))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None
    return found if found.belongs_to(data_fingerprint, metric) else None


def columns_kept(metric: Metric, num_outputs: int) -> int:
    """Return how many numbers of each row a metric needs.

    Of classes that is the predicted one; the logarithm of the odds of the second of two; or the
    logarithm of each probability. Of a number it is the number as networks are trained for it.
    """
    return num_outputs if num_outputs > 2 and metric.looks_at != "decision" else 1


def to_keep(given: Classes | NDArray[Any], metric: Metric) -> NDArray[np.float32]:
    """Return what is kept of predictions: of classes, or of numbers of shape (rows,)."""
    if not isinstance(given, Classes):
        return np.asarray(given, np.float32)[:, None]
    if metric.looks_at == "decision":
        return given.predicted.astype(np.float32)[:, None]
    logs = np.log(np.maximum(given.probabilities, SMALLEST))
    kept = logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs
    return kept.astype(np.float32)


def from_kept(
    kept: NDArray[np.float32],
    metric: Metric,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    num_outputs: int,
    decode: Callable[[NDArray[Any]], NDArray[Any]],
) -> Predictions:
    """Return the predictions of which `to_keep` kept what the metric needs.

    Parameters
    ----------
    kept
        Shape (rows, columns).
    metric
        What they are scored by.
    y, weights
        Targets as networks are trained for them, and what each row counts, shape (rows,).
    num_outputs
        Number of classes; 1: of numbers.
    decode
        From targets to the user's unit, or labels.
    """
    wide = None if weights is None else np.asarray(weights, np.float64)
    if num_outputs == 1:
        centre = float(decode(np.zeros(1))[0])
        return Numbers(decode(kept[:, 0]), decode(y), wide, centre)
    if metric.looks_at == "decision":
        none = np.broadcast_to(0.0, (len(y), num_outputs))
        return Classes(none, y, wide, chosen=kept[:, 0].astype(np.int64), decode=decode)
    if num_outputs == 2:
        kept = np.concatenate([np.zeros_like(kept), kept], axis=1)
    return replace(Classes.of_logits(kept, y, wide), decode=decode)


def packed(numbers: NDArray[Any]) -> str:
    """Return an array as text, in the order of little-endian machines."""
    plain = numbers.astype(numbers.dtype.newbyteorder("<"))
    return base64.b64encode(plain.tobytes()).decode()


def _unpacked(text: str, kind: Any) -> NDArray[Any]:
    content = base64.b64decode(text, validate=True)
    return np.frombuffer(content, np.dtype(kind).newbyteorder("<")).astype(kind)
