"""The placement does what its documentation says, as a model that looks at every block does."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from agebo_hpc.execution.placement import Placement


class NaivePlacement:
    """What `Placement` must do, without any index."""

    def __init__(self, groups, exclusive=False):
        self.groups = [list(group) for group in groups]
        self.home = {slot: i for i, group in enumerate(groups) for slot in group}
        self.exclusive = exclusive
        self.held = set()
        self.running = {}  # id: (slots that it uses, slots that it has)
        self.waiting = {}  # id: [number of slots, reserved slots or None], longest first

    @property
    def largest_group(self):
        return max(map(len, self.groups))

    def _blocks(self, num_slots):
        """Give (group, slots) of every aligned block in a group that is not on hold."""
        for number, group in enumerate(self.groups):
            if number in self.held or len(group) < num_slots:
                continue
            length = len(group) if self.exclusive else num_slots
            for start in range(0, len(group) - length + 1, length):
                yield number, group[start : start + length]

    def _busy(self):
        return {slot for _, owned in self.running.values() for slot in owned}

    def _reserved(self):
        return {slot for _, block in self.waiting.values() for slot in block or ()}

    def _best_fit(self, num_slots):
        taken = self._busy() | self._reserved()
        order = count()
        fits = [
            (len(set(self.groups[number]) - taken), next(order), block)
            for number, block in self._blocks(num_slots)
            if taken.isdisjoint(block)
        ]
        return min(fits)[2] if fits else None

    def _to_reserve(self, num_slots):
        busy, reserved, order = self._busy(), self._reserved(), count()
        # Of blocks that are equally busy that in the first group, at its first place.
        choices = [
            (len(busy.intersection(block)), next(order), block)
            for _, block in self._blocks(num_slots)
            if reserved.isdisjoint(block)
        ]
        return min(choices)[2] if choices else None

    def has_room(self):
        everyone_has_a_place = all(block is not None for _, block in self.waiting.values())
        return everyone_has_a_place and self._best_fit(1) is not None

    def request(self, evaluation_id, num_slots):
        block = self._best_fit(num_slots)
        if block is not None:
            return self._take(evaluation_id, num_slots, block)
        self.waiting[evaluation_id] = [num_slots, self._to_reserve(num_slots)]
        return None

    def _take(self, evaluation_id, num_slots, block):
        self.running[evaluation_id] = (tuple(block[:num_slots]), tuple(block))
        return tuple(block[:num_slots])

    def _can_start(self, num_slots, reserved):
        """Return the block where a waiting one can start: its own one first."""
        on_hold = reserved is not None and self.home[reserved[0]] in self.held
        if reserved is not None and not on_hold and self._busy().isdisjoint(reserved):
            return reserved
        return self._best_fit(num_slots)

    def start_waiting(self):
        started = []
        able = True
        while able:
            able = False
            for evaluation_id, (num_slots, reserved) in list(self.waiting.items()):
                block = self._can_start(num_slots, reserved)
                if block is not None:
                    del self.waiting[evaluation_id]
                    started.append((evaluation_id, self._take(evaluation_id, num_slots, block)))
                    able = True
                    break
        for wait in self.waiting.values():
            wait[1] = wait[1] or self._to_reserve(wait[0])
        return started

    def release(self, evaluation_id):
        del self.running[evaluation_id]
        return self.start_waiting()

    def withdraw(self, evaluation_id):
        del self.waiting[evaluation_id]

    def remove(self, slots):
        gone = set(slots)
        lost = {i for i, (used, _) in self.running.items() if gone.intersection(used)}
        touched = {number for number, group in enumerate(self.groups) if gone.intersection(group)}
        self.groups = [[slot for slot in group if slot not in gone] for group in self.groups]
        lost |= {i for i, (num, _) in self.waiting.items() if num > self.largest_group}
        self.waiting = {
            i: [num, None if block and self.home[block[0]] in touched else block]
            for i, (num, block) in self.waiting.items()
            if i not in lost
        }
        self.running = {
            i: (used, tuple(slot for slot in owned if slot not in gone))
            for i, (used, owned) in self.running.items()
            if i not in lost
        }
        return lost

    def hold(self, slots):
        self.held |= {self.home[slot] for slot in slots}

    def unhold(self, slots):
        self.held -= {self.home[slot] for slot in slots}


class Pair:
    """Drives a placement and the naive one side by side and compares all that they say."""

    def __init__(self, groups, exclusive):
        self.groups = groups
        self.fast = Placement(groups, exclusive=exclusive)
        self.naive = NaivePlacement(groups, exclusive)
        self.asked = 0

    def both(self, action, *arguments):
        fast = getattr(self.fast, action)(*arguments)
        naive = getattr(self.naive, action)(*arguments)
        assert (set(fast) if action == "remove" else fast) == naive
        self.check()

    def check(self):
        naive = self.naive
        owned = [slot for _, block in naive.running.values() for slot in block]
        assert len(owned) == len(set(owned))
        assert all(len({naive.home[slot] for slot in b}) == 1 for _, b in naive.running.values())
        assert self.fast.has_room() == naive.has_room()
        assert self.fast.num_slots == sum(map(len, naive.groups))
        assert self.fast.largest_group == naive.largest_group
        assert len(self.fast._waiting) == len(naive.waiting)

    def step(self, action, size, choice):
        slots = sorted(self.naive.home)
        if action == "request":
            if size <= self.fast.largest_group:
                self.both("request", self.asked, size)
                self.asked += 1
        elif action in ("release", "withdraw"):
            those = sorted(self.naive.running if action == "release" else self.naive.waiting)
            if those:
                self.both(action, those[choice % len(those)])
        elif action == "start_waiting":
            self.both(action)
        else:
            self.both(action, [slots[choice % len(slots)]])

    def end(self):
        self.both("unhold", list(self.naive.home))
        self.both("start_waiting")
        while self.naive.running:
            self.both("release", min(self.naive.running))
        assert not self.naive.waiting
        for group in filter(None, self.naive.groups):
            # All slots are free again: each group holds one evaluation of its whole size.
            self.both("request", self.asked, len(group))
            self.asked += 1
        assert not self.fast.has_room()
        assert not self.fast._waiting


actions = ["request"] * 6 + ["release"] * 4
actions += ["withdraw", "remove", "hold", "unhold", "unhold", "start_waiting"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=4),
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from(actions), st.sampled_from([1, 1, 2, 3, 4, 8]), st.integers(0, 99)
        ),
        max_size=60,
    ),
)
def test_it_does_what_a_look_at_every_block_would_do(group_sizes, exclusive, steps):
    starts = [1 + sum(group_sizes[:i]) for i in range(len(group_sizes))]
    groups = [range(s, s + n) for s, n in zip(starts, group_sizes, strict=True)]
    pair = Pair(groups, exclusive)
    for action, size, choice in steps:
        pair.step(action, size, choice)
    pair.end()
