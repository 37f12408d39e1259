"""What a rank of a `Loopback` knows of the others: processes, hosts, worker groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loopback import Loopback, LoopbackComm

from agebo_hpc.execution.mpi.rank_info import RankInfo
from agebo_hpc.execution.mpi.world import World


class LoopbackProcessId:
    """Which process a rank would be; who kills it lets the rank die.

    Parameters
    ----------
    world
        Of the rank.
    rank
        Its number.
    host
        Name of its host; rank 0 is on ``near``.
    """

    def __init__(self, world: Loopback, rank: int, host: str) -> None:
        self._world, self.rank, self.host = world, rank, host
        self.pid = 1000 + rank

    def __reduce__(self) -> tuple[Any, ...]:
        # A message that names a place names its rank.
        return (str, (str(self),))

    @property
    def is_local(self) -> bool:
        return self.host == "near"

    def has_ended(self) -> bool:
        return self.rank in self._world.dead

    number_is_free = has_ended

    def kill(self) -> None:
        self._world.die(self.rank)

    def __str__(self) -> str:
        return f"host {self.host} (process {self.pid})"


def world_of(
    loop: Loopback,
    groups: Sequence[Sequence[int]],
    *,
    rank: int = 0,
    hosts: dict[int, str] | None = None,
    survives: bool = True,
) -> Any:
    """Return a rank's `World`.

    Parameters
    ----------
    loop
        All ranks.
    groups
        World ranks of each worker group.
    rank
        Whose view it is.
    hosts
        Rank -> its host; ``near``, that of the manager, for those that are not named.
    survives
        Whether the job goes on when a rank dies.
    """
    places = [LoopbackProcessId(loop, i, (hosts or {}).get(i, "near")) for i in range(loop.size)]
    own = next((tuple(group) for group in groups if rank in group), None)
    channel = None if own is None else loop.channel_of(own)
    return World(
        comm=loop.comm(rank),
        group=None if channel is None else LoopbackComm(loop, channel, rank),
        groups=tuple(map(tuple, groups)),
        threads=1,
        local_rank=max(0, rank - 1),
        control=loop.comm(rank, "control"),
        process_ids=tuple(places),
        survives=survives,
        num_nodes=len({place.host for place in places[1:]}),
        rank_infos=tuple(RankInfo(place.host, frozenset({0}), 1, "") for place in places),
    )
