"""Ranks in one process: what the protocol uses of MPI, with deaths that a test chooses.

A `Loopback` is a world of ranks. `comm(rank)` is what a rank has of a communicator; the test is
the other ranks, either by hand (`say`, `heard`) or by threads that live a rank's life. With
`installed` what the package imports from mpi4py is this module's stand-in: neither MPI nor mpi4py
is needed.

Deaths go as with user-level failure mitigation: a dead rank's messages that were sent before
still come; a wildcard raises until the death is acknowledged; who sends to a dead rank, or waits
for it, gets an error; a revoked communicator fails for everybody.
"""

from __future__ import annotations

import pickle
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

ANY = -1
PROC_FAILED, PROC_FAILED_PENDING, REVOKED, OTHER = 54, 55, 56, 15
LIMIT_SECONDS = 30.0
"""How long a collective waits for its members before the test has failed."""


class LoopbackError(Exception):
    """Takes the place of `MPI.Exception`."""

    def __init__(self, code: int = OTHER) -> None:
        super().__init__(f"error of class {code}")
        self._code = code

    def Get_error_class(self) -> int:
        return self._code


class Status:
    """Source and tag of what was received."""

    source = tag = ANY

    def Get_source(self) -> int:
        return self.source

    def Get_tag(self) -> int:
        return self.tag


class Group:
    """An ordered set of world ranks."""

    def __init__(self, ranks: Sequence[int]) -> None:
        self.ranks = tuple(ranks)

    def Get_size(self) -> int:
        return len(self.ranks)

    def Incl(self, places: Sequence[int]) -> Group:
        return Group([self.ranks[place] for place in places])

    def Free(self) -> None:
        self.ranks = ()

    @staticmethod
    def Translate_ranks(group: Group, places: Sequence[int] | None, other: Group) -> list[int]:
        places = range(len(group.ranks)) if places is None else places
        return [other.ranks.index(group.ranks[place]) for place in places]


@dataclass
class _Message:
    source: int
    tag: int
    data: bytes
    is_whole: bool


