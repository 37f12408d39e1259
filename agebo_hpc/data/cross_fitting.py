"""Which training rows the target mean of a training row comes from: never from its own.

By chance, or by group, in five folds. Where rows have times, from older rows only: the rows are
cut into blocks in the order of time, and each block takes the means of all blocks before it. With
both, it takes them from the other folds of groups in the blocks before it.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        return encoder, _by_time(column, target, times, self._folds_of_groups(target))

    def _folds_of_groups(self, target: NDArray[Any]) -> NDArray[np.int64] | None:
        """Return the fold of each row, groups as a whole; None: there are not two groups."""
        if self.arrays.groups is None:
            return None
        _, groups = np.unique(self.arrays.groups, return_inverse=True)
        number = min(FOLDS, int(groups.max()) + 1)
        # Rows of one group have no others to learn from.
        if number < 2:
            return None
        folds = divide_groups(groups, classes_of(target), [1 / number] * number, self.seed, False)
        return folds[groups]

    def _folds(self, target: NDArray[Any]) -> Any:
        from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold

        folds = self._folds_of_groups(target)
        if folds is not None:
            return PredefinedSplit(folds)
        count = min(FOLDS, len(target))
        stratify = target.dtype.kind != "f" and np.bincount(target).min() >= count
        kind = StratifiedKFold if stratify else KFold
        return kind(count, shuffle=True, random_state=self.seed)


def _target_type(target: NDArray[Any]) -> str:
    if target.dtype.kind == "f":
        return "continuous"
    return "binary" if target.max() <= 1 else "multiclass"


def _by_time(
    column: NDArray[np.intp],
    target: NDArray[Any],
    times: NDArray[Any],
    folds: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Encode each block of rows by the rows of all blocks before it, and of other folds."""
    from sklearn.preprocessing import TargetEncoder

    wanted = _indicators(target)
    means = np.full(wanted.shape, np.nan)
    for before, block in _older(times, folds):
        for k, values in enumerate(wanted.T):
            # A class that came later is 0 in all rows before: as a number it has a mean, too.
            encoder = TargetEncoder(target_type="continuous").fit(column[before], values[before])
            means[block, k] = encoder.transform(column[block])[:, 0]
    return means


def _older(
    times: NDArray[Any], folds: NDArray[np.int64] | None
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield rows to learn from and rows to encode; those that have none to learn from lack."""
    order = np.argsort(times, kind="stable")
    starts = _blocks(times[order])
    for start, stop in zip(starts[:-1], starts[1:], strict=True):
        before, block = order[:start], order[start:stop]
        if folds is None:
            yield before, block
            continue
        for fold in np.unique(folds[block]):
            others = before[folds[before] != fold]
            if len(others):
                yield others, block[folds[block] == fold]


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
