"""Members of an evaluation that find each other, lose each other, and mend their group."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from loopback import Loopback
from loopback_world import world_of

from agebo_hpc.execution.mpi.communicators import Communicators
from agebo_hpc.execution.mpi.protocol import Start, Tag
from agebo_hpc.execution.mpi.ulfm import AbandonedError
from agebo_hpc.space.configuration import Configuration, Evaluation

ALL = (1, 2, 3)
EVALUATION = Evaluation(0, Configuration((0,), {"num_processes": 2}))


class Members:
    """Three trainer ranks of one group; what they do together is done in threads."""

    def __init__(self):
        self.loop = Loopback(4)
        self.of = {rank: Communicators(world_of(self.loop, [ALL], rank=rank)) for rank in ALL}

    def start(self, *ranks, number=1):
        return Start(EVALUATION, ranks, 0.0, number)

    def together(self, action, *ranks):
        """Let ranks do something at once; return what each gives or raises."""

        def attempt(rank):
            try:
                return action(self.of[rank])
            except AbandonedError as error:
                return error

        with ThreadPoolExecutor(len(ranks)) as threads:
            return list(threads.map(attempt, ranks))


@pytest.fixture
def members():
    return Members()


def test_one_alone_needs_nobody(members):
    assert members.of[2].join(members.start(2)) is None


def test_members_get_a_communicator_of_their_own_leader_first(members):
    start = members.start(2, 3)
    comms = members.together(lambda m: m.join(start), 2, 3)
    assert [comm.Get_rank() for comm in comms] == [0, 1]
    assert [comm.Get_size() for comm in comms] == [2, 2]


def test_it_is_kept_for_the_next_evaluation_of_the_same_members_until_they_part(members):
    first = members.together(lambda m: m.join(members.start(1, 2)), 1, 2)
    again = members.together(lambda m: m.join(members.start(1, 2, number=2)), 1, 2)
    assert all(a is b for a, b in zip(first, again, strict=True))
    members.together(lambda m: m.part(members.start(1, 2, number=2)), 1, 2)
    anew = members.together(lambda m: m.join(members.start(1, 2, number=3)), 1, 2)
    assert all(a is not b for a, b in zip(first, anew, strict=True))


def test_blocks_of_one_group_form_at_the_same_time(members):
    loop = Loopback(5)
    members.of = {r: Communicators(world_of(loop, [(1, 2, 3, 4)], rank=r)) for r in (1, 2, 3, 4)}
    starts = {1: (1, 2), 2: (1, 2), 3: (3, 4), 4: (3, 4)}
    with ThreadPoolExecutor(4) as threads:
        joined = threads.map(
            lambda rank: members.of[rank].join(members.start(*starts[rank], number=rank // 3)),
            starts,
        )
        assert [comm.Get_rank() for comm in joined] == [0, 1, 0, 1]


@pytest.mark.parametrize("dead", [1, 2])
def test_who_waits_for_a_member_that_dies_is_let_go(members, dead):
    left = 3 - dead
    threading.Timer(0.02, members.loop.die, [dead]).start()
    [error] = members.together(lambda m: m.join(members.start(1, 2)), left)
    assert isinstance(error, AbandonedError)


def test_who_waits_for_a_member_that_never_comes_is_called_back(members):
    threading.Timer(0.02, lambda: call(members.loop, 2)).start()
    [error] = members.together(lambda m: m.join(members.start(1, 2)), 2)
    assert isinstance(error, AbandonedError)
    # The main loop answers the call.
    assert (Tag.CALL, None) in members.loop.heard(2)


def call(loop, rank):
    loop.comm(0).isend(None, rank, Tag.CALL)


def test_a_word_on_an_earlier_start_is_not_taken_for_this_one(members):
    # Rank 2 came to a start that was given up before rank 1 heard of it.
    members.loop.comm(2).isend((1, "before"), 1, Tag.MEET)
    comms = members.together(lambda m: m.join(members.start(1, 2, number=2)), 1, 2)
    assert [comm.Get_size() for comm in comms] == [2, 2]


def test_those_that_are_left_mend_the_group_and_train_together(members):
    members.loop.die(1)
    members.together(lambda m: m.repair(), 2, 3)
    comms = members.together(lambda m: m.join(members.start(2, 3)), 2, 3)
    assert [comm.Get_size() for comm in comms] == [2, 2]


def test_nobody_forms_a_communicator_with_the_dead_in_the_group_unmended(members):
    start = members.start(1, 2)
    members.together(lambda m: m.join(start), 1, 2)
    members.loop.die(1)
    members.together(lambda m: m.part(start), 2)
    [error] = members.together(lambda m: m.join(members.start(1, 2, number=2)), 2)
    assert isinstance(error, AbandonedError)


def test_members_that_part_from_the_dead_do_not_leave_the_others_waiting(members):
    start = members.start(1, 2, 3)
    comms = dict(zip(ALL, members.together(lambda m: m.join(start), *ALL), strict=True))
    from mpi4py import MPI

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(comms[3].allgather, 0)
        members.of[2].part(start)
        with pytest.raises(MPI.Exception):
            waiting.result(10)
