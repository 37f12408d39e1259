"""Classes of fewer rows than a data set needs for its parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS_OF_A_CLASS = 2
"""One for each part that an estimator makes; the rows of a smaller class are repeated."""


def repeat_rare(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return positions of rows in which every class has as many as `ROWS_OF_A_CLASS`."""
    rows = [np.arange(len(codes))]
    for number, count in enumerate(np.bincount(codes)):
        if count < ROWS_OF_A_CLASS:
            rows.append(np.resize(np.flatnonzero(codes == number), ROWS_OF_A_CLASS - count))
    return np.concatenate(rows)
