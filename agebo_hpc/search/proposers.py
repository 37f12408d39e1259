"""Who proposes what: architectures, hyperparameters, or whole configurations.

A proposer is asked for one evaluation at a time and hears of every finished one. Its future
depends on nothing but its settings, what it was told, and which proposals are pending.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.hyperparameters import HyperparameterSpace

Value = TypeVar("Value")


class Proposer(ABC, Generic[Value]):
    """Proposes values of one kind, one for each evaluation."""

    @abstractmethod
    def propose(self, evaluation_id: int, pending: Mapping[int, Value]) -> Value:
        """Return the value for an evaluation.

        Parameters
        ----------
        evaluation_id
            Seeds every draw, together with the search's seed.
        pending
            Values that were proposed and not yet told, by evaluation id.
        """

    @abstractmethod
    def learn(self, value: Value, objective: float | None) -> None:
        """Hear of a finished evaluation; ``objective`` is None when it failed."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return all that was learnt as plain data for JSON."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""


class Memoryless(Proposer[Value]):
    """A proposer that learns nothing."""

    def learn(self, value: Value, objective: float | None) -> None:
        """Ignore the outcome."""

    def state(self) -> dict[str, Any]:
        """Return an empty mapping."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over nothing."""


class RandomArchitectures(Memoryless[Architecture]):
    """Draws each architecture uniformly."""

    def __init__(self, space: ArchitectureSpace, seed: int) -> None:
        self._space = space
        self._seed = seed

    def propose(self, evaluation_id: int, pending: Mapping[int, Architecture]) -> Architecture:
        """Draw an architecture."""
        return self._space.random(generator(self._seed, evaluation_id, Stream.ARCHITECTURE))


class RandomHyperparameters(Memoryless[dict[str, Any]]):
    """Draws hyperparameters from their priors."""

    def __init__(self, space: HyperparameterSpace, seed: int) -> None:
        self._space = space
        self._seed = seed

    def propose(self, evaluation_id: int, pending: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        """Draw a point."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS)
        return self._space.sample(1, rng)[0]


class DefaultHyperparameters(Memoryless[dict[str, Any]]):
    """Gives the space's default values, always (AgE)."""

    def __init__(self, space: HyperparameterSpace) -> None:
        self._space = space

    def propose(self, evaluation_id: int, pending: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        """Return the defaults."""
        return self._space.defaults


class Pair(Proposer[Configuration]):
    """One proposer for the architecture, another for the hyperparameters.

    Parameters
    ----------
    architectures, hyperparameters
        The two.
    """

    def __init__(
        self,
        architectures: Proposer[Architecture],
        hyperparameters: Proposer[dict[str, Any]],
    ) -> None:
        self._architectures = architectures
        self._hyperparameters = hyperparameters

    def propose(self, evaluation_id: int, pending: Mapping[int, Configuration]) -> Configuration:
        """Ask both."""
        return Configuration(
            self._architectures.propose(
                evaluation_id, {id: c.architecture for id, c in pending.items()}
            ),
            self._hyperparameters.propose(
                evaluation_id, {id: dict(c.hyperparameters) for id, c in pending.items()}
            ),
        )

    def learn(self, value: Configuration, objective: float | None) -> None:
        """Tell both."""
        self._architectures.learn(value.architecture, objective)
        self._hyperparameters.learn(dict(value.hyperparameters), objective)

    def state(self) -> dict[str, Any]:
        """Return the states of both."""
        return {
            "architectures": self._architectures.state(),
            "hyperparameters": self._hyperparameters.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over both states."""
        self._architectures.load_state(state["architectures"])
        self._hyperparameters.load_state(state["hyperparameters"])