@dataclass
class _Channel:
    """What the ranks of one communicator share."""

    ranks: tuple[int, ...]
    queues: dict[int, list[_Message]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    is_revoked: bool = False
    values: dict[tuple[str, int], dict[int, Any]] = field(default_factory=dict)
    calls: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    made: dict[object, _Channel] = field(default_factory=dict)


class Loopback:
    """A world of ranks in this process.

    Parameters
    ----------
    size
        Number of ranks, > 0.

    Attributes
    ----------
    dead
        World ranks that died.
    stopped
        Ranks that take nothing: messages to them stay under way.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.dead: set[int] = set()
        self.stopped: set[int] = set()
        self.changed = threading.Condition()
        everyone = tuple(range(size))
        self._channels: dict[object, _Channel] = {
            name: _Channel(everyone) for name in ("comm", "control")
        }

    def comm(self, rank: int, channel: str = "comm") -> LoopbackComm:
        """Return a rank's communicator of all ranks."""
        return LoopbackComm(self, self._channels[channel], rank)

    def channel_of(self, ranks: tuple[int, ...]) -> _Channel:
        """Return what a communicator of some of the ranks shares."""
        return self._channels.setdefault(ranks, _Channel(ranks))

    def die(self, rank: int) -> None:
        """Let a rank die now."""
        with self.changed:
            self.dead.add(rank)
            self.changed.notify_all()

    def say(
        self,
        rank: int,
        tag: int,
        message: Any = None,
        *,
        channel: str = "comm",
        whole: bool = True,
    ) -> Callable[[], None]:
        """Send a message from a rank to rank 0; what is returned lets the rest of it arrive."""
        sent = _Message(rank, int(tag), pickle.dumps(message), whole)
        self._channels[channel].queues[0].append(sent)
        return lambda: setattr(sent, "is_whole", True)

    def heard(self, rank: int, channel: str = "comm") -> list[tuple[int, Any]]:
        """Return (tag, message) of all that a rank has been sent and was not asked for before."""
        queue = self._channels[channel].queues[rank]
        taken, queue[:] = list(queue), []
        return [(message.tag, pickle.loads(message.data)) for message in taken]


class LoopbackComm:
    """A rank's handle of a communicator; named and behaving as in mpi4py."""

    def __init__(self, world: Loopback, channel: _Channel, rank: int) -> None:
        self._world, self._channel, self._own = world, channel, rank

    def Get_rank(self) -> int:
        return self._channel.ranks.index(self._own)

    def Get_size(self) -> int:
        return len(self._channel.ranks)

    def Get_group(self) -> Group:
        return Group(self._channel.ranks)

    def Free(self) -> None:
        self._check()

    def Revoke(self) -> None:
        with self._world.changed:
            self._channel.is_revoked = True
            self._world.changed.notify_all()

    def Get_failed(self) -> Group:
        return Group([rank for rank in self._channel.ranks if rank in self._world.dead])

    def Ack_failed(self, number: int) -> int:
        failed = self.Get_failed().ranks[:number]
        self._channel.acknowledged[self._own].update(failed)
        return len(failed)

    def isend(self, message: Any, dest: int, tag: int = 0) -> _Sending:
        self._check()
        rank = self._channel.ranks[dest]
        if rank in self._world.dead:
            raise LoopbackError(PROC_FAILED)
        sent = _Message(self.Get_rank(), int(tag), pickle.dumps(message), True)
        self._channel.queues[rank].append(sent)
        return _Sending(self._world, rank)

    def iprobe(self, source: int = ANY, tag: int = ANY) -> bool:
        return self._find(source, tag) is not None

    def improbe(self, source: int, tag: int, status: Status) -> _Matched | None:
        found = self._find(source, tag)
        if found is None:
            return None
        self._channel.queues[self._own].remove(found)
        status.source, status.tag = found.source, found.tag
        return _Matched(self._world, self._channel, found)

    def allgather(self, value: Any) -> list[Any]:
        found = self._together("allgather", pickle.dumps(value))
        return [pickle.loads(found[rank]) for rank in self._channel.ranks]

    def bcast(self, value: Any = None, root: int = 0) -> Any:
        return self.allgather(value)[root]

    def Barrier(self) -> None:
        self._together("Barrier", b"")

    def Shrink(self) -> LoopbackComm:
        with self._world.changed:
            left = [rank for rank in self._channel.ranks if rank not in self._world.dead]
            return self._made(("Shrink", tuple(left)), left)

    def Create_group(self, group: Group, tag: int = 0) -> LoopbackComm:
        self._check()
        key = ("Create_group", group.ranks)
        self._together(f"{key}", b"", group.ranks)
        return self._made(key, group.ranks)

    def _made(self, key: object, ranks: Sequence[int]) -> LoopbackComm:
        channel = self._channel.made.setdefault(key, _Channel(tuple(ranks)))
        return LoopbackComm(self._world, channel, self._own)

    def _check(self) -> None:
        if self._own in self._world.dead:
            # Nothing is heard of a dead rank; its thread ends here.
            raise SystemExit
        if self._channel.is_revoked:
            raise LoopbackError(REVOKED)

    def _find(self, source: int, tag: int) -> _Message | None:
        self._check()
        for message in self._channel.queues[self._own]:
            if source in (ANY, message.source) and tag in (ANY, message.tag):
                return message
        failed = set(self.Get_failed().ranks)
        if source == ANY and failed - self._channel.acknowledged[self._own]:
            raise LoopbackError(PROC_FAILED_PENDING)
        if source != ANY and self._channel.ranks[source] in failed:
            raise LoopbackError(PROC_FAILED)
        return None

    def _together(
        self, name: str, value: bytes, ranks: Sequence[int] | None = None
    ) -> dict[int, bytes]:
        """Wait for the members' values; a death among them is an error for those that wait."""
        ranks = self._channel.ranks if ranks is None else ranks
        channel, world = self._channel, self._world
        with world.changed:
            call = channel.calls[name, self._own]
            channel.calls[name, self._own] += 1
            values = channel.values.setdefault((name, call), {})
            values[self._own] = value
            world.changed.notify_all()

            def is_over() -> bool:
                gone = channel.is_revoked or self._own in world.dead
                return gone or all(r in values or r in world.dead for r in ranks)

            assert world.changed.wait_for(is_over, LIMIT_SECONDS), f"{name}: some never came"
            self._check()
            if not values.keys() >= set(ranks):
                raise LoopbackError(PROC_FAILED)
            return values


class _Sending:
    """A message under way."""

    def __init__(self, world: Loopback, rank: int) -> None:
        self._world, self._rank = world, rank

    def test(self) -> tuple[bool, None]:
        if self._rank in self._world.dead:
            raise LoopbackError(PROC_FAILED)
        return self._rank not in self._world.stopped, None


class _Matched:
    """A message that was found and is to be received, at once or as it arrives."""

    def __init__(self, world: Loopback, channel: _Channel, message: _Message) -> None:
        self._world, self._channel, self._message = world, channel, message

    def recv(self, status: Status | None = None) -> Any:
        assert self._message.is_whole, "who waits for the rest of a message may wait for ever"
        return pickle.loads(self._message.data)

    def irecv(self) -> _Matched:
        return self

    def test(self) -> tuple[bool, Any]:
        if self._message.is_whole:
            return True, pickle.loads(self._message.data)
        if self._channel.ranks[self._message.source] in self._world.dead:
            raise LoopbackError(PROC_FAILED)
        return False, None


def stand_in() -> types.ModuleType:
    """Return a module to be imported in the place of mpi4py."""
    package = types.ModuleType("mpi4py")
    package.MPI = types.SimpleNamespace(  # type: ignore[attr-defined]
        ANY_SOURCE=ANY,
        ANY_TAG=ANY,
        Exception=LoopbackError,
        Group=Group,
        Status=Status,
        ERR_PROC_FAILED=PROC_FAILED,
        ERR_PROC_FAILED_PENDING=PROC_FAILED_PENDING,
        ERR_REVOKED=REVOKED,
    )
    return package


@contextmanager
def installed() -> Iterator[None]:
    """Let what is imported from mpi4py meanwhile be the stand-in."""
    package = stand_in()
    with patch.dict(sys.modules, {"mpi4py": package, "mpi4py.MPI": package.MPI}):
        yield
