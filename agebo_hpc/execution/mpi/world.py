"""The ranks of a job: who launched them, who manages, who trains together."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.mpi.preflight import check_shared_memory
from agebo_hpc.execution.mpi.protocol import MANAGER
from agebo_hpc.execution.mpi.rank_info import RankInfo
from agebo_hpc.execution.mpi.start import start_mpi
from agebo_hpc.execution.mpi.ulfm import job_survives
from agebo_hpc.execution.worker_groups import carve
from agebo_hpc.job.launcher import check_world
from agebo_hpc.job.nodes import THREADS_VARIABLE, expand_variable
from agebo_hpc.processes.process_id import ProcessId
from agebo_hpc.training.ways import Way, by_host, choose_way

NODE_VARIABLE = "AGEBO_NODE_NAME"
"""Set per rank, it takes the place of the host's name. For tests: nodes that are one host."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class World:
    """All ranks of the job and this rank's place among them.

    Attributes
    ----------
    comm
        Communicator of all ranks, our own duplicate.
    group
        Communicator of this rank's worker group; None on the manager and on ranks left over.
    groups
        World ranks of every worker group, in order.
    threads
        Cores that this rank may run on, divided by the trainer ranks of its node that may run on
        them too; at least 1.
    local_rank
        This rank's number among the trainer ranks of its node, from 0.
    control
        Communicator of all ranks for heartbeats and repairs: those never wait behind trainings.
    process_ids
        ProcessId of every rank: host and process.
    survives
        Whether the job goes on when a rank dies.
    num_nodes
        Nodes that have trainer ranks.
    rank_infos
        Facts of every rank: node, cores and devices.
    """

    comm: Any
    group: Any | None
    groups: tuple[tuple[int, ...], ...]
    threads: int
    local_rank: int
    control: Any
    process_ids: tuple[ProcessId, ...]
    survives: bool
    num_nodes: int
    rank_infos: tuple[RankInfo, ...] = ()

    @property
    def is_manager(self) -> bool:
        """Whether this rank decides."""
        return bool(self.comm.Get_rank() == MANAGER)

    @property
    def neighbours(self) -> tuple[int, ...]:
        """World ranks of this rank's worker group that are on its node, itself among them."""
        own = self.comm.Get_rank()
        group = next((group for group in self.groups if own in group), ())
        return tuple(
            rank for rank in group if self.rank_infos[rank].node == self.rank_infos[own].node
        )

    def way(self, asked: str) -> Way:
        """Return how trainings on several ranks sum gradients; all ranks find the same. Local.

        Parameters
        ----------
        asked
            One of `agebo_hpc.training.ways.CHOICES`.

        Raises
        ------
        LaunchError
            If Horovod is asked for and a trainer rank lacks it.
        """
        trainers = [info for rank, info in enumerate(self.rank_infos) if rank != MANAGER]
        return choose_way(asked, by_host((info.node, info.has_horovod) for info in trainers))

    @property
    def memory_shares(self) -> dict[int, float]:
        """Bytes of its node's memory for each trainer rank, if all there have the same."""
        return {
            rank: self.rank_infos[rank].memory / len(ranks)
            for ranks in _trainers_by_node(self.rank_infos).values()
            for rank in ranks
        }

    def threads_of(self, rank: int) -> int:
        """Return the cores for a rank, as `threads` is for this one."""
        return _threads(self.rank_infos, rank, _trainers_by_node(self.rank_infos))

    @property
    def num_cores(self) -> int:
        """Different cores that the trainer ranks of all nodes may run on."""
        ranks_of = _trainers_by_node(self.rank_infos).values()
        return sum(
            len(frozenset().union(*(self.rank_infos[rank].cores for rank in ranks)))
            for ranks in ranks_of
        )

    @property
    def largest_group(self) -> int:
        """Slots of the largest worker group."""
        return max(len(group) for group in self.groups)


def join_world() -> Any:
    """Initialise MPI and return a duplicate of the world communicator. Collective over the world.

    Raises
    ------
    LaunchError
        If the world has one rank.
    """
    check_shared_memory()
    MPI = start_mpi()  # noqa: N806 (mpi4py's name)
    size = MPI.COMM_WORLD.Get_size()
    check_world(size)
    if size < 2:
        raise LaunchError(
            "The world has 1 rank; 1 manager and at least 1 trainer need 2. Start with "
            "`mpirun -n 2` or more, or use `--executor serial`."
        )
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise LaunchError(
            f"MPI gives thread level {MPI.Query_thread()}; agebo_hpc needs MPI_THREAD_MULTIPLE "
            f"({MPI.THREAD_MULTIPLE}). Use an MPI library that was built with it."
        )
    # Errors come back as exceptions on every communicator that is made from these, in C too.
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        comm.Set_errhandler(MPI.ERRORS_RETURN)
    return MPI.COMM_WORLD.Dup()


