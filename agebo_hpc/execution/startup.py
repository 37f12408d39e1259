"""What is looked at before a search starts: shared memory, cores, who sits where."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agebo_hpc.errors import EXIT_LAUNCH, LaunchError
from agebo_hpc.execution.binding import is_asked, own_cores
from agebo_hpc.execution.launcher import announced_local_size, announced_rank
from agebo_hpc.job.cores import quota
from agebo_hpc.training.ways import has_horovod

if TYPE_CHECKING:
    from agebo_hpc.execution.world import World

SHARED_MEMORY = "/dev/shm"
SHARED_MEMORY_OF_RANK = 8 * 2**20
"""Bytes. Open MPI makes a segment for each rank there; when it is full, the rank dies of SIGBUS
in the midst of a message."""


@dataclass(frozen=True)
class RankFacts:
    """What one rank says of itself.

    Attributes
    ----------
    node
        Name by which ranks of one node know one another.
    cores
        Numbers of the cores that it may run on.
    num_cores
        Of its node.
    devices
        ``CUDA_VISIBLE_DEVICES``; empty: not set.
    granted
        Cores' worth of time that a control group grants the ranks of its node, >= 1.
    has_horovod
        Whether Horovod is installed there.
    """

    node: str
    cores: frozenset[int]
    num_cores: int
    devices: str
    granted: int = 1_000_000
    has_horovod: bool = False

    @classmethod
    def here(cls, node: str) -> RankFacts:
        """Look at this process. Local."""
        return cls(
            node,
            frozenset(os.sched_getaffinity(0)),
            os.cpu_count() or 1,
            os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            cls.granted if (share := quota()) is None else max(1, int(share)),
            has_horovod(),
        )


def check_shared_memory(environ: Mapping[str, str] | None = None) -> None:
    """End a rank that would die of too little shared memory. Local; before MPI starts.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.

    Raises
    ------
    LaunchError
        On rank 0. Other ranks say so themselves and leave: rank 0 may be on a sound node.
    """
    environ = os.environ if environ is None else environ
    path = environ.get("OMPI_MCA_btl_sm_backing_directory") or SHARED_MEMORY
    try:
        found = os.statvfs(path)
    except OSError:
        return
    ranks = announced_local_size(environ)
    problem = shared_memory_problem(path, found.f_bavail * found.f_frsize, ranks)
    if not problem:
        return
    if announced_rank(environ):
        sys.stderr.write(f"error: {problem}\n")
        sys.stderr.flush()
        os._exit(EXIT_LAUNCH)
    raise LaunchError(problem)


def shared_memory_problem(path: str, free: int, ranks: int) -> str:
    """Say why shared memory is too small; empty if it is not. Pure.

    Parameters
    ----------
    path
        Where it is mounted.
    free
        Bytes.
    ranks
        Of this node.
    """
    needed = ranks * SHARED_MEMORY_OF_RANK
    if free >= needed:
        return ""
    return (
        f"{path} on {socket.gethostname()} has {free / 2**20:.0f} MiB free; {ranks} ranks need "
        f"{needed / 2**20:.0f} MiB. Enlarge it (`docker run --shm-size=1g`, `mount -o "
        "remount,size=1g`), or let Open MPI use another place: "
        "OMPI_MCA_btl_sm_backing_directory=/tmp."
    )


def overlap_lines(world: World, threads_per_slot: int | None) -> list[str]:
    """Name the nodes whose trainer ranks have more threads than cores between them.

    Parameters
    ----------
    world
        All ranks.
    threads_per_slot
        As asked for; None: a rank's share of its cores.
    """
    lines = []
    for node, ranks in _trainers_by_node(world).items():
        facts = [world.facts[rank] for rank in ranks]
        cores = frozenset().union(*(fact.cores for fact in facts))
        threads = threads_per_slot or world.threads_of(ranks[0])
        needed = threads * len(ranks)
        if needed > len(cores):
            lines.append(
                f"warning: on {node} {len(ranks)} trainer ranks of {threads} "
                f"thread{'s' * (threads > 1)} need {needed} cores and may use {len(cores)} of "
                f"{facts[0].num_cores} ({span(cores)}): they slow one another. Start fewer ranks, "
                "give --threads-per-slot, or let the launcher bind less (mpirun --bind-to none, "
                "srun --cpu-bind=none)."
            )
    return lines


def rank_lines(world: World, threads: int | None) -> list[str]:
    """Describe every rank in a line: where it is, what it does, its cores and devices.

    The cores are those that it keeps to, where ranks are bound by themselves.
    """
    group_of = {rank: i for i, group in enumerate(world.groups) for rank in group}
    by_node = _trainers_by_node(world)
    lines = []
    for rank, (place, fact) in enumerate(zip(world.places, world.facts, strict=True)):
        where = f"rank {rank} on {place.host}"
        if fact.node != place.host:
            where += f", node {fact.node}"
        if rank in group_of:
            local = by_node[fact.node].index(rank)
            own = threads or world.threads_of(rank)
            role = f"group {group_of[rank]}, local rank {local}, threads {own}"
            cores = own_cores(fact.cores, local * own, own) if is_asked() else fact.cores
        else:
            role, cores = "manager", fact.cores
        devices = f", devices {fact.devices}" if fact.devices else ""
        lines.append(f"{where}: {role}, cores {span(cores)}{devices}")
    return lines


def span(cores: Iterable[int]) -> str:
    """Write numbers as ranges: 0-3,8."""
    parts: list[list[int]] = []
    for core in sorted(cores):
        if parts and core == parts[-1][1] + 1:
            parts[-1][1] = core
        else:
            parts.append([core, core])
    return ",".join(f"{a}-{b}" if b > a else str(a) for a, b in parts)


def _trainers_by_node(world: World) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for rank in sorted(rank for group in world.groups for rank in group):
        found.setdefault(world.facts[rank].node, []).append(rank)
    return found
