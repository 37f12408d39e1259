"""Which slots an evaluation gets: packed, aligned blocks inside worker groups.

Pure bookkeeping. An evaluation of n processes takes n neighbouring slots of one group, at an
offset that is a multiple of n, so that blocks of 1, 2, 4 and 8 fit beside one another without
holes. One that finds no free block reserves the block that has the fewest busy slots: nothing
else starts there, so it waits for the evaluations that run there now and for no others.
"""

from __future__ import annotations

from collections.abc import Sequence

from agebo_hpc.errors import LaunchError

Block = tuple[int, ...]


class Placement:
    """Slots of all worker groups and who has them.

    Parameters
    ----------
    groups
        Slot numbers of each worker group, neighbours in order.
    """

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        self._groups = [tuple(group) for group in groups]
        self._free = {slot for group in self._groups for slot in group}
        self._running: dict[int, Block] = {}
        self._waiting: dict[int, tuple[int, Block | None]] = {}

    @property
    def num_slots(self) -> int:
        """Number of slots in all groups."""
        return sum(len(group) for group in self._groups)

    @property
    def largest_group(self) -> int:
        """Slots of the largest group: the largest n that can be placed."""
        return max((len(group) for group in self._groups), default=0)

    def has_room(self) -> bool:
        """Tell whether a free slot is neither reserved nor waited for."""
        if any(block is None for _, block in self._waiting.values()):
            return False
        return bool(self._free - self._reserved())

    def request(self, evaluation_id: int, num_slots: int) -> Block | None:
        """Give an evaluation its slots, or None: it waits and `release` will give them.

        Raises
        ------
        LaunchError
            If no group is that large.
        """
        if num_slots > self.largest_group:
            raise LaunchError(
                f"An evaluation asks for {num_slots} processes; the largest worker group has "
                f"{self.largest_group} slots. Start more ranks per node or allow fewer processes."
            )
        block = self._place(evaluation_id, num_slots)
        if block is None:
            self._waiting[evaluation_id] = (num_slots, self._reserve(num_slots))
        return block

    def release(self, evaluation_id: int) -> list[tuple[int, Block]]:
        """Take an evaluation's slots back; return the waiting ones that start now.

        Returns
        -------
        list of (evaluation id, slots)
            Those that waited longest come first.
        """
        self._free.update(self._running.pop(evaluation_id))
        started = []
        for waiting, (num_slots, reserved) in list(self._waiting.items()):
            del self._waiting[waiting]
            if reserved is not None and self._free.issuperset(reserved):
                started.append((waiting, self._take(waiting, reserved)))
                continue
            block = self._place(waiting, num_slots)
            if block is not None:
                started.append((waiting, block))
            else:
                self._waiting[waiting] = (num_slots, reserved or self._reserve(num_slots))
        return started

    def withdraw(self, evaluation_id: int) -> None:
        """Let an evaluation that waits for its slots wait no longer."""
        del self._waiting[evaluation_id]

    def _place(self, evaluation_id: int, num_slots: int) -> Block | None:
        usable = self._free - self._reserved()
        fits = [
            (len(usable.intersection(group)), block)
            for group in self._groups
            for block in _blocks(group, num_slots)
            if usable.issuperset(block)
        ]
        return self._take(evaluation_id, min(fits)[1]) if fits else None

    def _take(self, evaluation_id: int, block: Block) -> Block:
        self._free.difference_update(block)
        self._running[evaluation_id] = block
        return block

    def _reserve(self, num_slots: int) -> Block | None:
        reserved = self._reserved()
        choices = [
            (len(set(block) - self._free), block)
            for group in self._groups
            for block in _blocks(group, num_slots)
            if reserved.isdisjoint(block)
        ]
        return min(choices)[1] if choices else None

    def _reserved(self) -> set[int]:
        return {slot for _, block in self._waiting.values() for slot in block or ()}


def _blocks(group: Block, num_slots: int) -> list[Block]:
    starts = range(0, len(group) - num_slots + 1, num_slots)
    return [group[start : start + num_slots] for start in starts]
