"""Candidates of many proposals, and what each tree of a forest predicts for them."""

from __future__ import annotations

import numpy as np

from agebo_hpc.search.observations import row_keys
from agebo_hpc.search.points import Columns
from agebo_hpc.search.tree import Tree


class Pool:
    """Candidates drawn together; predictions follow the trees leaf by leaf.

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
        Of the forest.
    """

    def __init__(self, columns: Columns, encoded: np.ndarray, num_trees: int) -> None:
        self.columns = columns
        self._encoded = encoded
        self._keys = row_keys(encoded)
        self.taken = np.zeros(len(encoded), bool)
        self._num_known = 0
        self._leaf = np.zeros((num_trees, len(encoded)), np.int64)
        self._mean = np.zeros((num_trees, len(encoded)))
        self._second = np.zeros((num_trees, len(encoded)))

    def take(self, keys: np.ndarray) -> None:
        """Mark candidates that equal points with these keys, which only become more."""
        fresh, self._num_known = keys[self._num_known :], len(keys)
        if len(fresh) > 8:
            self.taken |= np.isin(self._keys, fresh)
        else:
            for key in fresh:
                self.taken |= self._keys == key

    def place(self, slot: int, tree: Tree) -> None:
        """Let a tree predict every candidate."""
        self._leaf[slot] = tree.apply(self._encoded)
        self._predict(slot, tree, np.arange(len(self._encoded)))

    def follow(self, slot: int, tree: Tree, leaf: int) -> None:
        """Hear that a tree changed or split a leaf."""
        rows = np.flatnonzero(self._leaf[slot] == leaf)
        if tree.left[leaf] >= 0:
            values = self._encoded[rows, tree.dimension[leaf]]
            goes_left = values <= tree.threshold[leaf]
            self._leaf[slot, rows] = np.where(goes_left, tree.left[leaf], tree.right[leaf])
        self._predict(slot, tree, rows)

    def bound(self, kappa: float) -> np.ndarray:
        """Return the mean over trees plus ``kappa`` standard deviations, shape (n,).

        The variance is scikit-optimize's for forests: the mean over the trees of a leaf's
        variance and squared mean, less the squared mean.
        """
        mean: np.ndarray = self._mean.mean(axis=0)
        if kappa == 0:
            return mean
        variance = np.maximum(self._second.mean(axis=0) - mean**2, 0)
        mean += kappa * np.sqrt(variance)
        return mean

    def _predict(self, slot: int, tree: Tree, rows: np.ndarray) -> None:
        leaves = self._leaf[slot, rows]
        self._mean[slot, rows] = tree.arrays["mean"][leaves]
        self._second[slot, rows] = tree.arrays["second"][leaves]
