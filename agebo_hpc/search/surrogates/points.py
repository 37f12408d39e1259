"""What Bayesian optimization optimises: how points are drawn and how a surrogate sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.hyperparameters import HyperparameterSpace

Point = TypeVar("Point")
Columns = Sequence[np.ndarray]
"""One array of values for each dimension."""


class PointSpace(Protocol[Point]):
    """Points of one kind, handled by columns so that ten thousand of them cost milliseconds."""

    @property
    def num_dimensions(self) -> int:
        """Number of tuned dimensions."""
        ...

    @property
    def num_points(self) -> float:
        """Number of different points; infinite where a dimension is continuous."""
        ...

    def sample_columns(self, num_points: int, rng: np.random.Generator) -> Columns:
        """Draw points from the priors."""
        ...

    def between(
        self, kept: Columns, drawn: Columns, share: np.ndarray, rng: np.random.Generator
    ) -> Columns:
        """Return points part of the way from one to others, see `HyperparameterSpace.between`."""
        ...

    def limited(self, largest: int) -> PointSpace[Point]:
        """Return the space without the choices of ``num_processes`` above ``largest``."""
        ...

    def num_processes(self, columns: Columns) -> np.ndarray:
        """Return the column of ``num_processes``, shape (n_points,), fixed or tuned."""
        ...

    def columns(self, data: Sequence[Sequence[Any]]) -> Columns:
        """Arrange points, given as plain data, as columns."""
        ...

    def encode(self, columns: Columns) -> np.ndarray:
        """Return what a surrogate sees: float64 of shape (n_points, n_encoded)."""
        ...

    def point(self, columns: Columns, row: int) -> Point:
        """Return one row of columns as a point."""
        ...

    def to_data(self, point: Point) -> list[Any]:
        """Return a point as plain data for JSON: one value for each tuned dimension."""
        ...


class HyperparameterPoints:
    """Points of a hyperparameter space.

    Parameters
    ----------
    space
        The hyperparameter space.
    """

    def __init__(self, space: HyperparameterSpace) -> None:
        self._space = space
        self.sample_columns = space.sample_columns
        self.between = space.between
        self.columns = _columns
        self.encode = space.encode
        self.point = space.point
        self.num_processes = space.num_processes

    @property
    def num_dimensions(self) -> int:
        """Number of tuned dimensions."""
        return len(self._space.dimensions)

    @property
    def num_points(self) -> float:
        """Number of different points; infinite where a dimension is continuous."""
        return self._space.num_points

    def limited(self, largest: int) -> HyperparameterPoints:
        """Return the space without the choices of ``num_processes`` above ``largest``."""
        return HyperparameterPoints(self._space.limited(largest))

    def to_data(self, point: dict[str, Any]) -> list[Any]:
        """Return the values of the tuned dimensions."""
        return [point[name] for name in self._space.names]


class ConfigurationPoints:
    """Whole configurations as points: decisions one-hot, then hyperparameters (mixed BO).

    Parameters
    ----------
    architectures, hyperparameters
        The two spaces.
    """

    def __init__(
        self, architectures: ArchitectureSpace, hyperparameters: HyperparameterSpace
    ) -> None:
        self._architectures = architectures
        self._choices = [variable.num_choices for variable in architectures.variables]
        self._hyperparameters = hyperparameters

    @property
    def num_dimensions(self) -> int:
        """Number of tuned dimensions."""
        return len(self._choices) + len(self._hyperparameters.dimensions)

    @property
    def num_points(self) -> float:
        """Number of different points; infinite where a dimension is continuous."""
        return math.prod(self._choices) * self._hyperparameters.num_points

    def limited(self, largest: int) -> ConfigurationPoints:
        """Return the space without the choices of ``num_processes`` above ``largest``."""
        return ConfigurationPoints(self._architectures, self._hyperparameters.limited(largest))

    def sample_columns(self, num_points: int, rng: np.random.Generator) -> Columns:
        """Draw points from the priors."""
        decisions = [rng.integers(choices, size=num_points) for choices in self._choices]
        return [*decisions, *self._hyperparameters.sample_columns(num_points, rng)]

    def between(
        self, kept: Columns, drawn: Columns, share: np.ndarray, rng: np.random.Generator
    ) -> Columns:
        """Return points part of the way; a decision is the other's with the probability."""
        first = len(self._choices)
        decisions = [
            np.where(rng.random(len(share)) < share, there, here)
            for here, there in zip(kept[:first], drawn[:first], strict=True)
        ]
        values = self._hyperparameters.between(kept[first:], drawn[first:], share, rng)
        return [*decisions, *values]

    def num_processes(self, columns: Columns) -> np.ndarray:
        """Return the column of ``num_processes``, shape (n_points,), fixed or tuned."""
        return self._hyperparameters.num_processes(columns[len(self._choices) :], len(columns[0]))

    def columns(self, data: Sequence[Sequence[Any]]) -> Columns:
        """Arrange points, given as plain data, as columns."""
        return _columns(data)

    def encode(self, columns: Columns) -> np.ndarray:
        """Return what a surrogate sees: one column for each choice but the first, then numbers."""
        values = columns[len(self._choices) :]
        numbers = self._hyperparameters.encode(values) if len(values) else None
        width = sum(choices - 1 for choices in self._choices)
        encoded = np.zeros((len(columns[0]), width + (0 if numbers is None else numbers.shape[1])))
        start = 0
        # Where the ones are is written alone: with hundreds of choices there is little else.
        for column, choices in zip(columns, self._choices, strict=False):
            rows = np.flatnonzero(column)
            encoded[rows, start + column[rows] - 1] = 1.0
            start += choices - 1
        if numbers is not None:
            encoded[:, start:] = numbers
        return encoded

    def point(self, columns: Columns, row: int) -> Configuration:
        """Return one row of columns as a configuration."""
        num_decisions = len(self._choices)
        architecture = tuple(int(column[row]) for column in columns[:num_decisions])
        values = self._hyperparameters.point(columns[num_decisions:], row)
        return Configuration(architecture, values)

    def to_data(self, point: Configuration) -> list[Any]:
        """Return the decisions, then the values of the tuned hyperparameters."""
        values = [point.hyperparameters[name] for name in self._hyperparameters.names]
        return [*point.architecture, *values]


def _columns(data: Sequence[Sequence[Any]]) -> Columns:
    """Arrange rows of values as one array for each dimension."""
    return [np.asarray(column) for column in zip(*data, strict=True)]
