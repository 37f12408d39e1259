"""A worker group after a death: who is called, when it is repaired, when it is whole again."""

import pytest

from agebo_hpc.execution.mpi.heartbeats import Heartbeats, beat_seconds
from agebo_hpc.execution.mpi.recovery import Recovery


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def recovery(sent, clock):
    return Recovery(
        [(1, 2, 3, 4), (5, 6)],
        call=lambda rank: sent.append(("call", rank)),
        repair=lambda rank: sent.append(("repair", rank)),
        limit=10.0,
        clock=clock,
    )


def test_members_are_called_then_all_that_are_left_repair_then_the_group_is_whole(recovery, sent):
    recovery.died(2, members=(1, 2))
    assert sent == [("call", 1)]
    assert recovery.step() == []
    recovery.answered(1)
    assert recovery.step() == []
    assert sent[1:] == [("repair", 1), ("repair", 3), ("repair", 4)]
    recovery.repaired(1)
    recovery.repaired(4)
    assert recovery.step() == []
    recovery.repaired(3)
    assert recovery.step() == [[1, 3, 4]]
    assert recovery.step() == []
    assert recovery.is_idle


def test_a_rank_that_dies_during_a_repair_is_not_waited_for_and_the_repair_is_done_again(
    recovery, sent
):
    recovery.died(2, members=(2,))
    recovery.step()
    recovery.died(3, members=(3,))
    for rank in (1, 4):
        recovery.repaired(rank)
    del sent[:]
    assert recovery.step() == []
    assert sent == [("repair", 1), ("repair", 4)]
    for rank in (1, 4):
        recovery.repaired(rank)
    assert recovery.step() == [[1, 4]]


def test_a_called_rank_that_dies_is_not_waited_for(recovery, sent):
    recovery.died(2, members=(1, 2))
    recovery.died(1, members=(1,))
    assert recovery.step() == []
    assert sent[1:] == [("repair", 3), ("repair", 4)]


def test_a_group_of_one_needs_no_repair_and_an_empty_one_is_done(recovery, sent):
    recovery.died(5, members=(5,))
    assert recovery.step() == [[6]]
    recovery.died(6, members=(6,))
    assert recovery.step() == [[]]
    assert not sent
    assert recovery.is_idle


def test_an_evaluation_that_broke_without_a_death_has_all_its_members_called(recovery, sent):
    recovery.broke((5, 6))
    assert sent == [("call", 5), ("call", 6)]


def test_ranks_that_do_not_answer_in_time_are_overdue(recovery, clock):
    recovery.died(2, members=(1, 2, 3))
    recovery.answered(1)
    clock.now += 9.0
    assert recovery.overdue() == []
    clock.now += 2.0
    assert recovery.overdue() == [3]
    recovery.died(3, members=())
    recovery.step()
    assert recovery.overdue() == []
    clock.now += 11.0
    assert recovery.overdue() == [1, 4]


def listen(heartbeats, clock, seconds, speaking=()):
    """Look ten times a second for so long, while some ranks send heartbeats."""
    silent = []
    for _ in range(round(10 * seconds)):
        clock.now += 0.1
        for rank in speaking:
            heartbeats.heard(rank)
        silent += heartbeats.silent()
    return sorted(set(silent))


def test_a_rank_is_silent_after_the_timeout_and_no_other_one(clock):
    heartbeats = Heartbeats((1, 2), 5.0, clock)
    assert listen(heartbeats, clock, 4.5, speaking=(1,)) == []
    assert listen(heartbeats, clock, 1.0, speaking=(1,)) == [2]
    heartbeats.forget(2)
    assert listen(heartbeats, clock, 1.0) == []


def test_a_manager_that_was_suspended_takes_nobody_for_hung(clock):
    heartbeats = Heartbeats((1, 2), 5.0, clock)
    clock.now += 3600.0
    assert heartbeats.silent() == []
    assert listen(heartbeats, clock, 3.5) == []
    assert listen(heartbeats, clock, 1.0) == [1, 2]


def test_a_timeout_of_zero_takes_nobody_for_hung(clock):
    heartbeats = Heartbeats((1,), 0.0, clock)
    assert listen(heartbeats, clock, 100.0) == []


@pytest.mark.parametrize("timeout", [0.5, 2.0, 60.0, 3600.0])
def test_several_heartbeats_fit_into_the_timeout(timeout):
    assert beat_seconds(timeout) <= timeout / 5
    assert beat_seconds(timeout) <= 5.0
