"""Who proposes what: architectures, hyperparameters, or whole configurations.

A proposer is asked for one evaluation at a time and hears of every finished one. Its future
depends on nothing but its settings, what it was told, and which proposals are pending.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.view import View
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.configuration import NO_PARENT, Configuration
from agebo_hpc.space.hyperparameters import HyperparameterSpace

Value = TypeVar("Value")


class Proposer(ABC, Generic[Value]):
    """Proposes values of one kind, one for each evaluation.

    Attributes
    ----------
    parent
        Parent of the latest proposal: id of the evaluation whose value it is a mutation of,
        `NO_PARENT` where it is drawn otherwise; None: not known. Not part of the state.
    """

    parent: int | None = NO_PARENT

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

    def restore(self, evaluation_id: int, value: Value, pending: Mapping[int, Value]) -> None:
        """Repeat what `propose` did when it chose ``value``, without choosing again.

        Most proposers change by learning only; then there is nothing to do.
        """

    def limit_processes(self, largest: int) -> None:
        """Propose no ``num_processes`` above ``largest`` from now on; not part of the state.

        Nothing happens where it is not what is proposed.

        Raises
        ------
        LaunchError
            If no choice is left.
        """

    @abstractmethod
    def learn(
        self, evaluation_id: int, value: Value, objective: float | None, epochs: int = 0
    ) -> None:
        """Learn from an evaluation that has ended or reached a rung.

        Parameters
        ----------
        evaluation_id, value
            What was proposed.
        objective
            None when it failed.
        epochs
            Epochs that it was trained for, >= 0; 0: not known.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return all that was learnt as plain data for JSON."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""


class Memoryless(Proposer[Value]):
    """A proposer that learns nothing."""

    def learn(
        self, evaluation_id: int, value: Value, objective: float | None, epochs: int = 0
    ) -> None:
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
        self._space = self._allowed = space
        self._seed = seed

    def propose(self, evaluation_id: int, pending: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        """Draw a point."""
        rng = generator(self._seed, evaluation_id, Stream.HYPERPARAMETERS)
        return self._allowed.sample(1, rng)[0]

    def limit_processes(self, largest: int) -> None:
        """Draw from the choices that are left."""
        self._allowed = self._space.limited(largest)


class DefaultHyperparameters(Memoryless[dict[str, Any]]):
    """Gives the space's default values, always (AgE)."""

    def __init__(self, space: HyperparameterSpace) -> None:
        self._space = self._allowed = space

    def propose(self, evaluation_id: int, pending: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        """Return the defaults."""
        return self._allowed.defaults

    def limit_processes(self, largest: int) -> None:
        """Give the default among the choices that are left."""
        self._allowed = self._space.limited(largest)


class Pair(Proposer[Configuration]):
    """One proposer for the architecture, another for the hyperparameters.

    Parameters
    ----------
    architectures, hyperparameters
        The two proposers.
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
        architectures, hyperparameters = _parts(pending)
        proposed = Configuration(
            self._architectures.propose(evaluation_id, architectures),
            self._hyperparameters.propose(evaluation_id, hyperparameters),
        )
        self.parent = self._architectures.parent
        return proposed

    def restore(
        self, evaluation_id: int, value: Configuration, pending: Mapping[int, Configuration]
    ) -> None:
        """Restore both."""
        architectures, hyperparameters = _parts(pending)
        self._architectures.restore(evaluation_id, value.architecture, architectures)
        self._hyperparameters.restore(evaluation_id, dict(value.hyperparameters), hyperparameters)

    def limit_processes(self, largest: int) -> None:
        """Limit both."""
        self._architectures.limit_processes(largest)
        self._hyperparameters.limit_processes(largest)

    def learn(
        self, evaluation_id: int, value: Configuration, objective: float | None, epochs: int = 0
    ) -> None:
        """Tell both."""
        self._architectures.learn(evaluation_id, value.architecture, objective, epochs)
        self._hyperparameters.learn(evaluation_id, dict(value.hyperparameters), objective, epochs)

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


def _parts(
    pending: Mapping[int, Configuration],
) -> tuple[Mapping[int, Architecture], Mapping[int, dict[str, Any]]]:
    """Take configurations apart, by evaluation id."""
    return (
        View(pending, lambda configuration: configuration.architecture),
        View(pending, lambda configuration: dict(configuration.hyperparameters)),
    )
