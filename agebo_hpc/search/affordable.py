"""An architecture space of which only the networks within bounds on their cost are proposed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace, MutationKind
from agebo_hpc.space.cost import CostBounds, nothing_fits, work
from agebo_hpc.space.graph import Graph

DRAWS = 2_000
"""Random networks that are tried before none counts as there."""
MUTATIONS = 200
"""Mutations of a parent that are tried before it stays as it is."""


class AffordableArchitectures(ArchitectureSpace):
    """A space whose random architectures and mutations keep to bounds.

    What does not is drawn again from the same generator, so the same seed gives the same search.

    Parameters
    ----------
    space
        All architectures.
    decode
        From an architecture to its network for the data set.
    bounds
        Of the networks.
    """

    def __init__(
        self, space: ArchitectureSpace, decode: Callable[[Architecture], Graph], bounds: CostBounds
    ) -> None:
        for name, value in vars(space).items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_graph_of", decode)
        object.__setattr__(self, "_bounds", bounds)

    def excess(self, architecture: Architecture) -> str:
        """Return what of its network is beyond a bound, for people; nothing if none is."""
        graph: Graph = self._graph_of(architecture)  # type: ignore[attr-defined]
        bounds: CostBounds = self._bounds  # type: ignore[attr-defined]
        return bounds.excess(graph)

    def random(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly among the architectures within the bounds.

        Raises
        ------
        ConfigurationError
            If none of `DRAWS` is.
        """
        seen = []
        for _ in range(DRAWS):
            architecture = super().random(rng)
            if not self.excess(architecture):
                return architecture
            seen.append(architecture)
        smallest = min(seen, key=lambda each: work(self._graph_of(each)))  # type: ignore[attr-defined]
        raise nothing_fits(self._bounds, DRAWS, self.excess(smallest))  # type: ignore[attr-defined]

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
    found = AffordableArchitectures(space, decode, bounds)
    found.random(np.random.default_rng(0))
    return found


def affordable_first(space: ArchitectureSpace, first: Architecture | None) -> Architecture | None:
    """Return the architecture that a search begins with; none if it is beyond a bound."""
    is_bounded = isinstance(space, AffordableArchitectures) and first is not None
    return None if is_bounded and space.excess(first) else first  # type: ignore[arg-type, attr-defined]


def refuse_bounds_of(method: str, bounds: CostBounds) -> None:
    """Refuse bounds with a method that does not draw architectures one by one.

    Raises
    ------
    ConfigurationError
        If the method is mixed-bo.
    """
    if method == "mixed-bo" and not bounds.are_none:
        raise ConfigurationError(
            f"{bounds.told()} is for methods that draw architectures; --method mixed-bo chooses "
            "among thousands of candidates at once. Choose another method, or leave it out."
        )
