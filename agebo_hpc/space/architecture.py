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
from agebo_hpc.space.architecture_checks import Merge, check_inputs, check_settings
from agebo_hpc.space.decoding import decode
from agebo_hpc.space.embedding import CodeInput, Embeddings
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.variable import OF_COLUMNS, Variable

Architecture = tuple[int, ...]
"""A decision vector: one small integer for each variable of the space, in order."""

MutationKind = Literal["any", "nodes"]
MUTATION_KINDS: tuple[MutationKind, ...] = ("any", "nodes")

Node = tuple[int, tuple[int, ...]]
"""A node's layer choice and the anchors that skip into its merge point."""


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
        Number of earlier anchors that may skip into a merge point, >= 0.
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
    members
        Choices of how many networks stand side by side behind one embedding, each >= 1, with the
        same layers and weights of their own; their mean is the output.
    embeddings
        Periodic embeddings of numbers on offer, each (frequencies, size); (0, 0): none. Of a
        space with one input.
    categories
        Choices of the largest width of the learned tables that categories, and numbers of few
        values, come in by; 0: they come in as features alone. Of a space with one input.
    repeated
        Choices of how many different values a number may have that has a table, too.
    means
        Choices of whether means of the target stay where a category has a table.
    dropout
        Whether there is dropout, with the recipe's share, after nodes.

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
    members: tuple[int, ...] = (1,)
    embeddings: tuple[tuple[int, int], ...] = ((0, 0),)
    dropout: bool = False
    categories: tuple[int, ...] = (0,)
    repeated: tuple[int, ...] = (0,)
    means: tuple[bool, ...] = (True,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "embeddings", tuple(map(tuple, self.embeddings)))
        columns = ("categories", "repeated", "means")
        for name in ("units", "activations", "inputs", "members", *columns):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_settings(self)

    @property
    def takes_codes(self) -> bool:
        """Whether networks take the codes of a data set beside its features."""
        return any(self.categories)

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
            prefix = self.prefix(number)
            for node in range(1, self.num_nodes + 1):
                variables.append(Variable(f"{prefix}node_{node}", "node", num_layers))
                variables.extend(
                    Variable(f"{prefix}skip_{anchor}_to_{node}", "skip", 2)
                    for anchor in self._anchors(node)
                )
        # What is not a choice is no variable.
        for kind in OF_COLUMNS:
            number = len(self._offered(kind))
            if number > 1:
                variables.append(Variable(kind, kind, number))  # type: ignore[arg-type]
        return tuple(variables)

    def _offered(self, kind: str) -> tuple[Any, ...]:
        offered: tuple[Any, ...] = self.embeddings if kind == "embedding" else getattr(self, kind)
        return offered

    def prefix(self, number: int) -> str:
        """Return how the names of a sub-graph begin; empty where there is only one."""
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

    def of_layers(self, layers: Sequence[tuple[int, str]], **chosen: Any) -> Architecture:
        """Return the decisions for these layers in the first nodes, without skips.

        Parameters
        ----------
        layers
            (units, activation) of each, at most ``num_nodes``.
        **chosen
            What is chosen of ``members``, ``embedding`` and so on; the first on offer where it is
            not said.

        Raises
        ------
        ValueError
            If something is not on offer.
        """
        places = {
            f"node_{k}": 1
            + self.units.index(units) * len(self.activations)
            + self.activations.index(activation)
            for k, (units, activation) in enumerate(layers, start=1)
        }
        places |= {kind: self._offered(kind).index(value) for kind, value in chosen.items()}
        return self.validate([places.get(variable.name, 0) for variable in self.variables])

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
            Decision vector of the parent.
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

    def members_of(self, architecture: Sequence[int]) -> int:
        """Return how many networks stand side by side."""
        return int(self._chosen(architecture, "members"))

    def embedding_of(self, architecture: Sequence[int]) -> tuple[int, int]:
        """Return frequencies and size of the embedding of numbers; (0, 0): none."""
        frequencies, size = self._chosen(architecture, "embedding")
        return frequencies, size

    def embeddings_of(self, architecture: Sequence[int]) -> Embeddings:
        """Return how columns come into the network."""
        kinds = ("categories", "repeated", "means")
        others = [self._chosen(architecture, kind) for kind in kinds]
        return Embeddings(*self.embedding_of(architecture), *others)

    def _chosen(self, architecture: Sequence[int], kind: str) -> Any:
        """Return what was chosen of a variable that is there once or not at all."""
        pairs = zip(self.variables, self.validate(architecture), strict=True)
        choice = next((choice for variable, choice in pairs if variable.kind == kind), 0)
        return self._offered(kind)[choice]

    def check_inputs(self, widths: Sequence[int]) -> None:
        """Check that data with inputs of these widths fits the space.

        Raises
        ------
        ConfigurationError
            If the number of inputs is another, or inputs that share a sub-graph differ in width.
        """
        check_inputs(self.inputs, widths)

    def decode(
        self,
        architecture: Sequence[int],
        num_features: int | Sequence[int],
        num_outputs: int,
        numbers: Sequence[int] | None = None,
        codes: Sequence[CodeInput] = (),
    ) -> Graph:
        """Build the network of a decision vector as a graph of operations.

        A merge point of kind ``"sum"`` with a chosen skip adds, to the output of its node, a
        linear projection of each skip's anchor to that width, and applies ReLU. Every skip is
        projected, also where the widths agree. One of kind ``"concat"`` puts them side by side.
        A merge point without a skip is nothing at all. Dropout follows each node that is not
        the identity, or its merge point.

        Parameters
        ----------
        architecture
            A decision vector of this space.
        num_features
            Widths of the inputs, in the order of their columns, each >= 1; a number: of one.
        num_outputs
            Width of the output layer (logits of the classes, or 1 for regression), >= 1.
        numbers
            Columns of the features that an embedding of numbers is for; None: all.
        codes
            Columns of codes that are after the features in the network's input.

        Raises
        ------
        ConfigurationError
            If the decisions or the inputs do not fit the space.
        """
        widths = (num_features,) if isinstance(num_features, int) else tuple(num_features)
        self.check_inputs(widths)
        checked = self.validate(architecture)
        return decode(self, checked, widths, num_outputs, numbers, codes)

    def describe(self, architecture: Sequence[int]) -> str:
        """Describe an architecture for people, one line for each node."""
        lines = []
        for number, nodes in enumerate(self.nodes(architecture)):
            of = f"sub-graph {number + 1}, " * (self.num_subgraphs > 1)
            for node, (choice, skips) in enumerate(nodes, start=1):
                text = self._layer_text(choice)
                sources = ["input" if skip == 0 else f"merge {skip}" for skip in skips]
                text += f" + {' + '.join(sources)}" * bool(skips)
                lines.append(f"{of}node {node:2d}: {text}")
        for variable, choice in zip(self.variables, architecture, strict=True):
            if variable.kind in OF_COLUMNS:
                lines.append(f"{variable.kind}: {self.describe_choice(variable, choice)}")
        return "\n".join(lines)

    def describe_choice(self, variable: Variable, choice: int) -> str:
        """Describe a choice of a variable."""
        if variable.kind in ("members", "categories", "repeated", "means"):
            chosen = self._offered(variable.kind)[choice]
            return {True: "yes", False: "no"}[chosen] if isinstance(chosen, bool) else str(chosen)
        if variable.kind == "embedding":
            frequencies, size = self.embeddings[choice]
            return f"{frequencies} frequencies, {size} wide" if size else "none"
        if variable.kind == "skip":
            return "taken" if choice else "not taken"
        return self._layer_text(choice)

    def _layer_text(self, choice: int) -> str:
        layer = self.layer(choice)
        return "identity" if layer is None else f"Dense({layer[0]}, {layer[1]})"

    def to_json(self) -> str:
        """Return the space as JSON text; `from_json` reads it.

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
