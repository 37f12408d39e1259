"""The architecture space: decision vectors, what they mean, how they are drawn and mutated.

Knows nothing of Keras, MPI or files. The facts are those of the AgEBO-Tabular papers, section 3.1:
a chain of variable nodes, each followed by a merge point that up to three earlier anchors may
skip into; of the second paper, several such chains: one for each input, shared by inputs of equal
shape, and others after their outputs are joined.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.graph import Graph, GraphBuilder

Architecture = tuple[int, ...]
"""A decision vector: one small integer for each variable of the space, in order."""

MutationKind = Literal["any", "nodes"]
MUTATION_KINDS: tuple[MutationKind, ...] = ("any", "nodes")

Merge = Literal["sum", "concat"]
MERGES: tuple[Merge, ...] = ("sum", "concat")

Node = tuple[int, tuple[int, ...]]
"""A node's layer choice and the anchors that skip into its merge point."""


@dataclass(frozen=True)
class Variable:
    """One decision: a categorical, unordered choice among ``num_choices``."""

    name: str
    kind: Literal["node", "skip"]
    num_choices: int


@dataclass(frozen=True)
class ArchitectureSpace:
    """All networks of sub-graphs of ``num_nodes`` variable nodes with skip connections.

    Node k is the identity (choice 0) or a dense layer; choice ``1 + u * len(activations) + a``
    is ``Dense(units[u], activations[a])``. Merge point k follows node k. The nearest
    ``look_back`` anchors before it (the sub-graph's input is anchor 0, the output of merge point
    j is anchor j) may each skip into it: choice 1 connects, choice 0 does not. Skips are listed
    oldest anchor first.

    ``inputs`` says which sub-graph each input of the data goes through. Inputs with the same
    number share it: the same decisions and the same weights. What comes out of them is put side
    by side and goes through ``num_joint`` more sub-graphs, one after the other. The decisions of
    one sub-graph follow those of the other. The defaults are the space of the first paper: one
    sub-graph, 37 variables, 31^10 * 2^27 architectures.

    Parameters
    ----------
    num_nodes
        Number of variable nodes of each sub-graph, >= 1.
    units
        Widths of the dense layers on offer, each >= 1.
    activations
        Names of the activations on offer.
    look_back
        How many earlier anchors may skip into a merge point, >= 0.
    merge
        ``"sum"``: skips are projected to the width of the node's output and added, then ReLU;
        ``"concat"``: the node's output and the skips side by side, and nothing else.
    last_merge
        Whether a merge point follows the last node of a sub-graph too.
    inputs
        Sub-graph of each input, numbered from 0 in the order of the inputs. A space with one
        input takes any data: the features of all its inputs together.
    num_joint
        Sub-graphs after the inputs are joined, >= 0.

    Examples
    --------
    >>> space = ArchitectureSpace()
    >>> len(space.variables), space.size == 31**10 * 2**27
    (37, True)
    >>> two_of_three = ArchitectureSpace(
    ...     num_nodes=3, merge="concat", last_merge=False, inputs=(0, 1, 1), num_joint=1
    ... )
    >>> len(two_of_three.variables)
    18
    """

    num_nodes: int = 10
    units: tuple[int, ...] = (16, 32, 48, 64, 80, 96)
    activations: tuple[str, ...] = ("linear", "swish", "relu", "tanh", "sigmoid")
    look_back: int = 3
    merge: Merge = "sum"
    last_merge: bool = True
    inputs: tuple[int, ...] = (0,)
    num_joint: int = 0

    def __post_init__(self) -> None:
        for name in ("units", "activations", "inputs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.num_nodes < 1:
            raise ConfigurationError(f"num_nodes is {self.num_nodes}; give at least 1.")
        for name in ("look_back", "num_joint"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 0 or more.")
        if not self.units or min(self.units) < 1:
            raise ConfigurationError(f"units is {self.units}; give one or more widths >= 1.")
        unknown = sorted(set(self.activations) - set(ACTIVATIONS))
        if unknown or not self.activations:
            raise ConfigurationError(
                f"activations is {self.activations}; choose among {', '.join(ACTIVATIONS)}."
            )
        if self.merge not in MERGES:
            raise ConfigurationError(f"merge is {self.merge!r}; choose among {', '.join(MERGES)}.")
        numbered = tuple(dict.fromkeys(self.inputs))
        if not self.inputs or numbered != tuple(range(len(numbered))):
            raise ConfigurationError(
                f"inputs is {self.inputs}; number the sub-graphs from 0 in the order in which "
                "the inputs use them, such as (0, 1, 1)."
            )

    @property
    def num_subgraphs(self) -> int:
        """Number of sub-graphs: those of the inputs, then those after they are joined."""
        return max(self.inputs) + 1 + self.num_joint

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in the order of the decision vector."""
        num_layers = 1 + len(self.units) * len(self.activations)
        variables = []
        for number in range(self.num_subgraphs):
            prefix = self._prefix(number)
            for node in range(1, self.num_nodes + 1):
                variables.append(Variable(f"{prefix}node_{node}", "node", num_layers))
                variables.extend(
                    Variable(f"{prefix}skip_{anchor}_to_{node}", "skip", 2)
                    for anchor in self._anchors(node)
                )
        return tuple(variables)

    def _prefix(self, number: int) -> str:
        """Return how the names of a sub-graph begin; with one there is nothing to tell apart."""
        return f"subgraph_{number + 1}_" if self.num_subgraphs > 1 else ""

    @cached_property
    def _mutable(self) -> dict[MutationKind, list[int]]:
        """Positions of the variables that a mutation of each kind may change."""
        able = [i for i, variable in enumerate(self.variables) if variable.num_choices > 1]
        return {"any": able, "nodes": [i for i in able if self.variables[i].kind == "node"]}

    @property
    def size(self) -> int:
        """Number of architectures in the space."""
        return prod(variable.num_choices for variable in self.variables)

    def _anchors(self, node: int) -> range:
        """Anchors that may skip into merge point ``node``, oldest first."""
        if node == self.num_nodes and not self.last_merge:
            return range(0)
        return range(max(0, node - self.look_back), node)

    def validate(self, architecture: Sequence[int]) -> Architecture:
        """Check a decision vector and return it as a tuple of int.

        Raises
        ------
        ConfigurationError
            If its length or one of its values does not belong to the space.
        """
        if len(architecture) != len(self.variables):
            raise ConfigurationError(
                f"The architecture has {len(architecture)} decisions; "
                f"this space has {len(self.variables)} variables."
            )
        for variable, choice in zip(self.variables, architecture, strict=True):
            if not (int(choice) == choice and 0 <= choice < variable.num_choices):
                raise ConfigurationError(
                    f"Decision {variable.name} is {choice}; "
                    f"allowed are the integers 0 to {variable.num_choices - 1}."
                )
        return tuple(int(choice) for choice in architecture)

    def random(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture uniformly, from ``rng``."""
        return tuple(int(rng.integers(variable.num_choices)) for variable in self.variables)

    def mutate(
        self, architecture: Architecture, rng: np.random.Generator, kind: MutationKind = "any"
    ) -> Architecture:
        """Give one randomly chosen variable a different value, uniform over the others.

        Parameters
        ----------
        architecture
            The parent.
        rng
            Generator of the two draws.
        kind
            ``"any"``: any variable may change (the authors' code); ``"nodes"``: only variable
            nodes (the paper's text).
        """
        candidates = self._mutable[kind]
        if not candidates:
            return architecture
        position = candidates[rng.integers(len(candidates))]
        shift = 1 + int(rng.integers(self.variables[position].num_choices - 1))
        changed = (architecture[position] + shift) % self.variables[position].num_choices
        return (*architecture[:position], changed, *architecture[position + 1 :])

    def layer(self, choice: int) -> tuple[int, str] | None:
        """Return (units, activation) of a node's choice, or None for the identity."""
        if choice == 0:
            return None
        outer, inner = divmod(choice - 1, len(self.activations))
        return self.units[outer], self.activations[inner]

    def nodes(self, architecture: Sequence[int]) -> list[list[Node]]:
        """Split a decision vector into the nodes of each sub-graph."""
        decisions = iter(self.validate(architecture))

        def node(number: int) -> Node:
            choice = next(decisions)
            return choice, tuple(anchor for anchor in self._anchors(number) if next(decisions))

        return [
            [node(number) for number in range(1, self.num_nodes + 1)]
            for _ in range(self.num_subgraphs)
        ]

    def check_inputs(self, widths: Sequence[int]) -> None:
        """Check that data with inputs of these widths fits the space.

        Raises
        ------
        ConfigurationError
            If the number of inputs is another, or inputs that share a sub-graph differ in width.
        """
        if len(self.inputs) == 1:
            return
        if len(widths) != len(self.inputs):
            raise ConfigurationError(
                f"The architecture space has {len(self.inputs)} inputs, the data set has "
                f"{len(widths)}; prepare it with `--input` for each, or choose another preset."
            )
        for shared in range(max(self.inputs) + 1):
            own = [w for w, number in zip(widths, self.inputs, strict=True) if number == shared]
            if len(set(own)) > 1:
                raise ConfigurationError(
                    f"Inputs of {' and '.join(map(str, own))} features share a sub-graph of the "
                    "architecture space; prepare them with `--alike`, so that their widths agree."
                )

    def decode(
        self, architecture: Sequence[int], num_features: int | Sequence[int], num_outputs: int
    ) -> Graph:
        """Build the network of a decision vector as a graph of operations.

        A merge point of kind ``"sum"`` with a chosen skip adds, to the output of its node, a
        linear projection of each skip's anchor to that width, and applies ReLU. Every skip is
        projected, also where the widths agree. One of kind ``"concat"`` puts them side by side.
        A merge point without a skip is nothing at all.

        Parameters
        ----------
        architecture
            A decision vector of this space.
        num_features
            Widths of the inputs, in the order of their columns, each >= 1; a number: of one.
        num_outputs
            Width of the output layer (logits of the classes, or 1 for regression), >= 1.

        Raises
        ------
        ConfigurationError
            If the decisions or the inputs do not fit the space.
        """
        widths = (num_features,) if isinstance(num_features, int) else tuple(num_features)
        self.check_inputs(widths)
        subgraphs = self.nodes(architecture)
        builder = GraphBuilder(sum(widths))
        current = builder.input
        if len(self.inputs) == 1:
            current = self._subgraph(builder, current, subgraphs[0], 0)
        else:
            starts = [sum(widths[:position]) for position in range(len(widths))]
            ends = []
            for position, number in enumerate(self.inputs):
                source = builder.slice(
                    builder.input, starts[position], widths[position], name=f"input_{position + 1}"
                )
                ends.append(self._subgraph(builder, source, subgraphs[number], number, position))
            current = builder.concat(ends, name="join")
        for number in range(max(self.inputs) + 1, self.num_subgraphs):
            current = self._subgraph(builder, current, subgraphs[number], number)
        builder.dense(current, num_outputs, "linear", name="output")
        return builder.finish()

    def _subgraph(
        self, builder: GraphBuilder, source: int, nodes: list[Node], number: int, position: int = 0
    ) -> int:
        """Add a sub-graph on ``source``; the second input to use one gets no weights of its own.

        Parameters
        ----------
        builder
            Of the graph.
        source
            What goes in.
        nodes
            Decisions of the sub-graph.
        number, position
            Which sub-graph, and for which input of those that use it.
        """
        prefix = self._prefix(number)
        is_copy = position > 0 and self.inputs.index(number) < position
        suffix = f"_input_{position + 1}" if is_copy else ""

        def dense(source: int, units: int, activation: str, name: str) -> int:
            shares = prefix + name if is_copy else ""
            return builder.dense(
                source, units, activation, name=prefix + name + suffix, shares=shares
            )

        current = source
        anchors = [current]
        for node, (choice, skips) in enumerate(nodes, start=1):
            layer = self.layer(choice)
            if layer is not None:
                current = dense(current, *layer, f"node_{node}")
            if skips:
                name = f"{prefix}merge_{node}{suffix}"
                taken = [anchors[skip] for skip in skips]
                if self.merge == "concat":
                    current = builder.concat([current, *taken], name=name)
                else:
                    width = builder.width(current)
                    projected = [
                        dense(anchor, width, "linear", f"skip_{skip}_to_{node}")
                        for anchor, skip in zip(taken, skips, strict=True)
                    ]
                    current = builder.merge([current, *projected], name=name)
            anchors.append(current)
        return current

    def describe(self, architecture: Sequence[int]) -> str:
        """Say an architecture in one line a node, for people."""
        lines = []
        for number, nodes in enumerate(self.nodes(architecture)):
            of = f"sub-graph {number + 1}, " * (self.num_subgraphs > 1)
            for node, (choice, skips) in enumerate(nodes, start=1):
                layer = self.layer(choice)
                text = "identity" if layer is None else f"Dense({layer[0]}, {layer[1]})"
                sources = ["input" if skip == 0 else f"merge {skip}" for skip in skips]
                text += f" + {' + '.join(sources)}" * bool(skips)
                lines.append(f"{of}node {node:2d}: {text}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Say the space as JSON text; `from_json` reads it.

        What later versions added is left out where it is the default: earlier ones read the rest.
        """
        first = ("num_nodes", "units", "activations", "look_back")
        said: dict[str, Any] = {name: getattr(self, name) for name in first}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in first and value != item.default:
                said[item.name] = value
        return json.dumps(said)

    @classmethod
    def from_json(cls, text: str) -> ArchitectureSpace:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


ACTIVATIONS = ("linear", "swish", "relu", "tanh", "sigmoid")
"""Activations that a dense layer can have."""
