"""How the ranks of a world begin together, also when one of them dies meanwhile.

Messages to and from the manager take the place of MPI's collectives: those wait for the dead, and
keep a core busy where a rank takes long to load its libraries.
"""

from __future__ import annotations

import socket
from typing import Any

from agebo_hpc.errors import AgeboError
from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.mpi.inbox import Inbox, try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Tag
from agebo_hpc.execution.mpi.ulfm import dead_ranks
from agebo_hpc.execution.mpi.world import World

LEAVE_SECONDS = 30.0
"""How long a last message may take."""

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

    Called on a trainer.
    """
    backoff = Backoff()
    while (received := try_receive(world.comm, MANAGER, Tag.VERDICT)) is None:
        backoff.sleep()
    said, found = received[0]
    return _heard(said), found


def tell_ready(world: World, error: AgeboError | None) -> None:
    """Tell the manager whether this rank can train. Raised on a trainer."""
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
