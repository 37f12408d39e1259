"""Blocks of slots inside one worker group as bits of an integer, and groups sorted by a number.

Bit i of a mask stands for the slot at position i of its group. The arithmetic costs the same for
a group of 2 slots as for one of 64.
"""

from __future__ import annotations

import heapq
from functools import lru_cache

Mask = int
"""A set of positions in a group."""


def first_block(usable: Mask, size: int, num_slots: int) -> Mask:
    """Return the first aligned block of usable positions, 0 if there is none.

    Parameters
    ----------
    usable
        Positions that may be taken.
    size
        Positions of the group, >= 1.
    num_slots
        Length of the block, >= 1; it starts at a multiple of this.
    """
    # Afterwards bit i of `runs` says that i to i + num_slots - 1 are all usable.
    runs, length = usable, 1
    while length < num_slots:
        step = min(length, num_slots - length)
        runs &= runs >> step
        length += step
    runs &= _starts(size, num_slots)
    return (runs & -runs) * ((1 << num_slots) - 1)


@lru_cache(maxsize=65536)
def least_busy_block(
    free: Mask, reserved: Mask, size: int, num_slots: int
) -> tuple[int, Mask] | None:
    """Return the aligned block with the fewest busy positions among those without a reserved one.

    Parameters
    ----------
    free, reserved
        Positions where nothing runs, and those that a waiting evaluation has reserved.
    size, num_slots
        See `first_block`.

    Returns
    -------
    (int, Mask) or None
        Number of busy positions and the first such block.
    """
    whole = (1 << num_slots) - 1
    blocks = [whole << start for start in range(0, size - num_slots + 1, num_slots)]
    choices = [((block & ~free).bit_count(), block) for block in blocks if not block & reserved]
    return min(choices, default=None)


@lru_cache(maxsize=1024)
def _starts(size: int, num_slots: int) -> Mask:
    return sum(1 << start for start in range(0, size - num_slots + 1, num_slots))


class Buckets:
    """Groups sorted by a small number, so that the first one with the smallest is found fast.

    `put` and `lowest` cost a logarithm of the number of groups.
    """

    def __init__(self) -> None:
        self._keys: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        # A heap may hold groups that have left its bucket; they go when they come to the top.
        self._heaps: dict[int, list[int]] = {}
        self._queued: dict[int, set[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def put(self, group: int, key: int | None) -> None:
        """Set the number of a group; None takes the group out."""
        old = self._keys.get(group)
        if old == key:
            return
        if old is not None:
            self._count(old, -1)
            del self._keys[group]
        if key is not None:
            self._count(key, 1)
            self._keys[group] = key
            queued = self._queued.setdefault(key, set())
            if group not in queued:
                queued.add(group)
                heapq.heappush(self._heaps.setdefault(key, []), group)

    def lowest(self) -> int | None:
        """Return the first group among those with the smallest number; None if there is none."""
        if not self._counts:
            return None
        key = min(self._counts)
        heap, queued = self._heaps[key], self._queued[key]
        while self._keys.get(heap[0]) != key:
            queued.discard(heapq.heappop(heap))
        return heap[0]

    def _count(self, key: int, change: int) -> None:
        count = self._counts.get(key, 0) + change
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
