"""An architecture space of which only the networks within bounds on their cost are proposed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from agebo_hpc.space.architecture import Architecture, ArchitectureSpace, MutationKind
from agebo_hpc.space.cost import CostBounds, nothing_fits, work
from agebo_hpc.space.graph import Graph

DRAWS = 50
"""Random networks that are tried before one is made cheaper."""
PATIENCE = 300
"""Changes in a row that make it no cheaper, after which it is as cheap as it gets."""
MUTATIONS = 200
"""Mutations of a parent that are tried before it stays as it is."""


@dataclass(frozen=True, kw_only=True)
class AffordableArchitectures(ArchitectureSpace):
    """A space whose random architectures and mutations keep to bounds.

    What does not is drawn again from the same generator, so the same seed gives the same search.

    Attributes
    ----------
    graph_of
        Function from an architecture to its network for the data set.
    bounds
        Bounds of what a network may cost.
    """

    graph_of: Callable[[Architecture], Graph]
    bounds: CostBounds

    def excess(self, architecture: Architecture) -> str:
        """Return what of its network is beyond a bound, for people; nothing if none is."""
        return self.bounds.excess(self.graph_of(architecture))

    def random(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture within the bounds.

        Uniformly, if one of `DRAWS` is. Where few are, the last is changed, decision by decision,
        as long as that makes it cheaper.

        Raises
        ------
        ConfigurationError
            If the cheapest that is found so is beyond a bound.
        """
        for _ in range(DRAWS):
            architecture = super().random(rng)
            if not self.excess(architecture):
                return architecture
        cost = work(self.graph_of(architecture))
        left = PATIENCE
        while left and self.excess(architecture):
            child = super().mutate(architecture, rng)
            cheaper = work(self.graph_of(child))
            left = PATIENCE if cheaper < cost else left - 1
            if cheaper <= cost:
                architecture, cost = child, cheaper
        if excess := self.excess(architecture):
            raise nothing_fits(self.bounds, excess)
        return architecture

    def mutate(
        self, architecture: Architecture, rng: np.random.Generator, kind: MutationKind = "any"
    ) -> Architecture:
        """Change one decision so that the child is within the bounds.

        A parent of which no such child is found stays as it is.
        """
        for _ in range(MUTATIONS):
            child = super().mutate(architecture, rng, kind)
            if not self.excess(child):
                return child
        return architecture


def affordable(
    space: ArchitectureSpace, decode: Callable[[Architecture], Graph], bounds: CostBounds
) -> ArchitectureSpace:
    """Return the space, or what of it is within bounds; the same space where there are none.

    Raises
    ------
    ConfigurationError
        If no network keeps to the bounds.
    """
    if bounds.are_none:
        return space
    shape = {item.name: getattr(space, item.name) for item in fields(space)}
    found = AffordableArchitectures(**shape, graph_of=decode, bounds=bounds)
    found.random(np.random.default_rng(0))
    return found


def affordable_first(
    space: ArchitectureSpace, first: Sequence[Architecture]
) -> tuple[Architecture, ...]:
    """Return the architectures that a search begins with, without those beyond a bound."""
    if not isinstance(space, AffordableArchitectures):
        return tuple(first)
    return tuple(architecture for architecture in first if not space.excess(architecture))
