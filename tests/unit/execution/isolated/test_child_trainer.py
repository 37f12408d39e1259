"""Words between the members of an evaluation whose trainings are in children."""

import loopback

from agebo_hpc.execution.isolated.child_trainer import GIVEN_UP, is_given_up, tell_others


class Request:
    """A message that arrives when it is told to."""

    def __init__(self):
        self.has_arrived = False

    def test(self):
        return self.has_arrived, None


class Members:
    """Three members of which this is the second; what is sent is noted."""

    def __init__(self):
        self.sent = []

    def Get_size(self):  # noqa: N802 (mpi4py's name)
        return 3

    def Get_rank(self):  # noqa: N802 (mpi4py's name)
        return 1

    def isend(self, message, member, tag):
        request = Request()
        self.sent.append((message, member, tag, request))
        return request


def test_a_word_to_the_others_is_kept_until_it_has_arrived():
    members = Members()
    outbox = tell_others(members, 7)
    assert [sent[:3] for sent in members.sent] == [(7, 0, GIVEN_UP), (7, 2, GIVEN_UP)]
    assert outbox.sweep() == 2
    members.sent[0][-1].has_arrived = True
    assert outbox.sweep() == 1
    members.sent[1][-1].has_arrived = True
    assert outbox.sweep() == 0


def test_a_word_of_an_earlier_evaluation_does_not_end_the_next_one():
    world = loopback.Loopback(3)
    with loopback.installed():
        tell_others(world.comm(1), 3)
        assert not is_given_up(world.comm(0), 4)
        tell_others(world.comm(1), 3)
        tell_others(world.comm(2), 4)
        assert is_given_up(world.comm(0), 4)
        assert is_given_up(world.comm(1), 4)
        assert not is_given_up(world.comm(2), 4)
