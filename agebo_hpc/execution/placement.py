"""Which slots an evaluation gets: packed, aligned blocks inside worker groups.

Pure. An evaluation of n processes takes n neighbouring slots of one group, at an
offset that is a multiple of n, so that blocks of 1, 2, 4 and 8 fit beside one another without
holes; of all groups with such a block it takes the fullest. One that finds no free block reserves
the block that has the fewest busy slots: nothing else starts there, so it waits for the
evaluations that run there now and for no others.

The cost of a call does not grow with the number of groups: groups are kept sorted by how full
they are, and a call touches the groups that it changes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.blocks import Buckets, Mask, first_block, least_busy_block

Block = tuple[int, ...]


@dataclass
class _GroupSlots:
    """One worker group: its slots in order and what is done with each position."""

    slots: Block
    free: Mask
    reserved: Mask = 0
    is_held: bool = False
    running: dict[int, tuple[Mask, int]] = field(default_factory=dict)
    """Positions that an evaluation has, and how many of them it uses, the first ones."""
    reservations: dict[int, Mask] = field(default_factory=dict)

    @property
    def usable(self) -> Mask:
        """Positions that a new evaluation may take."""
        return 0 if self.is_held else self.free & ~self.reserved

    def positions(self, slots: Iterable[int]) -> Mask:
        """Return the mask of those of ``slots`` that are in the group."""
        wanted = set(slots)
        return sum(1 << i for i, slot in enumerate(self.slots) if slot in wanted)

    def slots_at(self, mask: Mask) -> Block:
        """Return the slots at the positions of a mask."""
        return tuple(slot for i, slot in enumerate(self.slots) if mask >> i & 1)

    def used(self, evaluation_id: int) -> Block:
        """Return the slots that an evaluation uses."""
        mask, num_slots = self.running[evaluation_id]
        return self.slots_at(mask)[:num_slots]


@dataclass
class _Wait:
    """An evaluation in line, and the group where it has a reservation, if it has one."""

    order: int
    num_slots: int
    group: int | None = None


class Placement:
    """Slots of all worker groups and who has them.

    Parameters
    ----------
    groups
        Slot numbers of each worker group, neighbours in order.
    exclusive
        Whether an evaluation has a whole group for itself. It uses the first n slots; the others
        stay idle.
    """

    def __init__(self, groups: Sequence[Sequence[int]], *, exclusive: bool = False) -> None:
        self._exclusive = exclusive
        self._groups = [_GroupSlots(tuple(slots), (1 << len(slots)) - 1) for slots in groups]
        self._home = {slot: i for i, group in enumerate(self._groups) for slot in group.slots}
        self._running: dict[int, int] = {}
        self._waiting: dict[int, _Wait] = {}
        self._num_asked = 0
        # Of those that wait: by size in order of arrival, without a reservation, able to start.
        self._lines: dict[int, OrderedDict[int, None]] = {}
        self._unreserved: OrderedDict[int, None] = OrderedDict()
        self._ready: set[int] = set()
        # By size: groups with a usable block, fullest first; groups with a block to reserve.
        self._fits: dict[int, Buckets] = {}
        self._reservable: dict[int, Buckets] = {}
        self._know_size(1)
        self._measure()

    @property
    def num_slots(self) -> int:
        """Number of slots in all groups."""
        return self._num_slots

    @property
    def largest_group(self) -> int:
        """Slots of the largest group: the largest n that can be placed."""
        return self._largest_group

    def num_at_once(self, num_slots: int) -> int:
        """Return how many evaluations of so many slots all groups hold when nothing runs."""
        sizes = [len(group.slots) for group in self._groups]
        if self._exclusive:
            return sum(size >= num_slots for size in sizes)
        return sum(size // num_slots for size in sizes)

    def has_room(self) -> bool:
        """Tell whether a free slot is neither reserved nor waited for.

        With exclusive groups: whether a whole group is.
        """
        return not self._unreserved and bool(self._fits[1])

    def request(self, evaluation_id: int, num_slots: int) -> Block | None:
        """Give an evaluation its slots, or None: it waits and `release` will give them.

        Raises
        ------
        LaunchError
            If no group is that large.
        """
        if num_slots > self._largest_group:
            raise LaunchError(
                f"An evaluation asks for {num_slots} processes; the largest worker group has "
                f"{self._largest_group} slots. Start more ranks per node or allow fewer processes."
            )
        self._know_size(num_slots)
        number = self._fits[num_slots].lowest()
        if number is not None:
            mask = self._fit(self._groups[number], num_slots)
            return self._take(evaluation_id, num_slots, number, mask)
        self._waiting[evaluation_id] = _Wait(self._num_asked, num_slots)
        self._num_asked += 1
        self._lines[num_slots][evaluation_id] = None
        self._unreserved[evaluation_id] = None
        self._reserve(evaluation_id)
        return None

    def release(self, evaluation_id: int) -> list[tuple[int, Block]]:
        """Take an evaluation's slots back; return the waiting ones that start now.

        Returns
        -------
        list of (evaluation id, slots)
            What `start_waiting` gives.
        """
        number = self._running.pop(evaluation_id)
        group = self._groups[number]
        group.free |= group.running.pop(evaluation_id)[0]
        self._refresh(number)
        return self.start_waiting()

    def start_waiting(self) -> list[tuple[int, Block]]:
        """Give slots to the waiting evaluations that can have them now.

        Returns
        -------
        list of (evaluation id, slots)
            Those that waited longest come first.
        """
        started = []
        while (evaluation_id := self._next_to_start()) is not None:
            wait = self._waiting[evaluation_id]
            number, mask = self._where(evaluation_id, wait)
            self._leave_line(evaluation_id)
            block = self._take(evaluation_id, wait.num_slots, number, mask)
            started.append((evaluation_id, block))
        for evaluation_id in list(self._unreserved):
            self._reserve(evaluation_id)
        return started

    def withdraw(self, evaluation_id: int) -> None:
        """Take an evaluation that waits for its slots out of the line."""
        self._leave_line(evaluation_id)

    def remove(self, slots: Iterable[int]) -> list[int]:
        """Take slots away for good; their groups shrink, and vanish when they are empty.

        Blocks are aligned by the position in the shrunk group from now on. Slots that are not
        there any more are passed over. `start_waiting` tells what can start afterwards.

        Returns
        -------
        list of int
            Evaluations that ran on one of the slots, whose other slots are free again, and those
            that wait for more slots than the largest group has left. They are forgotten here.
        """
        gone = set(slots)
        known = {self._home[slot] for slot in gone if slot in self._home}
        numbers = sorted(n for n in known if not gone.isdisjoint(self._groups[n].slots))
        lost = [evaluation_id for n in numbers for evaluation_id in self._shrink(n, gone)]
        self._measure()
        for evaluation_id, wait in list(self._waiting.items()):
            if wait.num_slots > self._largest_group:
                self._leave_line(evaluation_id)
                lost.append(evaluation_id)
        return lost

    def hold(self, slots: Iterable[int]) -> None:
        """Start nothing in the groups of these slots until `unhold`."""
        self._set_held(slots, True)

    def unhold(self, slots: Iterable[int]) -> None:
        """Let evaluations start again in the groups of these slots, removed ones included."""
        self._set_held(slots, False)

    def _set_held(self, slots: Iterable[int], is_held: bool) -> None:
        for number in {self._home[slot] for slot in slots}:
            self._groups[number].is_held = is_held
            self._refresh(number)

    def _fit(self, group: _GroupSlots, num_slots: int) -> Mask:
        """Return the positions that an evaluation would take, 0 if it does not fit."""
        if not self._exclusive:
            return first_block(group.usable, len(group.slots), num_slots)
        whole = (1 << len(group.slots)) - 1
        return whole if len(group.slots) >= num_slots and group.usable == whole else 0

    def _cheapest(self, group: _GroupSlots, num_slots: int) -> tuple[int, Mask] | None:
        """Return the positions to reserve and how many of them are busy."""
        size = len(group.slots)
        if group.is_held or size < num_slots:
            return None
        wanted = size if self._exclusive else num_slots
        return least_busy_block(group.free, group.reserved, size, wanted)

    def _take(self, evaluation_id: int, num_slots: int, number: int, mask: Mask) -> Block:
        group = self._groups[number]
        group.free &= ~mask
        group.running[evaluation_id] = (mask, num_slots)
        self._running[evaluation_id] = number
        self._refresh(number)
        return group.used(evaluation_id)

    def _next_to_start(self) -> int | None:
        """Return the one that has waited longest of those that can start."""
        able = list(self._ready)
        able += [next(iter(line)) for n, line in self._lines.items() if line and self._fits[n]]
        return min(
            able, key=lambda evaluation_id: self._waiting[evaluation_id].order, default=None
        )

    def _where(self, evaluation_id: int, wait: _Wait) -> tuple[int, Mask]:
        """Return group and positions for one that can start: its reservation, or the best fit."""
        if evaluation_id in self._ready and wait.group is not None:
            return wait.group, self._groups[wait.group].reservations[evaluation_id]
        number = self._fits[wait.num_slots].lowest()
        assert number is not None
        return number, self._fit(self._groups[number], wait.num_slots)

    def _leave_line(self, evaluation_id: int) -> None:
        wait = self._waiting.pop(evaluation_id)
        del self._lines[wait.num_slots][evaluation_id]
        self._unreserved.pop(evaluation_id, None)
        self._ready.discard(evaluation_id)
        if wait.group is not None:
            group = self._groups[wait.group]
            group.reserved &= ~group.reservations.pop(evaluation_id)
            self._refresh(wait.group)

    def _reserve(self, evaluation_id: int) -> None:
        """Reserve the block with the fewest busy slots for one that waits, if there is one."""
        wait = self._waiting[evaluation_id]
        number = self._reservable_for(wait.num_slots).lowest()
        if number is None:
            return
        group = self._groups[number]
        cheapest = self._cheapest(group, wait.num_slots)
        assert cheapest is not None
        wait.group = number
        group.reservations[evaluation_id] = cheapest[1]
        group.reserved |= cheapest[1]
        del self._unreserved[evaluation_id]
        self._refresh(number)

    def _shrink(self, number: int, gone: set[int]) -> list[int]:
        """Take slots out of one group; return the evaluations that ran on one of them."""
        group = self._groups[number]
        lost = [i for i in group.running if not gone.isdisjoint(group.used(i))]
        for evaluation_id in lost:
            group.free |= group.running.pop(evaluation_id)[0]
            del self._running[evaluation_id]
        # Positions move: reservations are made anew, what runs keeps its slots.
        for evaluation_id in group.reservations:
            self._waiting[evaluation_id].group = None
        self._unreserved = OrderedDict.fromkeys(
            i for i in self._waiting if i in self._unreserved or i in group.reservations
        )
        left = _GroupSlots(
            tuple(s for s in group.slots if s not in gone), 0, is_held=group.is_held
        )
        left.free = left.positions(group.slots_at(group.free))
        for evaluation_id, (mask, num_slots) in group.running.items():
            left.running[evaluation_id] = (left.positions(group.slots_at(mask)), num_slots)
        self._ready.difference_update(group.reservations)
        self._groups[number] = left
        self._refresh(number)
        return lost

    def _measure(self) -> None:
        sizes = [len(group.slots) for group in self._groups]
        self._num_slots, self._largest_group = sum(sizes), max(sizes, default=0)

    def _know_size(self, num_slots: int) -> None:
        """Sort the groups by how well they hold blocks of a size that is asked for."""
        if num_slots in self._fits:
            return
        self._lines[num_slots] = OrderedDict()
        buckets = self._fits[num_slots] = Buckets()
        for number in range(len(self._groups)):
            buckets.put(number, self._fullness(number, num_slots))

    def _reservable_for(self, num_slots: int) -> Buckets:
        if num_slots not in self._reservable:
            buckets = self._reservable[num_slots] = Buckets()
            for number in range(len(self._groups)):
                buckets.put(number, self._busyness(number, num_slots))
        return self._reservable[num_slots]

    def _fullness(self, number: int, num_slots: int) -> int | None:
        """Return the number of usable slots of a group that has a usable block, else None."""
        group = self._groups[number]
        return group.usable.bit_count() if self._fit(group, num_slots) else None

    def _busyness(self, number: int, num_slots: int) -> int | None:
        """Return the number of busy slots in the block to reserve of a group that has one."""
        cheapest = self._cheapest(self._groups[number], num_slots)
        return None if cheapest is None else cheapest[0]

    def _refresh(self, number: int) -> None:
        """Bring what is known of a group's place among the others up to date."""
        for num_slots, buckets in self._fits.items():
            buckets.put(number, self._fullness(number, num_slots))
        for num_slots, buckets in self._reservable.items():
            buckets.put(number, self._busyness(number, num_slots))
        group = self._groups[number]
        for evaluation_id, mask in group.reservations.items():
            if not mask & ~group.free and not group.is_held:
                self._ready.add(evaluation_id)
            else:
                self._ready.discard(evaluation_id)
