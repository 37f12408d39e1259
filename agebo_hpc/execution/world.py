"""The ranks of a job: who launched them, who manages, who trains together."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.faults import Place, job_survives
from agebo_hpc.execution.launcher import announced_world, check_world
from agebo_hpc.execution.mpi import start_mpi
from agebo_hpc.execution.protocol import MANAGER
from agebo_hpc.execution.startup import RankFacts, check_shared_memory

NODE_VARIABLES = ("AGEBO_NODE_NAME", "SLURMD_NODENAME")
"""Set per rank, the first takes the place of the host in deciding which ranks share a node."""


def launched_by_mpi() -> bool:
    """Tell whether a launcher started this process as one rank of a world. Local.

    The batch shell of a Slurm job of one task is not a world.
    """
    announced = announced_world()
    return announced is not None and (announced[0] != "SLURM_NTASKS" or announced[1] > 1)


def check_alone(executor: str = "serial") -> None:
    """Refuse to be one of several processes that would all run the same search. Local.

    Parameters
    ----------
    executor
        Named in the message.

    Raises
    ------
    LaunchError
        If a launcher started more than one rank.
    """
    announced = announced_world()
    # In the batch shell of a Slurm job the number of tasks is announced, but none is started.
    if announced is not None and announced[1] > 1 and announced[0] != "SLURM_NTASKS":
        raise LaunchError(
            f"--executor is {executor} but {announced[0]} is {announced[1]}: each rank would run "
            "the whole search. Start one process, or leave out --executor."
        )


def available_cores() -> int:
    """Return the number of cores that this process may run on. Local."""
    return len(os.sched_getaffinity(0))


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
    places
        Of every rank: host and process.
    survives
        Whether the job goes on when a rank dies.
    num_nodes
        Nodes that have trainer ranks.
    facts
        Of every rank: node, cores and devices.
    """

    comm: Any
    group: Any | None
    groups: tuple[tuple[int, ...], ...]
    threads: int
    local_rank: int
    control: Any
    places: tuple[Place, ...]
    survives: bool
    num_nodes: int
    facts: tuple[RankFacts, ...] = ()

    @property
    def is_manager(self) -> bool:
        """Whether this rank decides."""
        return bool(self.comm.Get_rank() == MANAGER)

    @property
    def neighbours(self) -> tuple[int, ...]:
        """World ranks of this rank's worker group that are on its node, itself among them."""
        own = self.comm.Get_rank()
        group = next((group for group in self.groups if own in group), ())
        return tuple(rank for rank in group if self.facts[rank].node == self.facts[own].node)

    @property
    def trainers_per_node(self) -> int:
        """Trainer ranks of the node that has most."""
        nodes = [fact.node for rank, fact in enumerate(self.facts) if rank != MANAGER]
        return max((nodes.count(node) for node in set(nodes)), default=1)

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
            f"MPI gives thread level {MPI.Query_thread()}; Horovod needs MPI_THREAD_MULTIPLE "
            f"({MPI.THREAD_MULTIPLE}). Use an MPI library that was built with it."
        )
    # Errors come back as exceptions on every communicator that is made from these, in C too.
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        comm.Set_errhandler(MPI.ERRORS_RETURN)
    return MPI.COMM_WORLD.Dup()


def node_name(environ: Mapping[str, str] | None = None) -> str:
    """Return the name by which ranks of one node know one another. Local."""
    environ = os.environ if environ is None else environ
    named = (environ.get(name) for name in NODE_VARIABLES)
    return next(filter(None, named), "") or socket.gethostname()


def form_groups(comm: Any, max_processes: int, span_nodes: bool = False) -> World:
    """Group the trainer ranks by node and carve each node's into worker groups.

    Collective over `comm`.

    Parameters
    ----------
    comm
        All ranks.
    max_processes
        Largest number of slots of a group, >= 1.
    span_nodes
        Whether a group may have slots of several nodes, where one node has too few.
    """
    from mpi4py import MPI

    node = node_name()
    cores = os.sched_getaffinity(0)
    facts, places = zip(*comm.allgather((RankFacts.here(node), Place.here())), strict=True)
    trainers: dict[str, list[int]] = {}
    for rank, fact in enumerate(facts):
        if rank != MANAGER:
            trainers.setdefault(fact.node, []).append(rank)
    groups = carve(list(trainers.values()), max_processes, span_nodes)
    rank = comm.Get_rank()
    color = next((i for i, group in enumerate(groups) if rank in group), MPI.UNDEFINED)
    group = comm.Split(color, 0 if color == MPI.UNDEFINED else groups[color].index(rank))
    neighbours = trainers.get(node, [])
    sharing = sum(not cores.isdisjoint(facts[neighbour].cores) for neighbour in neighbours)
    return World(
        comm=comm,
        group=None if group == MPI.COMM_NULL else group,
        groups=groups,
        threads=max(1, len(cores) // max(1, sharing)),
        local_rank=neighbours.index(rank) if rank in neighbours else 0,
        control=comm.Dup(),
        places=places,
        survives=job_survives(),
        num_nodes=len(trainers),
        facts=facts,
    )


def carve(
    nodes: list[list[int]], max_processes: int, span_nodes: bool = False
) -> tuple[tuple[int, ...], ...]:
    """Cut each node's ranks into groups of at most ``max_processes``, in order. Local.

    With ``span_nodes``, nodes that have fewer ranks than that are joined, the largest first: a
    node with as many ranks as the next one begins where an evaluation of that size may begin.
    """
    if span_nodes:
        small = sorted(
            (node for node in nodes if len(node) < max_processes), key=lambda n: -len(n)
        )
        joined = [rank for node in small for rank in node]
        nodes = [*(node for node in nodes if len(node) >= max_processes), joined]
    return tuple(
        tuple(ranks[start : start + max_processes])
        for ranks in nodes
        for start in range(0, len(ranks), max_processes)
    )
