"""From a decision vector to a network, see `agebo_hpc.space.architecture`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agebo_hpc.space.embedding import CodeInput, add_columns
from agebo_hpc.space.graph import Graph, GraphBuilder

if TYPE_CHECKING:
    from agebo_hpc.space.architecture import Architecture, ArchitectureSpace, Node


def decode(
    space: ArchitectureSpace,
    architecture: Architecture,
    widths: Sequence[int],
    num_outputs: int,
    numbers: Sequence[int] | None,
    codes: Sequence[CodeInput],
) -> Graph:
    """Build the network of a decision vector, see `ArchitectureSpace.decode`."""
    subgraphs = space.nodes(architecture)
    builder = GraphBuilder(sum(widths) + len(codes), len(codes))
    decoder = _Decoder(space, builder, space.members_of(architecture))
    if len(space.inputs) == 1:
        chosen = space.embeddings_of(architecture)
        source = add_columns(builder, chosen, numbers, codes)
        current = decoder.subgraph(source, subgraphs[0], 0)
    else:
        starts = [sum(widths[:position]) for position in range(len(widths))]
        ends = []
        for position, number in enumerate(space.inputs):
            source = builder.slice(
                builder.input, starts[position], widths[position], name=f"input_{position + 1}"
            )
            ends.append(decoder.subgraph(source, subgraphs[number], number, position))
        current = builder.concat(ends, name="join")
    for number in range(max(space.inputs) + 1, space.num_subgraphs):
        current = decoder.subgraph(current, subgraphs[number], number)
    last = decoder.dense(current, num_outputs, "linear", "output")
    if builder.members(last) > 1:
        of = "probabilities" if num_outputs > 1 else "values"
        builder.add("average", [last], name="average", of=of)
    return builder.finish()


class _Decoder:
    """Adds sub-graphs, whose dense layers all have as many members."""

    def __init__(self, space: ArchitectureSpace, builder: GraphBuilder, members: int) -> None:
        self._space = space
        self._builder = builder
        self._members = members

    def dense(self, source: int, units: int, activation: str, name: str, shares: str = "") -> int:
        """Add a dense layer."""
        return self._builder.dense(
            source, units, activation, name=name, shares=shares, members=self._members
        )

    def subgraph(self, source: int, nodes: list[Node], number: int, position: int = 0) -> int:
        """Add a sub-graph on ``source``; the second input to use one gets no weights of its own.

        Parameters
        ----------
        source
            What goes in.
        nodes
            Decisions of the sub-graph.
        number, position
            Which sub-graph, and for which input of those that use it.
        """
        space, builder = self._space, self._builder
        prefix = space.prefix(number)
        is_copy = position > 0 and space.inputs.index(number) < position
        suffix = f"_input_{position + 1}" if is_copy else ""

        def dense(source: int, units: int, activation: str, name: str) -> int:
            shares = prefix + name if is_copy else ""
            return self.dense(source, units, activation, prefix + name + suffix, shares)

        current = source
        anchors = [current]
        for node, (choice, skips) in enumerate(nodes, start=1):
            before = current
            layer = space.layer(choice)
            if layer is not None:
                current = dense(current, *layer, f"node_{node}")
            if skips:
                name = f"{prefix}merge_{node}{suffix}"
                taken = [anchors[skip] for skip in skips]
                if space.merge == "concat":
                    current = builder.concat([current, *taken], name=name)
                else:
                    width = builder.width(current)
                    projected = [
                        dense(anchor, width, "linear", f"skip_{skip}_to_{node}")
                        for anchor, skip in zip(taken, skips, strict=True)
                    ]
                    current = builder.merge([current, *projected], name=name)
            if space.dropout and current != before:
                name = f"{prefix}dropout_{node}{suffix}"
                current = builder.add("dropout", [current], name=name, rate="dropout")
            anchors.append(current)
        return current
