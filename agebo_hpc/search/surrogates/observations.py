"""Points by row and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Generic

import numpy as np

from agebo_hpc.search.surrogates.growing_array import GrowingArray
from agebo_hpc.search.surrogates.points import Point, PointSpace


class Observations(Generic[Point]):
    """Points, encoded once, and the objectives of those that were told, in order.

    Attributes
    ----------
    space
        Space of the points.
    encoded
        One row for each point, shape (n_rows, n_encoded), float32.
    ids, rows, objectives
        Ids, rows and objectives of what was told, in order; objectives are not a number for
        failures.
    pending
        Row of each point that is not told yet, by evaluation id.
    keys
        One number for each row, the same for equal points, see `row_keys`; uint64.
    """

    def __init__(self, space: PointSpace[Point]) -> None:
        self.space = space
        self._data: list[Sequence[Any]] = []
        self.encoded = GrowingArray(np.float32, num_encoded(space))
        self.ids: list[int] = []
        self.rows = GrowingArray(np.int64)
        self.objectives = GrowingArray(np.float64)
        self.pending: dict[int, int] = {}
        self.keys = GrowingArray(np.uint64)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, points: Iterable[Sequence[Any]]) -> np.ndarray:
        """Add points as rows of plain data; return the numbers of their rows."""
        data = list(points)
        first = len(self._data)
        if data:
            encoded = self.space.encode(self.space.columns(data)).astype(np.float32)
            self._data += data
            self.encoded.append(encoded)
            self.keys.append(row_keys(encoded))
        return np.arange(first, first + len(data))

    def await_points(self, points: Mapping[int, Point]) -> None:
        """Add points that are not told yet, by evaluation id."""
        rows = self.add([self.space.to_data(point) for point in points.values()])
        self.pending.update(zip(points, rows.tolist(), strict=True))

    def tell(self, evaluation_id: int, point: Point, objective: float | None) -> None:
        """Add an observation; it keeps its row if it was awaited."""
        if evaluation_id not in self.pending:
            self.await_points({evaluation_id: point})
        self.ids.append(evaluation_id)
        self.rows.append(np.array([self.pending.pop(evaluation_id)]))
        self.objectives.append(_finite([objective]))

    def state(self) -> dict[str, Any]:
        """Return all of it as plain data for JSON; points as told, then those pending."""
        rows = [*self.rows.array.tolist(), *self.pending.values()]
        objectives = self.objectives.array.tolist()
        return {
            "ids": list(self.ids),
            "objectives": [None if value != value else value for value in objectives],
            "pending": list(self.pending),
            "points": [list(self._data[row]) for row in rows],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave, into an empty object."""
        rows = self.add(state["points"])
        self.ids = list(state["ids"])
        self.rows.append(rows[: len(self.ids)])
        self.objectives.append(_finite(state["objectives"]))
        self.pending = dict(zip(state["pending"], rows[len(self.ids) :].tolist(), strict=True))


def _finite(objectives: Sequence[float | None]) -> np.ndarray:
    """Return objectives with NaN for failures; earlier versions stored infinite ones."""
    values = np.asarray(objectives, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def num_encoded(space: PointSpace[Point]) -> int:
    """Return the number of columns that a surrogate sees."""
    if not space.num_dimensions:
        return 0
    encoded = space.encode(space.sample_columns(1, np.random.default_rng(0)))
    return int(encoded.shape[1])


def row_keys(encoded: np.ndarray) -> np.ndarray:
    """Return a number for each encoded point, the same for equal points alone (but for chance).

    Parameters
    ----------
    encoded
        Shape (n, n_encoded), float32.

    Returns
    -------
    ndarray of shape (n,), uint64
    """
    factors = _odd_numbers(encoded.shape[1])
    bits = np.ascontiguousarray(encoded + np.float32(0)).view(np.uint32).astype(np.uint64)
    keys: np.ndarray = (bits * factors).sum(axis=1, dtype=np.uint64)
    return keys


@cache
def _odd_numbers(count: int) -> np.ndarray:
    drawn = np.random.default_rng(0).integers(2**63, size=count, dtype=np.uint64)
    return 2 * drawn + np.uint64(1)
