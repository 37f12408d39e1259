"""What is said at the start about the ranks and their worker groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from agebo_hpc.execution.mpi.world import World
from agebo_hpc.processes.affinity import is_asked, own_cores
from agebo_hpc.text import counted


def unused_slots(
    groups: Sequence[Sequence[int]], choices: Collection[int], exclusive: bool = False
) -> list[int]:
    """Return the slots that no evaluation can ever have.

    Parameters
    ----------
    groups
        Slots of each worker group, in order.
    choices
        Numbers of processes that evaluations can have, >= 1.
    exclusive
        Whether an evaluation has its group for itself: it takes the first n slots. Else it takes
        n neighbours at a multiple of n.
    """

    def is_used(position: int, size: int) -> bool:
        if exclusive:
            return any(position < n <= size for n in choices)
        return any((position // n + 1) * n <= size for n in choices)

    return [
        slot
        for group in groups
        for position, slot in enumerate(group)
        if not is_used(position, len(group))
    ]


def group_lines(world: World) -> list[str]:
    """Return in one line how the worker groups were formed."""
    sizes = Counter(len(group) for group in world.groups)
    groups = " and ".join(
        f"{counted(number, 'worker group')} of {size}"
        for size, number in sorted(sizes.items(), reverse=True)
    )
    survival = "a rank that dies is left behind" if world.survives else "a rank's death ends it"
    return [f"{groups} on {counted(world.num_nodes, 'node')}; {survival}"]


def idle_lines(world: World, choices: Collection[int], exclusive: bool) -> list[str]:
    """Name the ranks that no evaluation can ever have, in one line; none if there are none."""
    unused = unused_slots(world.groups, choices, exclusive)
    if not unused:
        return []
    by_host: dict[str, list[str]] = {}
    for rank in unused:
        by_host.setdefault(world.process_ids[rank].host, []).append(str(rank))
    where = "; ".join(f"{', '.join(ranks)} on {host}" for host, ranks in by_host.items())
    allowed = ", ".join(map(str, sorted(choices)))
    return [
        f"warning: no evaluation can use rank {where}: evaluations have {allowed} processes, and "
        "what is left of a worker group is too small. Start so many ranks a node that groups are "
        "filled, or allow fewer with --processes."
    ]


def overlap_lines(world: World, threads_per_slot: int | None) -> list[str]:
    """Name the nodes whose trainer ranks have more threads than cores between them.

    Parameters
    ----------
    world
        The world of all ranks.
    threads_per_slot
        Threads that were asked for; None: a rank's share of its cores.
    """
    lines = []
    for node, ranks in _trainers_by_node(world).items():
        infos = [world.rank_infos[rank] for rank in ranks]
        cores = frozenset().union(*(info.cores for info in infos))
        threads = threads_per_slot or world.threads_of(ranks[0])
        needed = threads * len(ranks)
        if needed > len(cores):
            lines.append(
                f"warning: on {node} {counted(len(ranks), 'trainer rank')} of "
                f"{counted(threads, 'thread')} need {counted(needed, 'core')} and may use "
                f"{len(cores)} of {infos[0].num_cores} ({span(cores)}): they slow one another. "
                "Start fewer ranks, give --threads-per-slot, or let the launcher bind less "
                "(mpirun --bind-to none, srun --cpu-bind=none)."
            )
    return lines


def rank_lines(world: World, threads: int | None) -> list[str]:
    """Describe every rank in a line: where it is, what it does, its cores and devices.

    The cores are those that it keeps to, where ranks are bound by themselves.
    """
    group_of = {rank: i for i, group in enumerate(world.groups) for rank in group}
    by_node = _trainers_by_node(world)
    lines = []
    for rank, (place, info) in enumerate(zip(world.process_ids, world.rank_infos, strict=True)):
        where = f"rank {rank} on {place.host}"
        if info.node != place.host:
            where += f", node {info.node}"
        if rank in group_of:
            local = by_node[info.node].index(rank)
            own = threads or world.threads_of(rank)
            role = f"group {group_of[rank]}, local rank {local}, threads {own}"
            cores = own_cores(info.cores, local * own, own) if is_asked() else info.cores
        else:
            role, cores = "manager", info.cores
        devices = f", devices {info.devices}" if info.devices else ""
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
        found.setdefault(world.rank_infos[rank].node, []).append(rank)
    return found
