"""Standardising numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLIP = 20.0
"""Standardised values are kept within this many deviations: rare or wrong cells stay harmless."""

Features = NDArray[np.float32]

SMALL = 1e-100
"""Below this, squares are not told from 0."""


def unit_of(numbers: NDArray[np.float64]) -> float:
    """Return the unit in which the squares of numbers are told from 0."""
    largest = float(np.abs(numbers).max(initial=0.0))
    return largest if 0 < largest < SMALL else 1.0


def mean_and_scale(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and deviation (1 if it is no more than rounding), as `StandardScaler` has them.

    A table may have thousands of columns: scikit-learn's own checks of an array take ten times
    as long as this does for a few hundred rows.
    """
    rows = len(numbers)
    mean = numbers.sum() / rows
    apart = numbers - mean
    rounding = apart.sum()
    apart *= apart
    variance = (apart.sum() - rounding**2 / rows) / rows
    error = rows * np.finfo(np.float64).eps
    constant = variance <= error * variance + (error * mean) ** 2
    return float(mean), 1.0 if constant else float(np.sqrt(variance))


def standardise(values: NDArray[np.float64], mean: Any, scale: Any) -> Features:
    """Return numbers in deviations from a mean, clipped."""
    # Many deviations may be more than float64 holds; infinite, they are clipped like others.
    with np.errstate(over="ignore"):
        scaled: Features = np.clip((values - mean) / scale, -CLIP, CLIP).astype(np.float32)
    return scaled
