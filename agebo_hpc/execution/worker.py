"""A trainer rank's life: wait for a start, train with the others named in it, send the result."""

from __future__ import annotations

import signal
import time
from typing import Any

from agebo_hpc.execution.guard import run_guarded
from agebo_hpc.execution.limits import Interrupt
from agebo_hpc.execution.protocol import MANAGER, Backoff, Start, Tag, try_receive
from agebo_hpc.execution.serial import make_result
from agebo_hpc.execution.world import World
from agebo_hpc.training.trainer import Trainer


def ignore_stop_signals() -> None:
    """Let signals that ask the search to stop pass: the manager decides, by a stop order."""
    for number in Interrupt.SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def serve(world: World, trainer: Trainer, seed: int) -> None:
    """Train what the manager starts until it says quit.

    Parameters
    ----------
    world
        Gives the communicators.
    trainer
        Of this rank.
    seed
        Of the search.
    """
    from mpi4py import MPI

    backoff = Backoff()
    while True:
        received = try_receive(world.comm, MANAGER, MPI.ANY_TAG)
        if received is None:
            backoff.sleep()
            continue
        backoff.reset()
        message, status = received
        if status.Get_tag() == Tag.QUIT:
            return
        if status.Get_tag() == Tag.START:
            _take_part(world, trainer, message, seed)
        # A stop order that comes after its evaluation has ended is dropped here.


def _take_part(world: World, trainer: Trainer, start: Start, seed: int) -> None:
    """Train one evaluation with its other members. Collective over the members."""
    started = time.time()
    comm = _members(world, start.ranks)
    is_leader = world.comm.Get_rank() == start.ranks[0]

    def stop() -> bool:
        return is_leader and _stop_ordered(world.comm, start.evaluation.id)

    ending = run_guarded(trainer, start.evaluation, seed, comm, stop)
    if comm is not None:
        comm.Free()
    if is_leader:
        times = (start.submitted, started)
        result = make_result(start.evaluation, ending, times, start.ranks)
        world.comm.send(result, MANAGER, Tag.RESULT)


def _members(world: World, ranks: tuple[int, ...]) -> Any | None:
    """Return a communicator of exactly these ranks; None for one. Collective over them."""
    if len(ranks) == 1 or world.group is None:
        return None
    group = next(group for group in world.groups if ranks[0] in group)
    members = world.group.Get_group().Incl([group.index(rank) for rank in ranks])
    # The leader's place is the tag: blocks that form at the same time do not overlap.
    return world.group.Create_group(members, group.index(ranks[0]))


def _stop_ordered(comm: Any, evaluation_id: int) -> bool:
    received = try_receive(comm, MANAGER, Tag.STOP)
    return received is not None and received[0] == evaluation_id
