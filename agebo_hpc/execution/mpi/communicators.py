"""A trainer rank's worker group: who trains with whom, also after a rank of it died."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.mpi.inbox import try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Start, Tag
from agebo_hpc.execution.mpi.ulfm import AbandonedError, accept_death, is_death
from agebo_hpc.execution.mpi.world import World

MEETING_SECONDS = 5e-4
"""Seconds between two looks for a member's word, for which the others wait."""


class Communicators:
    """The worker group of a trainer rank.

    Parameters
    ----------
    world
        Gives the communicators.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._group = world.group
        self._rank = world.comm.Get_rank()
        self._outbox = Outbox(world.comm)
        self._lock = threading.Lock()
        self._made: dict[tuple[int, ...], Any] = {}

    def repair(self) -> None:
        """Leave the dead out of the group's communicator. Collective over those that live.

        Called by the control threads while the group starts nothing, so that trainings go on.
        """
        if self._group is None:
            return
        repaired = self._group.Shrink()
        with self._lock:
            self._group = repaired

    def join(self, start: Start) -> Any | None:
        """Return a communicator of an evaluation's members; None for one.

        Collective over the members. It is made once and kept for the next evaluation of the same
        members: the making of one is what MPI does not come back from when a member dies in it.
        They meet before and after, and a death is noticed while they wait for one another.

        Raises
        ------
        AbandonedError
            If a member died or the manager gave the evaluation up.
        """
        if len(start.ranks) == 1:
            return None
        if start.ranks not in self._made:
            self._meet(start, "before")
            made = self._make(start.ranks)
            self._meet(start, "after")
            self._made[start.ranks] = made
        return self._made[start.ranks]

    def part(self, start: Start) -> None:
        """Drop the members' communicator: they may not agree on which operation comes next.

        Collective over the members that live.
        """
        comm = self._made.pop(start.ranks, None)
        if comm is not None:
            if self._world.survives:
                # Members that wait for one another, and not for the dead one, get an error too.
                accept_death(comm.Revoke)
            accept_death(comm.Free)

    def _make(self, ranks: tuple[int, ...]) -> Any:
        with self._lock:
            group = self._group
        made = None if group is None else accept_death(lambda: self._create(group, ranks))
        if made is None:
            raise AbandonedError
        return made

    def _create(self, group: Any, ranks: tuple[int, ...]) -> Any:
        from mpi4py import MPI

        everyone = self._world.comm.Get_group()
        chosen, of_group = everyone.Incl(ranks), group.Get_group()
        [leader] = MPI.Group.Translate_ranks(chosen, [0], of_group)
        try:
            # The leader's place is the tag: blocks that form at the same time do not overlap.
            return group.Create_group(chosen, leader)
        finally:
            for made in (everyone, chosen, of_group):
                made.Free()

    def _meet(self, start: Start, when: str) -> None:
        if not self._world.survives:
            return
        leader, *followers = start.ranks
        word = (start.number, when)
        if self._rank == leader:
            for member in followers:
                self._await(member, Tag.MEET, word)
            for member in followers:
                self._outbox.send(word, member, Tag.GO)
        else:
            self._outbox.send(word, leader, Tag.MEET)
            self._await(leader, Tag.GO, word)

    def _await(self, source: int, tag: Tag, word: tuple[int, str]) -> None:
        """Wait for a member's answer to a start; answers to earlier ones are dropped."""
        comm, backoff = self._world.comm, Backoff(MEETING_SECONDS)
        while True:
            with _abandoning():
                received = try_receive(comm, source, tag)
            if received is not None and received[0] == word:
                return
            # CALL stays where it is: the main loop answers it.
            if comm.iprobe(MANAGER, Tag.CALL):
                raise AbandonedError
            backoff.sleep()


@contextmanager
def _abandoning() -> Iterator[None]:
    from mpi4py import MPI

    try:
        yield
    except MPI.Exception as error:
        if not is_death(error):
            raise
        raise AbandonedError from error
