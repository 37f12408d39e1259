"""All ranks of a job as one group that trains one network; there is no manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from agebo_hpc.errors import AgeboError
from agebo_hpc.execution.mpi.rank_info import RankInfo
from agebo_hpc.execution.mpi.world import find_nodes, join_world, share_of_cores
from agebo_hpc.job.cores import available_cores
from agebo_hpc.job.launcher import announced_world, launched_by_mpi
from agebo_hpc.training.ways import Way, by_host, choose_way, here, load_horovod

Value = TypeVar("Value")


@dataclass(frozen=True)
class RankGroup:
    """The ranks that train together and this rank's place among them.

    Attributes
    ----------
    comm
        Communicator of all ranks; None for a process without a launcher.
    rank, size
        Number of this rank, from 0, and of all.
    local_rank
        Number of this rank on its node, from 0.
    cores
        Cores for this rank: those that it may run on, divided by the ranks that share them.
    hosts
        Whether each rank has Horovod, by host.
    """

    comm: Any | None
    rank: int
    size: int
    local_rank: int
    cores: int
    hosts: Mapping[str, bool]

    def way(self, asked: str) -> Way:
        """Return how the ranks sum their gradients; all find the same. Collective over `comm`.

        Parameters
        ----------
        asked
            One of `agebo_hpc.training.ways.CHOICES`.

        Raises
        ------
        LaunchError
            On all ranks alike, if Horovod is asked for and a rank lacks it or cannot load it.
        """
        way = choose_way(asked, self.hosts)
        if self.size > 1 and way.name == "horovod":
            self.agree(load_horovod)
        return way

    def agree(self, work: Callable[[], Value]) -> Value:
        """Call a function on every rank; what fails on one fails on all. Collective over `comm`.

        Raises
        ------
        AgeboError
            That of the first rank that had one.
        """
        value, error = _attempt(work)
        errors = [error] if self.comm is None else self.comm.allgather(error)
        for reason in errors:
            if reason is not None:
                raise reason
        return cast(Value, value)

    def first(self, work: Callable[[], Value]) -> Value:
        """Return what rank 0 alone finds; its failure is everyone's. Collective over `comm`.

        Raises
        ------
        AgeboError
            That of rank 0.
        """
        found = _attempt(work) if self.rank == 0 else (None, None)
        value, error = found if self.comm is None else self.comm.bcast(found)
        if error is not None:
            raise error
        return cast(Value, value)


def _attempt(work: Callable[[], Value]) -> tuple[Value | None, AgeboError | None]:
    try:
        return work(), None
    except AgeboError as error:
        return None, error


def join_rank_group() -> RankGroup:
    """Return the group of all ranks that were launched. Collective over the world.

    Raises
    ------
    LaunchError
        If the launcher and MPI do not agree on how many there are.
    """
    announced = announced_world()
    if not launched_by_mpi() or announced is None or announced[1] < 2:
        return RankGroup(None, 0, 1, 0, available_cores(), here())
    comm = join_world()
    rank = comm.Get_rank()
    infos = comm.allgather(RankInfo.here(find_nodes(comm)[rank]))
    neighbours = [i for i, info in enumerate(infos) if info.node == infos[rank].node]
    return RankGroup(
        comm,
        rank,
        comm.Get_size(),
        neighbours.index(rank),
        share_of_cores(infos, rank, neighbours),
        by_host((info.node, info.has_horovod) for info in infos),
    )
