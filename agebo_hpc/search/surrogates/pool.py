"""Candidates of many proposals, and what each tree of a forest predicts for them."""

from __future__ import annotations

import numpy as np

from agebo_hpc.search.surrogates.observations import row_keys
from agebo_hpc.search.surrogates.points import Columns
from agebo_hpc.search.surrogates.tree import Tree


class _Leaves:
    """Which candidates are in which leaf of one tree.

    Parameters
    ----------
    leaf
        The leaf of each candidate, shape (n,), int64; n >= 1.
    """

    def __init__(self, leaf: np.ndarray) -> None:
        # Small whole numbers are sorted in a tenth of the time.
        small = leaf.astype(np.uint16) if leaf.max() < 2**16 else leaf
        self._order = np.argsort(small, kind="stable")
        self._ends: list[int] = np.cumsum(np.bincount(leaf)).tolist()
        # Of leaves that came by splits.
        self._spans: dict[int, tuple[int, int]] = {}

    def rows(self, leaf: int) -> np.ndarray:
        """Return the candidates in a leaf; a view."""
        begin, end = self._span(leaf)
        return self._order[begin:end]

    def split(self, leaf: int, left: int, right: int, goes_left: np.ndarray) -> None:
        """Follow the split of a leaf: these of its `rows` went to the left."""
        begin, end = self._span(leaf)
        rows = self._order[begin:end]
        rows[:] = np.concatenate([rows[goes_left], rows[~goes_left]])
        middle = begin + int(np.count_nonzero(goes_left))
        self._spans[left], self._spans[right] = (begin, middle), (middle, end)

    def _span(self, leaf: int) -> tuple[int, int]:
        if leaf in self._spans:
            return self._spans[leaf]
        if leaf >= len(self._ends):
            return 0, 0
        return self._ends[leaf - 1] if leaf else 0, self._ends[leaf]


class Pool:
    """Candidates drawn together; predictions follow the trees leaf by leaf.

    What is computed anew for a proposal is the bound of those candidates whose leaf changed in
    any tree since the last one.

    Attributes
    ----------
    columns
        The candidates by dimension.
    taken
        Which of them are pending or told already, shape (n,), bool.

    Parameters
    ----------
    columns, encoded
        The candidates; encoded of shape (n, n_encoded), float32.
    num_trees
        Number of trees of the forest, >= 1.
    """

    def __init__(self, columns: Columns, encoded: np.ndarray, num_trees: int) -> None:
        self.columns = columns
        self._encoded = encoded
        # Neighbours take the same way through a tree: sorted, they go it in half the time.
        self._sorting = np.lexsort(encoded.T[::-1])
        self._sorted = encoded[self._sorting]
        keys = row_keys(encoded)
        self._by_key = np.argsort(keys)
        self._keys = keys[self._by_key]
        self.taken = np.zeros(len(encoded), bool)
        self._num_known = 0
        self._leaves: list[_Leaves | None] = [None] * num_trees
        self._mean = np.zeros((num_trees, len(encoded)))
        self._second = np.zeros((num_trees, len(encoded)))
        self._bound: np.ndarray = np.empty(0)
        self._kappa: float | None = None
        self._changed: list[np.ndarray] = []

    def take(self, keys: np.ndarray) -> None:
        """Mark candidates that equal points with these keys, which only become more."""
        fresh, self._num_known = keys[self._num_known :], len(keys)
        if not len(fresh):
            return
        first = np.searchsorted(self._keys, fresh, side="left")
        last = np.searchsorted(self._keys, fresh, side="right")
        for place in np.flatnonzero(first < last):
            self.taken[self._by_key[first[place] : last[place]]] = True

    def place(self, slot: int, tree: Tree) -> None:
        """Predict every candidate by a tree."""
        leaf = np.empty(len(self._encoded), np.int64)
        leaf[self._sorting] = tree.apply(self._sorted)
        self._leaves[slot] = _Leaves(leaf)
        self._mean[slot] = tree.arrays["mean"][leaf]
        self._second[slot] = tree.arrays["second"][leaf]
        self._kappa = None

    def follow(self, slot: int, tree: Tree, leaf: int) -> None:
        """Follow a tree that changed or split a leaf."""
        leaves = self._leaves[slot]
        assert leaves is not None
        rows = leaves.rows(leaf)
        if not len(rows):
            return
        left, right = tree.left[leaf], tree.right[leaf]
        if left < 0:
            self._predict(slot, tree, leaf, rows)
            return
        goes_left = self._encoded[rows, tree.dimension[leaf]] <= tree.threshold[leaf]
        leaves.split(leaf, left, right, goes_left)
        for child in (left, right):
            self._predict(slot, tree, child, leaves.rows(child))

    def bound(self, kappa: float) -> np.ndarray:
        """Return the mean over trees plus ``kappa`` standard deviations, shape (n,).

        The variance is scikit-optimize's for forests: the mean over the trees of a leaf's
        variance and squared mean, less the squared mean. It is valid until the next call.
        """
        if kappa != self._kappa:
            self._bound = _bound(self._mean, self._second, kappa)
        elif self._changed:
            # Twice the first row: NumPy adds up a single column in another order than many.
            rows = np.concatenate([self._changed[0][:1], *self._changed])
            mean, second = (np.take(of, rows, axis=1) for of in (self._mean, self._second))
            self._bound[rows] = _bound(mean, second, kappa)
        self._kappa = kappa
        self._changed.clear()
        return self._bound

    def _predict(self, slot: int, tree: Tree, leaf: int, rows: np.ndarray) -> None:
        self._mean[slot, rows] = tree.mean[leaf]
        self._second[slot, rows] = tree.second[leaf]
        if self._kappa is not None:
            # A copy: what is in a leaf is rearranged when the leaf is split.
            self._changed.append(rows.copy())


def _bound(means: np.ndarray, seconds: np.ndarray, kappa: float) -> np.ndarray:
    """Return the bound of candidates, shape (n,), from trees' predictions, (num_trees, n)."""
    mean: np.ndarray = means.mean(axis=0)
    if kappa == 0:
        return mean
    variance = np.maximum(seconds.mean(axis=0) - mean**2, 0)
    mean += kappa * np.sqrt(variance)
    return mean
