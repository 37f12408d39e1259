"""Slots are given out so that nothing overlaps, leaks or starves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.placement import Placement

GROUPS = [(1, 2, 3, 4, 5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15)]


def test_blocks_are_aligned_and_pack_without_holes():
    placement = Placement([(1, 2, 3, 4, 5, 6, 7, 8)])
    assert placement.request(0, 1) == (1,)
    assert placement.request(1, 2) == (3, 4)
    assert placement.request(2, 4) == (5, 6, 7, 8)
    assert placement.request(3, 1) == (2,)
    assert not placement.has_room()


def test_a_small_evaluation_takes_the_fuller_group():
    placement = Placement(GROUPS)
    assert placement.request(0, 4) == (9, 10, 11, 12)
    assert placement.request(1, 1) == (13,)


def test_a_waiting_evaluation_reserves_the_emptiest_block_and_no_other_starts_there():
    placement = Placement([(1, 2, 3, 4)])
    assert [placement.request(i, 1) for i in range(3)] == [(1,), (2,), (3,)]
    assert placement.request(3, 2) is None
    assert not placement.has_room()
    assert placement.request(4, 1) is None
    assert placement.release(0) == [(4, (1,))]
    assert placement.release(2) == [(3, (3, 4))]


def test_an_evaluation_larger_than_every_group_is_refused():
    with pytest.raises(LaunchError, match="9 processes.*8 slots"):
        Placement(GROUPS).request(0, 9)


def test_a_withdrawn_evaluation_gives_its_reservation_back():
    placement = Placement([(1, 2)])
    placement.request(0, 1)
    assert placement.request(1, 2) is None
    placement.withdraw(1)
    assert placement.has_room()
    assert placement.request(2, 1) == (2,)


class Run:
    """Drives a placement and checks what must hold after every step."""

    def __init__(self):
        self.placement = Placement(GROUPS)
        self.running, self.waited, self.asked = {}, {}, 0

    def start(self, evaluation_id, block):
        taken = {slot for other in self.running.values() for slot in other}
        assert taken.isdisjoint(block)
        assert any(set(block) <= set(group) for group in GROUPS)
        self.running[evaluation_id] = block

    def request(self, num_slots):
        block = self.placement.request(self.asked, num_slots)
        if block is None:
            self.waited[self.asked] = 0
        else:
            assert len(block) == num_slots
            self.start(self.asked, block)
        self.asked += 1

    def release(self, choice):
        evaluation_id = sorted(self.running)[choice % len(self.running)]
        del self.running[evaluation_id]
        for waiting, block in self.placement.release(evaluation_id):
            del self.waited[waiting]
            self.start(waiting, block)
        for waiting in self.waited:
            self.waited[waiting] += 1


steps = st.lists(st.tuples(st.sampled_from([1, 1, 2, 3, 4, 8]), st.integers(0, 99)), max_size=80)


@settings(deadline=None)
@given(steps)
def test_whatever_is_asked_and_freed_no_slot_is_given_twice_and_none_is_lost(steps):
    run = Run()
    for num_slots, choice in steps:
        if run.placement.has_room():
            run.request(num_slots)
        elif run.running:
            run.release(choice)
    while run.running:
        run.release(0)
    assert not run.waited
    assert run.placement.has_room()
    assert run.placement.request(10**6, 8) is not None


@settings(deadline=None)
@given(st.lists(st.integers(0, 99), min_size=100, max_size=100))
def test_a_large_evaluation_waits_for_those_in_its_block_only(choices):
    run = Run()
    while run.placement.has_room():
        run.request(1)
    run.release(0)
    run.request(8)
    large = run.asked - 1
    if large in run.running:
        return
    for choice in choices:
        # Small ones keep coming wherever there is room.
        while run.placement.has_room():
            run.request(1)
        run.release(choice)
        if large in run.running:
            return
    # Every evaluation of its block had to end once; the others came and went.
    raise AssertionError(f"still waiting after {run.waited[large]} completions")
