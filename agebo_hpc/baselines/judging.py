"""The rows that judge networks, and what the simple models predict for them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.baselines.kept import (
    MOST_NUMBERS,
    Kept,
    columns_kept,
    from_kept,
    packed,
    read_kept,
    to_keep,
)
from agebo_hpc.baselines.models import MOST_CELLS, MOST_ROWS, Table, predicted
from agebo_hpc.data.dataset import DataSet, Part
from agebo_hpc.metrics.record import Metric
from agebo_hpc.metrics.table import find

KEPT = ("boosting",)
"""The models whose predictions are kept: networks are held against these row by row."""


class Judging:
    """Scores simple models on the rows that judge, and keeps what they predict.

    Parameters
    ----------
    dataset
        Its test rows judge, or where it has none, the validation rows; of many, some.
    metric
        Name of the metric.
    run
        The run directory that the file is in.
    seed
        Seed of the draw of rows, >= 0.
    """

    def __init__(self, dataset: DataSet, metric: str, run: Path, seed: int) -> None:
        self._dataset = dataset
        self._name = metric
        self._run = run
        self._seed = seed

    def keep(self, name: str, model: Any) -> None:
        """Write the score of a fitted model, and its predictions if these are kept."""
        table, data = self._table, self._dataset
        kept = to_keep(predicted(model, table), self._metric)
        given = from_kept(
            kept,
            self._metric,
            table.scored_y,
            table.scored_weights,
            data.num_outputs,
            data.decode,
        )
        score = self._metric.score(given)
        if score is not None and np.isfinite(score):
            outputs = packed(kept) if name in KEPT else ""
            self._known().with_model(name, score, outputs).write(self._run)

    @cached_property
    def _metric(self) -> Metric:
        return find(self._name)

    def _known(self) -> Kept:
        """Return what is there of the same rows, or nothing of them."""
        data, number = self._dataset, len(self._part.y)
        rows = "" if len(self._chosen) == number else packed(self._chosen.astype(np.int32))
        new = Kept(data.fingerprint, self._name, self._part_name, number, rows)
        known = read_kept(self._run, data.fingerprint, self._name)
        return known if known and replace(known, scores={}, outputs={}) == new else new

    @property
    def _part_name(self) -> str:
        return "test" if self._dataset.num_rows["test"] else "validation"

    @property
    def _part(self) -> Part:
        part: Part = getattr(self._dataset, self._part_name)
        return part

    @cached_property
    def _chosen(self) -> NDArray[np.intp]:
        """Rows drawn by chance alone, so that they stand for all; ascending."""
        part, columns = self._part, columns_kept(self._metric, self._dataset.num_outputs)
        most = min(MOST_ROWS, MOST_CELLS // part.x.shape[1], MOST_NUMBERS // columns)
        number = len(part.y)
        if number <= max(1, most):
            return np.arange(number)
        generator = np.random.default_rng(self._seed)
        return np.sort(generator.choice(number, max(1, most), replace=False))

    @cached_property
    def _table(self) -> Table:
        part, chosen = self._part, self._chosen
        nothing = np.empty((0, part.x.shape[1]), np.float32)
        classes = self._dataset.num_outputs if self._dataset.task == "classification" else 0
        weights = None if part.weights is None else np.asarray(part.weights[chosen])
        return Table(
            *(nothing, part.y[:0], np.asarray(part.x[chosen]), np.asarray(part.y[chosen])),
            *(classes, self._name, self._seed, self._dataset.decode),
            scored_weights=weights,
        )
