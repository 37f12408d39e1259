"""Whole groups of rows to parts, with the shares of the classes kept close.

Groups go to where they are missed most, those with the largest part of a class first. Groups of
the same composition (so many rows of each class) are divided at once by what the parts still lack,
which settles most of many small groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE_RANGES = 4
"""Ranges of equal numbers of rows that stand for the classes of a real target."""


def classes_of(y: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return class indices of targets, shape (rows,); of real ones, which quarter they are in."""
    if y.dtype.kind != "f":
        return y.astype(np.int64)
    borders = np.quantile(y.astype(np.float64), np.arange(1, SIZE_RANGES) / SIZE_RANGES)
    return np.searchsorted(borders, y, side="left").astype(np.int64)


def divide_groups(
    groups: NDArray[np.int64],
    classes: NDArray[np.int64],
    shares: Sequence[float],
    seed: int,
    first_gets_every_class: bool = True,
) -> NDArray[np.int64]:
    """Give every group to a part.

    Parameters
    ----------
    groups
        Group of each row, shape (rows,): numbers from 0, none of them left out.
    classes
        Class of each row, shape (rows,), >= 0.
    shares
        Share of the rows that each part should have, all positive, sum 1.
    seed
        Seed of the NumPy generator that orders groups that are alike, >= 0.
    first_gets_every_class
        Whether the first group with a class goes to the first part, which is trained on.

    Returns
    -------
    ndarray of shape (groups,), int64
        Part of each group.
    """
    counted = _Compositions.of(groups, classes)
    generator = np.random.default_rng(seed)
    parts = np.full(counted.num_groups, -1, np.int64)
    missing = _Missing(counted, np.array(shares))
    order = generator.permutation(counted.num_groups)
    order = order[np.argsort(-counted.weight[order], kind="stable")]
    if first_gets_every_class:
        for group in counted.first_with_a_class(order):
            missing.give(group, 0, parts)
    for alike in counted.alike(order[parts[order] < 0]):
        missing.divide(alike, parts)
    return parts


@dataclass(frozen=True)
class _Compositions:
    """How many rows of each class a group has, as sparse rows: `start[g]` to `start[g + 1]`."""

    start: NDArray[np.int64]
    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    totals: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, groups: NDArray[np.int64], classes: NDArray[np.int64]) -> _Compositions:
        """Count; the pseudo-class after the last one is of all rows, for the sizes of parts."""
        number = int(classes.max()) + 1
        keys, counts = np.unique(groups * number + classes, return_counts=True)
        members, kinds = np.divmod(keys, number)
        sizes = np.bincount(groups)
        members = np.concatenate([members, np.arange(len(sizes))])
        kinds = np.concatenate([kinds, np.full(len(sizes), number)])
        counts = np.concatenate([counts, sizes])
        order = np.argsort(members, kind="stable")
        members, kinds, counts = members[order], kinds[order], counts[order]
        totals = np.bincount(kinds, counts).astype(np.int64)
        start = np.searchsorted(members, np.arange(len(sizes) + 1))
        weight = np.maximum.reduceat(counts / totals[kinds], start[:-1])
        return cls(start, kinds, counts, totals, weight)

    @property
    def num_groups(self) -> int:
        """Number of groups."""
        return len(self.start) - 1

    def first_with_a_class(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the groups that are the first in an order to have rows of some class."""
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        first = np.full(len(self.totals), len(order))
        np.minimum.at(first, self.classes, np.repeat(ranks, np.diff(self.start)))
        # The last one is the pseudo-class; a class without rows has no group.
        found: NDArray[np.int64] = order[np.unique(first[:-1][first[:-1] < len(order)])]
        return found

    def alike(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Divide groups into those that are composed alike, in the order of the first of each."""
        if not len(order):
            return []
        generator = np.random.default_rng(0)
        keys = self.classes * (self.counts.max() + 1) + self.counts
        distinct, place = np.unique(keys, return_inverse=True)
        numbers = generator.integers(0, 2**64, len(distinct), np.uint64)
        # The sum of a random number for each entry is the same only for the same entries.
        signatures = np.add.reduceat(numbers[place], self.start[:-1])[order]
        _, first, kind = np.unique(signatures, return_index=True, return_inverse=True)
        together = np.argsort(first[kind], kind="stable")
        begins = np.flatnonzero(np.diff(first[kind][together])) + 1
        return np.split(order[together], begins)


class _Missing:
    """What each part has of each class, as a share of the class, and what it should have."""

    def __init__(self, counted: _Compositions, shares: NDArray[np.float64]) -> None:
        self._counted, self._shares = counted, shares
        self._totals = np.maximum(counted.totals, 1)
        self._has = np.zeros((len(shares), len(counted.totals)))

    def give(self, group: int, part: int, parts: NDArray[np.int64]) -> None:
        """Give a group to a part."""
        parts[group] = part
        kinds, share = self._of(group)
        self._has[part, kinds] += share

    def divide(self, alike: NDArray[np.int64], parts: NDArray[np.int64]) -> None:
        """Give groups that are composed alike to the parts, most of them at once."""
        done = 0
        if len(alike) > len(self._shares):
            kinds, share = self._of(alike[0])
            wanted = np.maximum(self._shares[:, None] - self._has[:, kinds], 0).mean(axis=1)
            for part, count in enumerate(np.floor(wanted / max(wanted.sum(), 1e-9) * len(alike))):
                some = alike[done : done + int(count)]
                parts[some] = part
                self._has[part, kinds] += share * len(some)
                done += len(some)
        for group in alike[done:]:
            self.give(group, self.most(group), parts)

    def most(self, group: int) -> int:
        """Return the part whose distance from its shares a group makes least."""
        kinds, share = self._of(group)
        before = self._has[:, kinds] - self._shares[:, None]
        change = ((2 * before + share) * share).sum(axis=1) / self._shares
        return int(change.argmin())

    def _of(self, group: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        some = slice(self._counted.start[group], self._counted.start[group + 1])
        kinds = self._counted.classes[some]
        return kinds, self._counted.counts[some] / self._totals[kinds]
