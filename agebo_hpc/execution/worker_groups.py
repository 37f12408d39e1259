"""How the slots of nodes become worker groups."""

from __future__ import annotations


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
