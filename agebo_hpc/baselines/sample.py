"""A part of many rows in which every class, or range of a number, has its share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CANDIDATES = 2_000_000
"""Number of rows that are drawn first from a larger table: class shares are right to 0.001."""


def stratified(
    y: NDArray[np.generic], num_rows: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the positions of some rows, ascending.

    Parameters
    ----------
    y
        Class indices or numbers, shape (rows,).
    num_rows
        Number of rows, >= 1; some more where a class would be missing.
    rng
        Draws them.

    Returns
    -------
    ndarray of shape (about num_rows,), intp
        Each class has its share, one row at least if it is among the candidates; of numbers, each
        range. All rows, where there are no more than asked for.
    """
    if len(y) <= num_rows:
        return np.arange(len(y))
    some = np.arange(len(y))
    if len(y) > CANDIDATES:
        some = np.unique(rng.integers(len(y), size=CANDIDATES))
    rng.shuffle(some)
    targets = np.asarray(y[some])
    by_target = some[np.argsort(targets, kind="stable")]
    taken = by_target[np.arange(num_rows) * len(some) // num_rows]
    if np.issubdtype(targets.dtype, np.integer):
        _, first = np.unique(targets, return_index=True)
        missing = ~np.isin(targets[first], y[taken])
        taken = np.concatenate([taken, some[first[missing]]])
    return np.unique(taken)
