"""``cv``, ``groups`` and ``times`` of `fit`, as what decides which rows compare networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv
from sklearn.utils.validation import check_array

from agebo_hpc.data.splitting.arrays import SplitArrays
from agebo_hpc.errors import UsageError


def split_arrays(
    cv: Any, groups: Any, times: Any, y: NDArray[Any], is_classifier: bool
) -> SplitArrays | None:
    """Return what decides the training and the validation rows; None: chance does.

    Parameters
    ----------
    cv
        As in scikit-learn: a number of folds, a splitter, or pairs of positions of training and
        validation rows. Of several splits the last counts. None: `groups` and `times`, or chance.
    groups
        Group of each row, shape (rows,), or None: no group is on two sides.
    times
        Time of each row, shape (rows,) or (rows, columns), or None: the oldest rows train.
    y
        Labels or numbers, shape (rows,).
    is_classifier
        Whether y has labels.

    Raises
    ------
    UsageError
        If there is no such split.
    DataError
        If a group or a time is missing.
    """
    if groups is not None:
        groups = check_array(groups, ensure_2d=False, dtype=None, input_name="groups")
    if cv is None:
        is_told = groups is not None or times is not None
        return SplitArrays.of(len(y), groups=groups, times=times) if is_told else None
    try:
        splits = list(check_cv(cv, y, classifier=is_classifier).split(y, y, groups))
        train, validation = splits[-1]
    except (IndexError, TypeError, ValueError) as error:
        raise UsageError(
            f"cv is {cv!r}, which gives no training and validation rows ({error}); give a number "
            "of folds, a splitter of scikit-learn, or [(train, validation)] of rows' positions."
        ) from error
    parts = {"train": np.asarray(train), "validation": np.asarray(validation)}
    return SplitArrays.of(len(y), groups=groups, times=times, parts=parts)
