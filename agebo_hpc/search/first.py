"""A search that begins with architectures made by hand, and near the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.proposers import DefaultHyperparameters, Proposer
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.configuration import Configuration

NEAR = 20
"""First evaluations whose architectures are those by hand, changed in a few decisions."""
MOST_CHANGES = 3


class FirstByHand(Proposer[Configuration]):
    """Proposes first architectures with default hyperparameters, then changes of the best.

    The first evaluations of a method draw their architectures at random. A short search has only
    these, and most of a large space is bad or slow. So here the first `NEAR` of them (as many as
    the population holds, if these are fewer) are 1 to `MOST_CHANGES` mutations away from that of
    the architectures by hand that did best so far. All else is the method's own.

    Parameters
    ----------
    method
        Proposes the hyperparameters, and everything later.
    first
        Architectures of the first evaluations, one or more.
    space
        Space of the architectures.
    hyperparameters
        Gives the first evaluations their own.
    seed, population_size
        Seed of the search, >= 0, and the size of its population.
    """

    def __init__(
        self,
        method: Proposer[Configuration],
        first: Sequence[Architecture],
        space: ArchitectureSpace,
        hyperparameters: DefaultHyperparameters,
        seed: int,
        population_size: int,
    ) -> None:
        self._method = method
        self._first = tuple(first)
        self._scores: dict[int, float] = {}
        self._space = space
        self._hyperparameters = hyperparameters
        self._seed = seed
        self._near = min(NEAR, population_size)

    def propose(self, evaluation_id: int, pending: Mapping[int, Configuration]) -> Configuration:
        """Return a configuration by hand, one near it, or what the method proposes."""
        if evaluation_id < len(self._first):
            return Configuration(self._first[evaluation_id], self._hyperparameters.propose(0, {}))
        proposed = self._method.propose(evaluation_id, pending)
        if evaluation_id >= self._near:
            return proposed
        rng = generator(self._seed, evaluation_id, Stream.ARCHITECTURE, 1)
        best = max(self._scores, key=lambda number: self._scores[number], default=0)
        architecture = self._first[best]
        for _ in range(1 + int(rng.integers(MOST_CHANGES))):
            architecture = self._space.mutate(architecture, rng)
        return replace(proposed, architecture=architecture)

    def restore(
        self, evaluation_id: int, value: Configuration, pending: Mapping[int, Configuration]
    ) -> None:
        """Restore the method; it was not asked for the evaluations by hand."""
        if evaluation_id >= len(self._first):
            self._method.restore(evaluation_id, value, pending)

    def limit_processes(self, largest: int) -> None:
        """Limit the method, and the configurations by hand."""
        self._method.limit_processes(largest)
        self._hyperparameters.limit_processes(largest)

    def learn(
        self, evaluation_id: int, value: Configuration, objective: float | None, epochs: int = 0
    ) -> None:
        """Tell the method, and remember how those by hand did."""
        if evaluation_id < len(self._first) and objective is not None:
            self._scores[evaluation_id] = objective
        self._method.learn(evaluation_id, value, objective, epochs)

    def state(self) -> dict[str, Any]:
        """Return the method's state, and how those by hand did."""
        return {"method": self._method.state(), "by_hand": list(self._scores.items())}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._method.load_state(state["method"])
        self._scores = dict(state["by_hand"])
