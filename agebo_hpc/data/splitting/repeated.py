"""Rows that a split by chance has put on two sides, as the table has them more than once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEAST_SHARE = 0.001
"""Of the rows of a part: of fewer copies nothing is said, for they change no score."""


def repeated(frame: pd.DataFrame, rows: Mapping[str, NDArray[np.integer[Any]]]) -> list[str]:
    """Return a line if unseen rows are copies of training rows, else none.

    Parameters
    ----------
    frame
        Features and target, as they were read.
    rows
        The rows of each part.
    """
    hashes = pd.util.hash_pandas_object(frame, index=False)
    if hashes.is_unique:
        return []
    numbers = hashes.to_numpy()
    train = np.unique(numbers[rows["train"]])
    copies = {
        part: int(np.isin(numbers[some], train).sum())
        for part, some in rows.items()
        if part != "train"
    }
    told = [
        f"{count:,} of {len(rows[part]):,} {part} rows"
        for part, count in copies.items()
        if count and count >= LEAST_SHARE * len(rows[part])
    ]
    if not told:
        return []
    return [
        f"The table repeats rows, the target too, and chance has put copies on both sides: "
        f"{' and '.join(told)} are equal to training rows. If they are the same cases, they were "
        f"learnt by heart and scores flatter: take copies out of the table, or keep them together "
        f"with --group COL."
    ]
