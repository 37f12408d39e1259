"""What Bayesian optimization optimises: how points are drawn and how a surrogate sees them."""

from __future__ import annotations

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

    def sample_columns(self, num_points: int, rng: np.random.Generator) -> Columns:
        """Draw points from the priors."""
        ...

    def columns(self, points: Sequence[Point]) -> Columns:
        """Arrange points as columns."""
        ...

    def encode(self, columns: Columns) -> np.ndarray:
        """Return what a surrogate sees: float64 of shape (n_points, n_encoded)."""
        ...

    def point(self, columns: Columns, row: int) -> Point:
        """Return one row of columns as a point."""
        ...

    def to_data(self, point: Point) -> Any:
        """Say a point as plain data for JSON."""
        ...

    def from_data(self, data: Any) -> Point:
        """Read what `to_data` gave."""
        ...


class HyperparameterPoints:
    """Points of a hyperparameter space.

    Parameters
    ----------
    space
        The space.
    """

    def __init__(self, space: HyperparameterSpace) -> None:
        self._space = space
        self.sample_columns = space.sample_columns
        self.columns = space.columns
        self.encode = space.encode
        self.point = space.point

    @property
    def num_dimensions(self) -> int:
        """Number of tuned dimensions."""
        return len(self._space.dimensions)

    def to_data(self, point: dict[str, Any]) -> dict[str, Any]:
        """Return a copy."""
        return dict(point)

    def from_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a copy."""
        return dict(data)


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
        self._choices = [variable.num_choices for variable in architectures.variables]
        self._hyperparameters = hyperparameters

    @property
    def num_dimensions(self) -> int:
        """Number of tuned dimensions."""
        return len(self._choices) + len(self._hyperparameters.dimensions)

    def sample_columns(self, num_points: int, rng: np.random.Generator) -> Columns:
        """Draw points from the priors."""
        decisions = [rng.integers(choices, size=num_points) for choices in self._choices]
        return [*decisions, *self._hyperparameters.sample_columns(num_points, rng)]

    def columns(self, points: Sequence[Configuration]) -> Columns:
        """Arrange points as columns."""
        decisions = np.asarray([point.architecture for point in points]).T
        values = self._hyperparameters.columns([p.hyperparameters for p in points])
        return [*decisions, *values]

    def encode(self, columns: Columns) -> np.ndarray:
        """Return what a surrogate sees: one column for each choice but the first, then numbers."""
        parts = [
            (column[:, None] == np.arange(1, choices)).astype(np.float64)
            for column, choices in zip(columns, self._choices, strict=False)
        ]
        values = columns[len(self._choices) :]
        if len(values):
            parts.append(self._hyperparameters.encode(values))
        return np.concatenate(parts, axis=1)

    def point(self, columns: Columns, row: int) -> Configuration:
        """Return one row of columns as a configuration."""
        num_decisions = len(self._choices)
        architecture = tuple(int(column[row]) for column in columns[:num_decisions])
        values = self._hyperparameters.point(columns[num_decisions:], row)
        return Configuration(architecture, values)

    def to_data(self, point: Configuration) -> dict[str, Any]:
        """Return the configuration as plain data."""
        return point.to_dict()

    def from_data(self, data: dict[str, Any]) -> Configuration:
        """Read what `to_data` gave."""
        return Configuration.from_dict(data)
