"""How the ranks of a world end together, also when some of them have died."""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agebo_hpc.errors import EXIT_INTERNAL
from agebo_hpc.execution.mpi.handshake import LEAVE_SECONDS
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Tag
from agebo_hpc.execution.mpi.ulfm import is_death
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.reporter import Reporter
from agebo_hpc.streams import flush_streams

FINALIZE_SECONDS = 5.0
"""How long the ranks of a job that survives deaths wait for one another at their very end."""


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
