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


def test_a_slot_that_is_removed_twice_changes_nothing_the_second_time():
    placement = Placement([(1, 2, 3, 4, 5)])
    placement.request(0, 1)
    placement.request(1, 1)
    assert placement.remove([1]) == [0]
    # It reserves 2, 3 and 4, of which 2 is busy; 5 is free.
    assert placement.request(2, 3) is None
    assert placement.remove([1]) == []
    assert placement.has_room()
    assert placement.release(1) == [(2, (2, 3, 4))]


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


sizes_and_choices = st.lists(
    st.tuples(st.sampled_from([1, 1, 2, 3, 4, 8]), st.integers(0, 99)), max_size=80
)


@settings(deadline=None)
@given(sizes_and_choices)
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
@given(st.lists(st.sampled_from([1, 1, 2, 3, 4, 8]), min_size=80, max_size=80))
def test_whatever_is_asked_nothing_waits_for_more_than_two_rounds_of_completions(sizes):
    run = Run()
    for num_slots in sizes:
        while run.placement.has_room():
            run.request(num_slots)
        # Those that run longest end first: after as many completions as there are slots all that
        # ran is over, once before a reservation and once until it is free.
        run.release(0)
        assert max(run.waited.values(), default=0) <= 2 * run.placement.num_slots


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


def test_an_exclusive_evaluation_has_its_group_for_itself_and_takes_the_smallest():
    placement = Placement(GROUPS, exclusive=True)
    assert placement.request(0, 2) == (13, 14)
    assert placement.request(1, 2) == (9, 10)
    assert placement.request(2, 1) == (1,)
    assert not placement.has_room()
    assert placement.request(3, 4) is None
    assert placement.release(0) == []
    assert placement.has_room()
    assert placement.release(1) == [(3, (9, 10, 11, 12))]


def test_removed_slots_take_their_evaluation_with_them_and_free_its_other_slots():
    placement = Placement([(1, 2, 3, 4)])
    placement.request(0, 2)
    placement.request(1, 2)
    assert placement.remove([2]) == [0]
    assert (placement.num_slots, placement.largest_group) == (3, 3)
    assert placement.request(2, 1) == (1,)
    assert placement.release(1) == []
    # Blocks of two are aligned by the place in what is left: 1 3 | 4.
    assert placement.release(2) == []
    assert placement.request(3, 2) == (1, 3)


def test_what_waits_and_fits_nowhere_any_more_comes_back_and_empty_groups_vanish():
    placement = Placement([(1, 2), (3,)])
    placement.request(0, 1)
    placement.request(1, 2)
    assert placement.request(2, 2) is None
    assert sorted(placement.remove([1])) == [1, 2]
    assert placement.largest_group == 1
    assert placement.remove([2, 3, 99]) == [0]
    assert (placement.num_slots, placement.largest_group) == (0, 0)
    assert not placement.has_room()


def test_a_group_on_hold_starts_nothing_until_it_is_let_go():
    placement = Placement([(1, 2), (3, 4)])
    placement.request(0, 2)
    placement.request(1, 2)
    assert placement.request(2, 2) is None
    placement.hold([2])
    assert placement.release(0) == []
    assert not placement.has_room()
    placement.remove([1])
    assert placement.start_waiting() == []
    placement.unhold([1, 2])
    assert placement.start_waiting() == []
    assert placement.has_room()
    assert placement.release(1) == [(2, (3, 4))]


def test_a_call_costs_about_the_same_with_eight_thousand_groups_as_with_a_hundred():
    def touched(num_groups):
        """Count the groups that a full machine looks at for a completion and a request."""
        placement = Placement([range(8 * i, 8 * i + 8) for i in range(num_groups)])
        for number in range(8 * num_groups):
            assert placement.request(number, 1) is not None
        looked_at = 0
        original = placement._refresh

        def refresh(number):
            nonlocal looked_at
            looked_at += 1
            original(number)

        placement._refresh = refresh
        placement.release(3)
        assert placement.request(10**6, 1) == (3,)
        return looked_at

    assert touched(8192) == touched(128) == 2
