"""Configurations as numbers, for methods that need a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import hyperparameter_columns, require_columns
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import ArchitectureSpace


@dataclass(frozen=True)
class Features:
    """A matrix with one row for each configuration.

    Attributes
    ----------
    matrix : ndarray of shape (rows, columns), float64
        One row for each evaluation, one column for each feature; all finite.
    groups
        The columns of each variable (a decision or a hyperparameter), by its name.
    """

    matrix: np.ndarray
    groups: dict[str, list[int]]


def features(frame: pd.DataFrame, space: ArchitectureSpace | None = None) -> Features:
    """Return the configurations of a history as numbers.

    A node is its width and an indicator for each activation, a skip is 0 or 1; without the space,
    every decision is one indicator for each choice that occurs. A hyperparameter that is a
    number is taken as its logarithm if all values are positive and the largest is more than ten
    times the smallest; text becomes indicators.

    Parameters
    ----------
    frame
        A history, or rows of one.
    space
        Space of the architectures; None: it is not known.
    """
    require_columns(frame, ["architecture"])
    decisions = np.asarray(list(frame["architecture"]), dtype=int).reshape(len(frame), -1)
    known = space is not None and decisions.shape[1] == len(space.variables)
    blocks = _of_space(decisions, space) if known and space else _indicators_of_all(decisions)
    for name in hyperparameter_columns(frame):
        blocks["n" if name == "num_processes" else name] = _numbers(frame[name])
    groups, start = {}, 0
    for name, block in blocks.items():
        groups[name] = list(range(start, start + block.shape[1]))
        start += block.shape[1]
    return Features(np.hstack([np.zeros((len(frame), 0)), *blocks.values()]), groups)


def _of_space(decisions: np.ndarray, space: ArchitectureSpace) -> dict[str, np.ndarray]:
    return {
        variable.name: (
            _layers(choices, space)
            if variable.kind == "node"
            else choices.astype(float).reshape(-1, 1)
        )
        for variable, choices in zip(space.variables, decisions.T, strict=True)
    }


def _layers(choices: np.ndarray, space: ArchitectureSpace) -> np.ndarray:
    """Return width (0 for the identity) and indicators of activations, by the space's tables."""
    try:
        layers = [space.layer(choice) for choice in range(int(choices.max(initial=0)) + 1)]
    except IndexError as error:
        raise ConfigurationError(
            f"A decision is {choices.max()}, which this run's space does not have; "
            "was config.toml changed?"
        ) from error
    lookup = np.asarray(
        [
            [0.0] * (1 + len(space.activations))
            if layer is None
            else [layer[0], *(layer[1] == name for name in space.activations)]
            for layer in layers
        ],
        dtype=float,
    )
    return np.asarray(lookup[choices])


def _indicators_of_all(decisions: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"decision {number}": (choices[:, None] == np.unique(choices)).astype(float)
        for number, choices in enumerate(decisions.T)
    }


def _numbers(values: pd.Series) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(values):
        text = values.astype(str).to_numpy(dtype=object)
        return np.asarray(text[:, None] == np.unique(text), dtype=float)
    numbers: np.ndarray = values.to_numpy(dtype=float, na_value=np.nan)
    numbers = np.where(np.isfinite(numbers), numbers, np.nanmedian(numbers))
    if is_wide(numbers):
        numbers = np.log(numbers)
    return np.asarray(numbers.reshape(-1, 1))


def is_wide(values: np.ndarray) -> bool:
    """Return whether numbers are better seen on a logarithmic scale."""
    return (
        bool(len(values)) and float(values.min()) > 0 and float(values.max() / values.min()) > 10
    )
