"""How the ranks of a world begin together: verdicts, readiness, deaths meanwhile."""

import socket
import threading

import pytest
from loopback import Loopback
from loopback_world import world_of

from agebo_hpc.errors import DataError, LaunchError
from agebo_hpc.execution.mpi.handshake import hear_ready, hear_verdict, tell_ready, tell_verdict
from agebo_hpc.execution.mpi.protocol import Tag

GROUPS = ((1, 2), (3,))


@pytest.fixture
def loop():
    return Loopback(4)


def world(loop, rank=0, **options):
    return world_of(loop, GROUPS, rank=rank, **options)


def test_every_trainer_hears_what_the_manager_found(loop):
    tell_verdict(world(loop), None, {"classes": 2})
    for rank in (1, 2, 3):
        assert hear_verdict(world(loop, rank)) == (None, {"classes": 2})


def test_a_refusal_is_the_same_error_everywhere(loop):
    tell_verdict(world(loop), DataError("no rows"))
    for rank in (1, 2, 3):
        error, found = hear_verdict(world(loop, rank))
        assert type(error) is DataError and str(error) == "no rows" and found is None


def test_an_error_of_another_host_is_named_after_it(loop, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(socket, "gethostname", lambda: "node7")
        tell_ready(world(loop, 2), LaunchError("no GPU"))
    for rank in (1, 3):
        tell_ready(world(loop, rank), None)
    assert str(hear_ready(world(loop))) == "no GPU (on host node7)"


def test_the_first_of_several_errors_is_told(loop):
    for rank in (3, 1, 2):
        tell_ready(world(loop, rank), None if rank == 3 else LaunchError(f"rank {rank}"))
    assert str(hear_ready(world(loop))) == "rank 1"


@pytest.mark.parametrize("when", ["before", "while it is waited for", "in the middle of a word"])
def test_a_trainer_that_dies_is_not_waited_for(loop, when):
    for rank in (1, 3):
        tell_ready(world(loop, rank), None)
    if when == "in the middle of a word":
        loop.say(2, Tag.READY, None, whole=False)
    death = threading.Timer(0 if when == "before" else 0.05, loop.die, [2])
    death.start()
    if when == "before":
        death.join()
    assert hear_ready(world(loop)) is None
    death.join()


def test_a_verdict_reaches_those_that_live(loop):
    loop.die(2)
    tell_verdict(world(loop), None)
    for rank in (1, 3):
        assert hear_verdict(world(loop, rank)) == (None, None)


def test_a_stopped_trainer_holds_the_verdict_up_for_a_while_only(loop, monkeypatch):
    monkeypatch.setattr("agebo_hpc.execution.mpi.handshake.LEAVE_SECONDS", 0.05)
    loop.stopped.add(1)
    tell_verdict(world(loop), None)
    assert hear_verdict(world(loop, 3)) == (None, None)
