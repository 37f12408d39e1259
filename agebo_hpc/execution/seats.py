"""What is said at the start about the worker groups: how they were formed, who has no use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from agebo_hpc.execution.world import World


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
    """Say how the worker groups were formed, in one line."""
    sizes = Counter(len(group) for group in world.groups)
    groups = " and ".join(
        f"{number} worker group{'s' if number > 1 else ''} of {size}"
        for size, number in sorted(sizes.items(), reverse=True)
    )
    survival = "a rank that dies is left behind" if world.survives else "a rank's death ends it"
    return [f"{groups} on {world.num_nodes} node{'s' * (world.num_nodes > 1)}; {survival}"]


def idle_lines(world: World, choices: Collection[int], exclusive: bool) -> list[str]:
    """Name the ranks that no evaluation can ever have, in one line; none if there are none."""
    unused = unused_slots(world.groups, choices, exclusive)
    if not unused:
        return []
    by_host: dict[str, list[str]] = {}
    for rank in unused:
        by_host.setdefault(world.places[rank].host, []).append(str(rank))
    where = "; ".join(f"{', '.join(ranks)} on {host}" for host, ranks in by_host.items())
    allowed = ", ".join(map(str, sorted(choices)))
    return [
        f"warning: no evaluation can use rank {where}: evaluations have {allowed} processes, and "
        "what is left of a worker group is too small. Start so many ranks a node that groups are "
        "filled, or allow fewer with --processes."
    ]
