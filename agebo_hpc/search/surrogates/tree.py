"""A regression tree that is grown once and then takes in one point after the other.

scikit-learn grows it to the end: a leaf for each distinct point. A new point falls into a leaf
and halves it with the point that was there, in the middle between the two along a dimension
drawn at random. That is what growing the tree anew would do to a cell of two points.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from agebo_hpc.search.surrogates.growing_array import GrowingArray

JITTER = 1e-4
"""Lies told for a growing tree differ by this part of the objectives' spread, so that equal
lies do not share a leaf: each must become an objective of its own."""


_FIELDS: dict[str, type] = {
    **dict.fromkeys(("left", "right", "dimension", "row"), np.int64),
    **dict.fromkeys(("threshold", "weight", "mean", "second"), np.float64),
}
"""What is known of each node, and as what."""


class Tree:
    """Predicts an objective from an encoded point.

    Nodes are numbers from 0, the root. Of each, `left` and `right` are its children, -1 in a
    leaf; a leaf has `mean` and `second`, the weighted mean of its objectives and of their squares.
    `lies` has weight, value and leaf of each pending point that the tree sees, by evaluation id;
    the point is in that leaf or, when it was split since, below it. `lie_leaves` are the leaves of
    the lies that it was grown with.

    Parameters
    ----------
    encoded
        All points, shape (n_rows, n_encoded), float32; more may follow.
    rows
        Which of them to grow from, shape (n,).
    weights
        How often each counts, > 0, shape (n,).
    objectives
        Shape (n,), float64.
    num_lies
        The last so many are lies.
    rng
        Generator of the draws while the tree grows.
    """

    left: MutableSequence[int]
    right: MutableSequence[int]
    dimension: MutableSequence[int]
    row: MutableSequence[int]
    threshold: MutableSequence[float]
    weight: MutableSequence[float]
    mean: MutableSequence[float]
    second: MutableSequence[float]

    def __init__(
        self,
        encoded: GrowingArray,
        rows: np.ndarray,
        weights: np.ndarray,
        objectives: np.ndarray,
        num_lies: int,
        rng: np.random.Generator,
    ) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._encoded = encoded
        points = encoded.array[rows]
        self.lies: dict[int, tuple[int, float, int]] = {}
        self._grown = _grow(points, weights, objectives, num_lies, rng)
        self._num_nodes = int(self._grown.node_count)
        self._reserve(2 * self._num_nodes + 64)
        leaves = self._grown.apply(points)
        self.lie_leaves: list[int] = leaves[len(leaves) - num_lies :].tolist()
        self._fill(leaves, rows, weights, objectives)

    def find(self, point: list[float], node: int = 0) -> int:
        """Return the leaf in which an encoded point falls, below a node that it passes."""
        left, right, dimension, threshold = self.left, self.right, self.dimension, self.threshold
        child = left[node]
        while child >= 0:
            node = child if point[dimension[node]] <= threshold[node] else right[node]
            child = left[node]
        return node

    def add(self, row: int, point: list[float], weight: float, value: float, draw: float) -> int:
        """Take in a point with its objective; return the leaf in which it fell.

        Parameters
        ----------
        row, point
            Row of the point, and its encoded values.
        weight
            How often it counts, > 0.
        value
            Objective of the point.
        draw
            Uniform in [0, 1): chooses the dimension if the leaf is split.
        """
        # As far as scikit-learn knows the tree it finds the way faster.
        [node] = self._grown.apply(self._encoded.array[row : row + 1])
        leaf = self.find(point, int(node))
        other = self._encoded.array[self.row[leaf]].tolist()
        if other == point:
            self._count(leaf, weight, value)
        else:
            self._set_leaf(self._split(leaf, other, point, draw), row, weight, value)
        return leaf

    def correct(
        self, point: list[float], weight: float, lie: float, node: int, value: float
    ) -> int:
        """Put an objective in the place of its lie, in or below a node; return the leaf."""
        leaf = self.find(point, node)
        total = self.weight[leaf]
        if total == weight:
            self._set_leaf(leaf, self.row[leaf], weight, value)
        else:
            self.mean[leaf] += weight * (value - lie) / total
            self.second[leaf] += weight * (value**2 - lie**2) / total
        return leaf

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Return the leaf of each point.

        Parameters
        ----------
        points
            Shape (n, n_encoded), float32.
        """
        nodes: np.ndarray = self._grown.apply(points)
        left, right, dimension, threshold = (
            self.arrays[name] for name in ("left", "right", "dimension", "threshold")
        )
        inside = np.flatnonzero(left[nodes] >= 0)
        while len(inside):
            at = nodes[inside]
            goes_left = points[inside, dimension[at]] <= threshold[at]
            nodes[inside] = np.where(goes_left, left[at], right[at])
            inside = inside[left[nodes[inside]] >= 0]
        return nodes

    def _count(self, leaf: int, weight: float, value: float) -> None:
        total = self.weight[leaf] + weight
        self.mean[leaf] += weight * (value - self.mean[leaf]) / total
        self.second[leaf] += weight * (value**2 - self.second[leaf]) / total
        self.weight[leaf] = total

    def _split(self, leaf: int, other: list[float], point: list[float], draw: float) -> int:
        """Make a child of the leaf's own point and one for a new point; return the latter."""
        differing = [i for i, (a, b) in enumerate(zip(other, point, strict=True)) if a != b]
        dimension = differing[int(draw * len(differing))]
        left, right = self._num_nodes, self._num_nodes + 1
        self._num_nodes += 2
        if self._num_nodes > len(self.left):
            self._reserve(2 * self._num_nodes)
        old, new = (left, right) if other[dimension] < point[dimension] else (right, left)
        self._set_leaf(old, self.row[leaf], self.weight[leaf], self.mean[leaf])
        self.second[old] = self.second[leaf]
        self.left[leaf], self.right[leaf] = left, right
        self.dimension[leaf] = dimension
        self.threshold[leaf] = (other[dimension] + point[dimension]) / 2
        return new

    def _set_leaf(self, node: int, row: int, weight: float, value: float) -> None:
        self.left[node] = -1
        self.row[node] = row
        self.weight[node], self.mean[node], self.second[node] = weight, value, value**2

    def _reserve(self, capacity: int) -> None:
        """Make room for nodes; the views read and write single numbers faster than the arrays."""
        for name, dtype in _FIELDS.items():
            old: np.ndarray = self.arrays.get(name, np.empty(0, dtype))
            self.arrays[name] = np.concatenate([old, np.empty(capacity - len(old), dtype)])
            setattr(self, name, self.arrays[name].data)

    def _fill(
        self, leaves: np.ndarray, rows: np.ndarray, weights: np.ndarray, objectives: np.ndarray
    ) -> None:
        """Take over the grown nodes; means come from the objectives themselves."""
        grown, count = self._grown, self._num_nodes
        self.arrays["left"][:count] = grown.children_left
        self.arrays["right"][:count] = grown.children_right
        self.arrays["dimension"][:count] = grown.feature
        self.arrays["threshold"][:count] = grown.threshold
        self.arrays["row"][leaves] = rows
        total = np.bincount(leaves, weights, count)
        divisor = np.maximum(total, 1e-300)
        self.arrays["weight"][:count] = total
        self.arrays["mean"][:count] = np.bincount(leaves, weights * objectives, count) / divisor
        self.arrays["second"][:count] = (
            np.bincount(leaves, weights * objectives**2, count) / divisor
        )


def _grow(
    points: np.ndarray,
    weights: np.ndarray,
    objectives: np.ndarray,
    num_lies: int,
    rng: np.random.Generator,
) -> Any:
    """Grow a tree with scikit-learn; return its nodes.

    Objectives are brought to a spread of 1 before: scikit-learn splits no cell whose variance is
    below a fixed number.
    """
    spread = float(objectives.std()) or 1.0
    targets = (objectives - objectives.mean()) / spread
    if num_lies:
        targets[-num_lies:] -= JITTER * rng.random(num_lies)
    regressor = DecisionTreeRegressor(random_state=int(rng.integers(2**31)))
    return regressor.fit(points, targets, sample_weight=weights).tree_
