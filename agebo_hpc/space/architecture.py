"""The architecture space: decision vectors, what they mean, how they are drawn and mutated.

Knows nothing of Keras, MPI or files. The facts are those of the AgEBO-Tabular paper, section 3.1:
a chain of variable nodes, each followed by a merge point that up to three earlier anchors may
skip into.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

import numpy as np

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.graph import Graph, GraphBuilder

Architecture = tuple[int, ...]
"""A decision vector: one small integer for each variable of the space, in order."""

MutationKind = Literal["any", "nodes"]
MUTATION_KINDS: tuple[MutationKind, ...] = ("any", "nodes")


@dataclass(frozen=True)
class Variable:
    """One decision: a categorical, unordered choice among ``num_choices``."""

    name: str
    kind: Literal["node", "skip"]
    num_choices: int


@dataclass(frozen=True)
class ArchitectureSpace:
    """All networks of ``num_nodes`` variable nodes with skip connections.

    Node k is the identity (choice 0) or a dense layer; choice ``1 + u * len(activations) + a``
    is ``Dense(units[u], activations[a])``. Merge point k follows node k. The nearest
    ``look_back`` anchors before it (the input is anchor 0, the output of merge point j is anchor
    j) may each skip into it: choice 1 connects, choice 0 does not. Skips are listed oldest
    anchor first. The defaults are the space of the paper: 37 variables,
    31^10 * 2^27 architectures.

    Parameters
    ----------
    num_nodes
        Number of variable nodes, >= 1.
    units
        Widths of the dense layers on offer, each >= 1.
    activations
        Names of the activations on offer.
    look_back
        How many earlier anchors may skip into a merge point, >= 0.

    Examples
    --------
    >>> space = ArchitectureSpace()
    >>> len(space.variables), space.size == 31**10 * 2**27
    (37, True)
    """

    num_nodes: int = 10
    units: tuple[int, ...] = (16, 32, 48, 64, 80, 96)
    activations: tuple[str, ...] = ("linear", "swish", "relu", "tanh", "sigmoid")
    look_back: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(self.units))
        object.__setattr__(self, "activations", tuple(self.activations))
        if self.num_nodes < 1:
            raise ConfigurationError(f"num_nodes is {self.num_nodes}; give at least 1.")
        if self.look_back < 0:
            raise ConfigurationError(f"look_back is {self.look_back}; give 0 or more.")
        if not self.units or min(self.units) < 1:
            raise ConfigurationError(f"units is {self.units}; give one or more widths >= 1.")
        unknown = sorted(set(self.activations) - set(ACTIVATIONS))
        if unknown or not self.activations:
            raise ConfigurationError(
                f"activations is {self.activations}; choose among {', '.join(ACTIVATIONS)}."
            )

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in the order of the decision vector."""
        num_layers = 1 + len(self.units) * len(self.activations)
        variables = []
        for node in range(1, self.num_nodes + 1):
            variables.append(Variable(f"node_{node}", "node", num_layers))
            variables.extend(
                Variable(f"skip_{anchor}_to_{node}", "skip", 2) for anchor in self._anchors(node)
            )
        return tuple(variables)

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

    def nodes(self, architecture: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
        """Split a decision vector into one (layer choice, chosen anchors) pair for each node."""
        decisions = iter(self.validate(architecture))
        return [
            (next(decisions), tuple(anchor for anchor in self._anchors(node) if next(decisions)))
            for node in range(1, self.num_nodes + 1)
        ]

    def decode(self, architecture: Sequence[int], num_features: int, num_outputs: int) -> Graph:
        """Build the network of a decision vector as a graph of operations.

        A merge point with a chosen skip adds, to the output of its node, a linear projection of
        each skip's anchor to that width, and applies ReLU; one without is nothing at all. Every
        skip is projected, also where the widths agree.

        Parameters
        ----------
        architecture
            A decision vector of this space.
        num_features
            Width of the input, >= 1.
        num_outputs
            Width of the output layer (logits of the classes, or 1 for regression), >= 1.
        """
        builder = GraphBuilder(num_features)
        current = builder.input
        anchors = [current]
        for node, (choice, skips) in enumerate(self.nodes(architecture), start=1):
            layer = self.layer(choice)
            if layer is not None:
                current = builder.dense(current, *layer, name=f"node_{node}")
            if skips:
                width = builder.width(current)
                projected = [
                    builder.dense(anchors[skip], width, "linear", name=f"skip_{skip}_to_{node}")
                    for skip in skips
                ]
                current = builder.merge([current, *projected], name=f"merge_{node}")
            anchors.append(current)
        builder.dense(current, num_outputs, "linear", name="output")
        return builder.finish()

    def describe(self, architecture: Sequence[int]) -> str:
        """Say an architecture in one line a node, for people."""
        lines = []
        for node, (choice, skips) in enumerate(self.nodes(architecture), start=1):
            layer = self.layer(choice)
            text = "identity" if layer is None else f"Dense({layer[0]}, {layer[1]})"
            sources = ["input" if skip == 0 else f"merge {skip}" for skip in skips]
            lines.append(f"node {node:2d}: {text}" + (f" + {' + '.join(sources)}" * bool(skips)))
        return "\n".join(lines)

    def to_json(self) -> str:
        """Say the space as JSON text; `from_json` reads it."""
        return json.dumps(
            {
                "num_nodes": self.num_nodes,
                "units": self.units,
                "activations": self.activations,
                "look_back": self.look_back,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> ArchitectureSpace:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


ACTIVATIONS = ("linear", "swish", "relu", "tanh", "sigmoid")
"""Activations that a dense layer can have."""
