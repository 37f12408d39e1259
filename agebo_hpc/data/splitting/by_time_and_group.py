"""Spans of time that share no group: of a group in several spans, one keeps its rows.

A group whose rows are all in one span stays there. One that has rows on both sides of a border is
given to one of its spans, and its other rows are left out. Which one it is follows from what the
parts have: the gain of a part is its share times the growth of the logarithm of its rows, so that
parts stay close to their shares and a group stays where most of its rows are. Neither targets nor
what happens later decide it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEFT_OUT = -1
"""In place of a part: the row is in none."""


def keep_groups_whole(
    spans: NDArray[np.int64],
    groups: NDArray[np.int64],
    classes: NDArray[np.int64],
    shares: Sequence[float],
    seed: int,
) -> NDArray[np.int64]:
    """Return the part of each row, so that no group is in two.

    Parameters
    ----------
    spans
        Span of time of each row, shape (rows,), from 0 to below the number of parts.
    groups
        Group of each row, shape (rows,): numbers from 0, none of them left out.
    classes
        Class of each row, shape (rows,), >= 0: a class that only groups across a border have is
        trained on where one of them has it in the first span.
    shares
        Share of the rows that each part should have, all positive, sum 1.
    seed
        Seed of the order of groups of one size, >= 0.

    Returns
    -------
    ndarray of shape (rows,), int64
        The row's span, or `LEFT_OUT`.
    """
    counts = _counted(spans, groups, len(shares))
    crosses = (counts > 0).sum(axis=1) > 1
    home = counts.argmax(axis=1)
    has = counts[~crosses].sum(axis=0).astype(float)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    order = order[crosses[order]]
    first = _with_a_class_of_its_own(order, crosses, spans, groups, classes)
    for group in first:
        home[group] = 0
        has[0] += counts[group, 0]
    for group in order[~np.isin(order, first)]:
        gains = [
            share * math.log1p(count / (1 + there))
            for share, count, there in zip(shares, counts[group].tolist(), has, strict=True)
        ]
        home[group] = int(np.argmax(gains))
        has[home[group]] += counts[group, home[group]]
    return np.where(home[groups] == spans, spans, LEFT_OUT)


def _counted(
    spans: NDArray[np.int64], groups: NDArray[np.int64], number: int
) -> NDArray[np.int64]:
    """Return the rows of each group in each span, shape (groups, spans)."""
    size = (int(groups.max()) + 1) * number
    return np.bincount(groups * number + spans, minlength=size).reshape(-1, number)


def _with_a_class_of_its_own(
    order: NDArray[np.int64],
    crosses: NDArray[np.bool_],
    spans: NDArray[np.int64],
    groups: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the groups that are the first in `order` to train a class that no other one does."""
    oldest, is_free = spans == 0, crosses[groups]
    lacking = np.setdiff1d(classes, classes[oldest & ~is_free])
    rank = np.full(len(crosses), len(order))
    rank[order] = np.arange(len(order))
    first = np.full(int(classes.max()) + 1, len(order))
    rows = oldest & is_free
    np.minimum.at(first, classes[rows], rank[groups[rows]])
    found = first[lacking]
    groups_of: NDArray[np.int64] = order[np.unique(found[found < len(order)])]
    return groups_of