def node_name(environ: Mapping[str, str] | None = None) -> str:
    """Return this node's name: the host's own. Local.

    A scheduler's variable would not do: a launcher may hand that of the first node to all ranks.
    """
    environ = os.environ if environ is None else environ
    return environ.get(NODE_VARIABLE, "") or socket.gethostname()


def find_nodes(comm: Any) -> tuple[str, ...]:
    """Return the node of every rank, by its name. Collective over `comm`.

    Ranks share a node if their hosts have one name, and MPI says that they share memory or one
    running kernel carries them: some process managers do not tell MPI who sits together. Nodes of
    the same name are told apart by a number.

    Parameters
    ----------
    comm
        Communicator of all ranks.
    """
    from mpi4py import MPI

    sharing = comm.Split_type(MPI.COMM_TYPE_SHARED)
    first = sharing.bcast(comm.Get_rank())
    sharing.Free()
    return tell_apart(comm.allgather((node_name(), first, _kernel())))


def _kernel() -> str:
    """Return what names the running kernel since its start; empty where it has no such name."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def tell_apart(places: Sequence[tuple[str, int, str]]) -> tuple[str, ...]:
    """Return a name for each place, the same for those of one node and for these alone. Pure.

    Parameters
    ----------
    places
        Name of the host, the first rank that shares its memory, and its kernel or nothing.
    """
    joined: dict[tuple[str, int], int] = {}
    kernels: dict[tuple[str, str], int] = {}
    for name, first, kernel in places:
        known = kernels.setdefault((name, kernel), first) if kernel else first
        joined.setdefault((name, first), joined.get((name, known), known))
    seen: dict[str, list[int]] = {}
    for name, first, _ in places:
        numbers = seen.setdefault(name, [])
        if joined[name, first] not in numbers:
            numbers.append(joined[name, first])
    return tuple(
        f"{name}#{seen[name].index(joined[name, first]) + 1}" if len(seen[name]) > 1 else name
        for name, first, _ in places
    )


def form_groups(comm: Any, max_processes: int, span_nodes: bool = False) -> World:
    """Group the trainer ranks by node and carve each node's into worker groups.

    Collective over `comm`.

    Parameters
    ----------
    comm
        Communicator of all ranks.
    max_processes
        Largest number of slots of a group, >= 1.
    span_nodes
        Whether a group may have slots of several nodes, where one node has too few.
    """
    from mpi4py import MPI

    rank = comm.Get_rank()
    node = find_nodes(comm)[rank]
    rank_infos, process_ids = zip(
        *comm.allgather((RankInfo.here(node), ProcessId.here())), strict=True
    )
    trainers = _trainers_by_node(rank_infos)
    groups = carve(list(trainers.values()), max_processes, span_nodes)
    color = next((i for i, group in enumerate(groups) if rank in group), MPI.UNDEFINED)
    group = comm.Split(color, 0 if color == MPI.UNDEFINED else groups[color].index(rank))
    neighbours = trainers.get(node, [])
    return World(
        comm=comm,
        group=None if group == MPI.COMM_NULL else group,
        groups=groups,
        threads=_threads(rank_infos, rank, trainers),
        local_rank=neighbours.index(rank) if rank in neighbours else 0,
        control=comm.Dup(),
        process_ids=process_ids,
        survives=job_survives(),
        num_nodes=len(trainers),
        rank_infos=rank_infos,
    )


def _trainers_by_node(rank_infos: Sequence[RankInfo]) -> dict[str, list[int]]:
    """Return node -> its trainer ranks; nodes in the order of their first one."""
    trainers: dict[str, list[int]] = {}
    for rank, info in enumerate(rank_infos):
        if rank != MANAGER:
            trainers.setdefault(info.node, []).append(rank)
    return trainers


def _threads(
    rank_infos: Sequence[RankInfo], rank: int, trainers: Mapping[str, Sequence[int]]
) -> int:
    """Return the cores for a trainer rank: what the job's script says for its node, or its share.

    Parameters
    ----------
    rank_infos
        Facts of every rank.
    rank
        World rank whose share is asked for.
    trainers
        Node -> its trainer ranks, in the order of the nodes.
    """
    node = rank_infos[rank].node
    given = expand_variable(THREADS_VARIABLE, len(trainers), os.environ)
    if given is not None and node in trainers:
        return given[list(trainers).index(node)]
    return share_of_cores(rank_infos, rank, trainers.get(node, ()))


def share_of_cores(rank_infos: Sequence[RankInfo], rank: int, neighbours: Sequence[int]) -> int:
    """Return a rank's cores divided by the ranks of its node that may run on them too, >= 1. Pure.

    Parameters
    ----------
    rank_infos
        Facts of every rank.
    rank
        World rank whose share is asked for.
    neighbours
        Ranks of its node that train, itself among them if it does.
    """
    mine = rank_infos[rank].cores
    sharing = sum(not mine.isdisjoint(rank_infos[neighbour].cores) for neighbour in neighbours)
    granted = rank_infos[rank].granted // max(1, len(neighbours))
    return max(1, min(len(mine) // max(1, sharing), granted))
