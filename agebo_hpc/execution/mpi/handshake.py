"""How the ranks of a world begin and end together, also when one of them dies meanwhile.

Messages to and from the manager take the place of MPI's collectives: those wait for the dead, and
keep a core busy where a rank takes long to load its libraries.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agebo_hpc.errors import EXIT_INTERNAL, AgeboError
from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.mpi.inbox import Inbox, try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Tag
from agebo_hpc.execution.mpi.ulfm import dead_ranks, is_death
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.reporter import Reporter
from agebo_hpc.streams import flush_streams

LEAVE_SECONDS = 30.0
"""How long a last message may take."""

FINALIZE_SECONDS = 5.0
"""How long the ranks of a job that survives deaths wait for one another at their very end."""

Said = tuple[type[AgeboError], str, str] | None
"""An error as it travels: class, text, host."""


def tell_verdict(world: World, error: AgeboError | None, found: Any = None) -> None:
    """Tell every trainer rank whether to go on, and what was found. On the manager."""
    outbox = Outbox(world.comm)
    for rank in range(world.comm.Get_size()):
        if rank != MANAGER:
            outbox.send((_said(error), found), rank, Tag.VERDICT)
    outbox.flush(LEAVE_SECONDS)


def hear_verdict(world: World) -> tuple[AgeboError | None, Any]:
    """Receive the manager's verdict: the error that ends the search, or None, and what it found.

    On a trainer.
    """
    backoff = Backoff()
    while (received := try_receive(world.comm, MANAGER, Tag.VERDICT)) is None:
        backoff.sleep()
    said, found = received[0]
    return _heard(said), found


def tell_ready(world: World, error: AgeboError | None) -> None:
    """Tell the manager whether this rank can train. On a trainer."""
    outbox = Outbox(world.comm)
    outbox.send(_said(error), MANAGER, Tag.READY)
    outbox.flush(LEAVE_SECONDS)


def hear_ready(world: World) -> AgeboError | None:
    """Return the first error that a trainer rank has, when all are heard. On the manager.

    Ranks that died are not waited for.
    """
    inbox, backoff = Inbox(world.comm), Backoff()
    waiting = set(range(world.comm.Get_size())) - {MANAGER}
    first = None
    while waiting:
        received = inbox.receive()
        if received is None:
            backoff.sleep()
            waiting -= dead_ranks(world.comm) if world.survives else set()
            continue
        waiting.discard(received[0])
        first = first or _heard(received[2])
    return first


def _said(error: AgeboError | None) -> Said:
    return None if error is None else (type(error), str(error), socket.gethostname())


def _heard(said: Said) -> AgeboError | None:
    """Return an error, named after its host where that is not this one."""
    if said is None:
        return None
    kind, text, host = said
    return kind(text if host == socket.gethostname() else f"{text} (on host {host})")


def leave(world: World, code: int, has_losses: bool) -> None:
    """Leave the world together, so that the first to exit does not get the others killed.

    Collective over those that live: the manager has let them go, and a trainer says goodbye.

    Parameters
    ----------
    world
        The world of all ranks.
    code
        Exit code of this process.
    has_losses
        Whether any rank died.
    """
    if world.comm.Get_rank() != MANAGER:
        outbox = Outbox(world.comm)
        outbox.send(None, MANAGER, Tag.BYE)
        outbox.flush(LEAVE_SECONDS)
    if not world.survives:
        world.comm.Barrier()
    elif has_losses:
        # MPI_Finalize would wait for the dead now and then. Without it, Open MPI takes the exit
        # of a process of a job that survives for what it is.
        atexit.register(_exit_at_once, code)
    else:
        atexit.register(_finalize_in_time, code)


def _finalize_in_time(code: int) -> None:
    """Finalize MPI; exit without, should it take long: a rank may have died as all left."""
    from mpi4py import MPI

    limit = threading.Timer(FINALIZE_SECONDS, _exit_at_once, (code,))
    limit.daemon = True
    limit.start()
    # By the module's own library: mpi4py's Finalize holds the interpreter's lock, and the timer's
    # thread would wait for it.
    ctypes.CDLL(MPI.__file__).MPI_Finalize()


def _exit_at_once(code: int) -> None:
    logging.shutdown()
    flush_streams()
    os._exit(code)


@contextmanager
def leaving_without_manager(world: World, reporter: Reporter) -> Iterator[None]:
    """End this process where the manager is found dead: nobody would take its results."""
    from mpi4py import MPI

    try:
        yield
    except MPI.Exception as error:
        if not is_death(error):
            raise
        reporter.say(
            f"agebo-hpc: rank {world.comm.Get_rank()} ends: the manager, rank {MANAGER} on "
            f"{world.process_ids[MANAGER]}, died. Go on with `agebo-hpc resume RUN`."
        )
        os._exit(EXIT_INTERNAL)
