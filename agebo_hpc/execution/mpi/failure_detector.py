"""The manager's watch over the trainer ranks: who died, who hangs, who is ended for it."""

from __future__ import annotations

import logging
import time

from agebo_hpc.errors import RankDiedError
from agebo_hpc.execution.mpi.heartbeats import Heartbeats
from agebo_hpc.execution.mpi.inbox import Inbox
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Tag
from agebo_hpc.execution.mpi.ulfm import dead_ranks
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.processes.memory_limit import MemoryLimit

logger = logging.getLogger(__name__)

LAST_SECONDS = 10.0
"""A rank that was ended and is not found dead after this time counts as dead all the same."""


class FailureDetector:
    """Knows which trainer ranks live.

    Parameters
    ----------
    world
        The world of all ranks.
    control
        Sends on ``world.control``.
    heartbeat_timeout
        Seconds without a heartbeat after which a rank is ended; 0: never.
    memory_limit
        Hears of the ranks' memory.

    Attributes
    ----------
    alive
        World ranks of the trainers that live.
    death_reports
        One sentence on every dead rank.
    """

    def __init__(
        self, world: World, control: Outbox, heartbeat_timeout: float, memory_limit: MemoryLimit
    ) -> None:
        self._world = world
        self._memory_limit = memory_limit
        self._control = control
        self._inbox = Inbox(world.control)
        self.alive = set(range(world.comm.Get_size())) - {MANAGER}
        self.death_reports: dict[int, str] = {}
        self._timeout = heartbeat_timeout
        self._heartbeats = Heartbeats(self.alive, heartbeat_timeout)
        self._ended: dict[int, tuple[float, str]] = {}
        self._repaired: list[int] = []
        # Those whose processes are seen from here: containers may share a host's name only.
        local = {rank for rank in self.alive if world.process_ids[rank].is_local}
        self._local = {rank for rank in local if not world.process_ids[rank].has_ended()}

    def host(self, rank: int) -> str:
        """Return the host of a rank."""
        return self._world.process_ids[rank].host

    def look(self) -> list[int]:
        """Return the ranks that died since the last look; end those that hang. Local.

        Raises
        ------
        RankDiedError
            If a rank died and the job cannot go on without it.
        """
        self._take_messages()
        for rank in self._heartbeats.silent():
            self.end(rank, f"was silent for more than {self._timeout:g} s")
        dead = sorted((self._found_dead() | self._given_up()) & self.alive)
        for rank in dead:
            self._report_death(rank)
        if dead and not self._world.survives:
            raise RankDiedError(
                f"{self.death_reports[dead[0]]} The job cannot go on without it: resume the run. "
                "With Open MPI 5, `mpirun --with-ft ulfm` loses no more than its evaluation."
            )
        return dead

    def repaired(self) -> list[int]:
        """Return the ranks that have repaired their group since this was last asked."""
        repaired, self._repaired = self._repaired, []
        return repaired

    def expect_no_beats(self) -> None:
        """Take no silent rank for dead from now on: ranks leave."""
        self._heartbeats = Heartbeats((), 0.0)

    def end(self, rank: int, reason: str) -> None:
        """Kill a rank's process, by a neighbour of it where it is on another host."""
        if rank in self._ended or rank not in self.alive:
            return
        place = self._world.process_ids[rank]
        logger.warning("rank %d on %s %s: it is ended", rank, place, reason)
        self._ended[rank] = (time.monotonic(), reason)
        if place.is_local:
            place.kill()
            return
        for neighbour in sorted(self.alive - self._ended.keys()):
            if self.host(neighbour) == place.host:
                self._control.send(place, neighbour, Tag.KILL)
                return

    def _take_messages(self) -> None:
        while (received := self._inbox.receive()) is not None:
            rank, tag, content = received
            self._heartbeats.heard(rank)
            if tag == Tag.REPAIRED:
                self._repaired.append(rank)
            if tag == Tag.BEAT:
                self._memory_limit.observe(
                    rank, f"Rank {rank} on {self._world.process_ids[rank]}", content
                )

    def _found_dead(self) -> set[int]:
        if self._world.survives:
            return dead_ranks(self._world.comm) | dead_ranks(self._world.control)
        places = self._world.process_ids
        return {rank for rank in self._local & self.alive if places[rank].number_is_free()}

    def _given_up(self) -> set[int]:
        limit = time.monotonic() - LAST_SECONDS
        return {rank for rank, (ended, _) in self._ended.items() if ended < limit}

    def _report_death(self, rank: int) -> None:
        self.alive.discard(rank)
        self._heartbeats.forget(rank)
        _, reason = self._ended.get(rank, (0.0, ""))
        cause = f": it {reason} and was ended." if reason else "."
        self.death_reports[rank] = f"Rank {rank} on {self._world.process_ids[rank]} died{cause}"
        logger.warning("%s", self.death_reports[rank])
