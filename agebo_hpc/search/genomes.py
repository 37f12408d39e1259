"""What aging evolution evolves: how a genome is drawn, mutated and written down."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np

from agebo_hpc.space.architecture import Architecture, ArchitectureSpace, MutationKind
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.hyperparameters import HyperparameterSpace

Value = TypeVar("Value")


class Genome(Protocol[Value]):
    """Draws and mutates values of one kind."""

    def random(self, rng: np.random.Generator) -> Value:
        """Draw a value."""
        ...

    def mutate(self, value: Value, rng: np.random.Generator) -> Value:
        """Change one gene of a value."""
        ...

    def limit_processes(self, largest: int) -> None:
        """Draw no ``num_processes`` above ``largest`` from now on."""
        ...

    def to_data(self, value: Value) -> Any:
        """Return a value as plain data for JSON."""
        ...

    def from_data(self, data: Any) -> Value:
        """Read what `to_data` gave."""
        ...


class ArchitectureGenome:
    """Architectures; a gene is a decision.

    Parameters
    ----------
    space
        Space that the architectures come from.
    mutation
        Which decisions a mutation may change, see `ArchitectureSpace.mutate`.
    """

    def __init__(self, space: ArchitectureSpace, mutation: MutationKind = "any") -> None:
        self._space = space
        self._mutation = mutation

    def random(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture."""
        return self._space.random(rng)

    def mutate(self, value: Architecture, rng: np.random.Generator) -> Architecture:
        """Give one decision another choice."""
        return self._space.mutate(value, rng, self._mutation)

    def limit_processes(self, largest: int) -> None:
        """Do nothing: an architecture trains on any number."""

    def to_data(self, value: Architecture) -> list[int]:
        """Return the decisions as a list."""
        return list(value)

    def from_data(self, data: list[int]) -> Architecture:
        """Return the decisions as a tuple."""
        return tuple(data)


class ConfigurationGenome:
    """Whole configurations: hyperparameters are further genes (mixed aging evolution).

    Parameters
    ----------
    architectures, hyperparameters
        The two spaces.
    mutation
        Which decisions of the architecture a mutation may change.
    """

    def __init__(
        self,
        architectures: ArchitectureSpace,
        hyperparameters: HyperparameterSpace,
        mutation: MutationKind = "any",
    ) -> None:
        self._architectures = architectures
        self._hyperparameters = self._allowed = hyperparameters
        self._mutation = mutation
        self._num_decisions = sum(
            mutation == "any" or variable.kind == "node" for variable in architectures.variables
        )

    def random(self, rng: np.random.Generator) -> Configuration:
        """Draw architecture and hyperparameters."""
        architecture = self._architectures.random(rng)
        return Configuration(architecture, self._allowed.sample(1, rng)[0])

    def mutate(self, value: Configuration, rng: np.random.Generator) -> Configuration:
        """Change one gene, each with the same chance; a hyperparameter is drawn from its prior.

        A parent's ``num_processes`` that is not allowed any more is drawn anew besides.
        """
        names = self._allowed.names
        architecture, values = value.architecture, dict(value.hyperparameters)
        gene = int(rng.integers(self._num_decisions + len(names)))
        if gene < self._num_decisions:
            architecture = self._architectures.mutate(architecture, rng, self._mutation)
        else:
            name = names[gene - self._num_decisions]
            values[name] = self._allowed.sample(1, rng)[0][name]
        if values["num_processes"] not in self._allowed.processes:
            values["num_processes"] = self._allowed.sample(1, rng)[0]["num_processes"]
        return Configuration(architecture, values)

    def limit_processes(self, largest: int) -> None:
        """Draw from the choices that are left."""
        self._allowed = self._hyperparameters.limited(largest)

    def to_data(self, value: Configuration) -> dict[str, Any]:
        """Return the configuration as plain data."""
        return value.to_dict()

    def from_data(self, data: dict[str, Any]) -> Configuration:
        """Read what `to_data` gave."""
        return Configuration.from_dict(data)
