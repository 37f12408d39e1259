"""A trainer rank's second thread: heartbeats, repairs, and the order to end a hung neighbour.

The main thread trains, for hours perhaps; what cannot wait so long is done here.
"""

from __future__ import annotations

import threading
import time

from agebo_hpc.execution.mpi.communicators import Communicators
from agebo_hpc.execution.mpi.heartbeats import LONGEST_BEAT, beat_seconds
from agebo_hpc.execution.mpi.inbox import try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Tag
from agebo_hpc.execution.mpi.shutdown import leaving_without_manager
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.processes.memory import own_memory
from agebo_hpc.processes.process_id import ProcessId
from agebo_hpc.reporter import Reporter

LOOK_SECONDS = 0.1
"""Seconds between two looks for messages."""


class ControlThread:
    """Lives in a thread of its own from `start` to `stop`.

    Parameters
    ----------
    world
        Gives the communicator of control messages.
    communicators
        This rank's worker group.
    heartbeat_timeout
        Seconds; several heartbeats are sent in this time; 0: none.
    reporter
        Tells that the manager died.
    """

    def __init__(
        self,
        world: World,
        communicators: Communicators,
        heartbeat_timeout: float,
        reporter: Reporter,
    ) -> None:
        self._reporter = reporter
        self._world = world
        self._control = world.control
        self._communicators = communicators
        self._beat_seconds = beat_seconds(heartbeat_timeout) if heartbeat_timeout else LONGEST_BEAT
        self._beats = bool(heartbeat_timeout)
        self._outbox = Outbox(world.control)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="control", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; no message is sent afterwards."""
        self._ended.set()
        self._thread.join()

    def _live(self) -> None:
        due = 0.0
        pause = min(LOOK_SECONDS, self._beat_seconds)
        with leaving_without_manager(self._world, self._reporter):
            while not self._ended.wait(pause):
                self._take_orders()
                if self._beats and time.monotonic() >= due:
                    due = time.monotonic() + self._beat_seconds
                    self._beat()

    def _take_orders(self) -> None:
        from mpi4py import MPI

        while (received := try_receive(self._control, MANAGER, MPI.ANY_TAG)) is not None:
            message, status = received
            if status.Get_tag() == Tag.REPAIR:
                self._communicators.repair()
                self._outbox.send(None, MANAGER, Tag.REPAIRED)
            elif status.Get_tag() == Tag.KILL:
                place: ProcessId = message
                place.kill()

    def _beat(self) -> None:
        # One that is still under way would only be followed by the next.
        if not self._outbox.sweep():
            self._outbox.send(own_memory(), MANAGER, Tag.BEAT)
