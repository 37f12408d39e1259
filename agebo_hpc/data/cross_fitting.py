"""Which training rows the target mean of a training row comes from: never from its own.

By chance, or by group, in five folds. Where rows have times, from older rows only: the rows are
cut into blocks in the order of time, and each block takes the means of all blocks before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.splitting.arrays import SplitArrays
from agebo_hpc.data.splitting.by_group import classes_of, divide_groups

if TYPE_CHECKING:
    from sklearn.preprocessing import TargetEncoder

FOLDS = 5
BORDERS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, *(k / 10 for k in range(2, 10)))
"""Shares of the rows, in the order of time, at which a block begins; few rows know little."""


@dataclass(frozen=True)
class CrossFitting:
    """How target means of training rows are made.

    Attributes
    ----------
    seed
        Seed of folds, >= 0.
    arrays
        Groups or times of the training rows; none: folds are drawn by chance.
    """

    seed: int = 42
    arrays: SplitArrays = SplitArrays()

    def encode(
        self, codes: NDArray[np.intp], target: NDArray[Any]
    ) -> tuple[TargetEncoder, NDArray[np.float64]]:
        """Fit smoothed target means, and encode the rows they were fitted to.

        Parameters
        ----------
        codes
            Level of each training row, shape (rows,).
        target
            Class indices (integer) or real values (float), shape (rows,).

        Returns
        -------
        encoder : sklearn.preprocessing.TargetEncoder
            Fitted to all rows.
        means : ndarray of shape (rows, features), float64
            NaN for the oldest rows, which have none before them.
        """
        from sklearn.preprocessing import TargetEncoder

        column, times = codes[:, None], self.arrays.times
        # Rows of one time have no older ones.
        if times is None or times.min() == times.max():
            encoder = TargetEncoder(target_type=_target_type(target), cv=self._folds(target))
            return encoder, encoder.fit_transform(column, target)
        encoder = TargetEncoder(target_type=_target_type(target)).fit(column, target)
        return encoder, _by_time(column, target, times)

    def _folds(self, target: NDArray[Any]) -> Any:
        from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold

        groups = self.arrays.groups
        if groups is not None:
            _, groups = np.unique(groups, return_inverse=True)
            number = min(FOLDS, int(groups.max()) + 1)
            # Rows of one group have no others to learn from.
            if number > 1:
                shares = [1 / number] * number
                folds = divide_groups(groups, classes_of(target), shares, self.seed, False)
                return PredefinedSplit(folds[groups])
        count = min(FOLDS, len(target))
        stratify = target.dtype.kind != "f" and np.bincount(target).min() >= count
        kind = StratifiedKFold if stratify else KFold
        return kind(count, shuffle=True, random_state=self.seed)


def _target_type(target: NDArray[Any]) -> str:
    if target.dtype.kind == "f":
        return "continuous"
    return "binary" if target.max() <= 1 else "multiclass"


def _by_time(
    column: NDArray[np.intp], target: NDArray[Any], times: NDArray[Any]
) -> NDArray[np.float64]:
    """Encode each block of rows by the rows of all blocks before it."""
    from sklearn.preprocessing import TargetEncoder

    wanted = _indicators(target)
    means = np.full(wanted.shape, np.nan)
    order = np.argsort(times, kind="stable")
    blocks = _blocks(times[order])
    for start, stop in zip(blocks[:-1], blocks[1:], strict=True):
        before, block = order[:start], order[start:stop]
        for k, values in enumerate(wanted.T):
            # A class that came later is 0 in all rows before: as a number it has a mean, too.
            encoder = TargetEncoder(target_type="continuous").fit(column[before], values[before])
            means[block, k] = encoder.transform(column[block])[:, 0]
    return means


def _indicators(target: NDArray[Any]) -> NDArray[np.float64]:
    """Return the numbers whose means are taken, shape (rows, features)."""
    if _target_type(target) != "multiclass":
        return target.astype(np.float64)[:, None]
    is_class: NDArray[np.bool_] = target[:, None] == np.arange(target.max() + 1)
    return is_class.astype(np.float64)


def _blocks(ordered: NDArray[Any]) -> list[int]:
    """Return where blocks begin, and the end; a time is in one block, the first has none before.

    Parameters
    ----------
    ordered
        Times in order, shape (rows,).
    """
    rows = len(ordered)
    begins = np.searchsorted(ordered, ordered[[int(share * rows) for share in BORDERS]])
    return [*sorted({int(begin) for begin in begins} - {0}), rows]
