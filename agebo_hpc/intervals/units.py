"""What is drawn in a bootstrap: rows, groups of rows, or random blocks of many of them.

Rows of one group are not independent, so a group is drawn as a whole (Cameron, Gelbach and Miller
2008). More than `BLOCKS` rows or groups are dealt at random into as many blocks, and these are
drawn: the sum over a resample keeps its mean, variance and skewness in expectation, and what it
costs no longer grows with the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCKS = 4096
RESAMPLES = 1000


class Units:
    """Rows, groups or blocks that are drawn with replacement.

    Parameters
    ----------
    rows
        Number of rows, >= 1.
    groups
        Group of each row, any values that can be compared, shape (rows,); None: each row is one.
    seed
        Of blocks and resamples, >= 0.

    Attributes
    ----------
    of_row
        Unit of each row, shape (rows,), or None: row i is unit i.
    count
        Number of units.
    has_groups
        Whether rows belong together.
    """

    def __init__(
        self, rows: int, groups: Sequence[Any] | NDArray[Any] | None = None, seed: int = 0
    ) -> None:
        self._generator = np.random.default_rng(seed)
        self.rows = rows
        self.has_groups = groups is not None
        self.of_row: NDArray[np.int64] | None = None
        self.count = rows
        if groups is not None:
            names, found = np.unique(np.asarray(groups), return_inverse=True)
            self.of_row, self.count = found.reshape(-1), len(names)
        self.independent = self.count
        if self.count > BLOCKS:
            dealt = self._generator.permutation(np.arange(self.count) % BLOCKS)
            self.of_row = dealt if self.of_row is None else dealt[self.of_row]
            self.count = BLOCKS

    def totals(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum contributions of rows, shape (rows, m), over each unit: shape (count, m)."""
        if self.of_row is None:
            return contributions
        return np.stack(
            [np.bincount(self.of_row, column, self.count) for column in contributions.T], axis=1
        )

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """How often each unit is in each resample, shape (`RESAMPLES`, count)."""
        return self.draw(RESAMPLES)

    def draw(self, resamples: int) -> NDArray[np.float64]:
        """Draw as many units as there are with replacement, shape (resamples, count)."""
        drawn = self._generator.integers(0, self.count, (resamples, self.count))
        drawn += np.arange(resamples)[:, None] * self.count
        counts = np.bincount(drawn.ravel(), minlength=resamples * self.count)
        return counts.reshape(resamples, self.count).astype(np.float64)
