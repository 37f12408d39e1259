"""Transforms of a real target that is far from normal: what networks learn, and the way back.

Each is strictly increasing and has an inverse, so that targets come back in the user's own unit
and a quantile stays the same quantile. Everything is fitted to training rows, which count alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agebo_hpc.errors import ConfigurationError

Floats = NDArray[np.float64]

FLOOR = -100.0
"""What a logarithm gives for 0, and begins at for what is below it, in its own deviations."""
MARGIN = 3.0
"""Deviations of the logarithms beyond those of the training rows that are predicted at most."""
LEAST_RATE = 1e-13
"""Least prediction of a rate, as a share of the mean."""
MOST_KNOTS = 1000
"""Quantiles that a target's distribution is known by, at most; scikit-learn's own number."""
MOST_ROWS = 2**20
"""Rows that a transform is fitted to, at most, evenly spaced."""
LARGEST_POWER = 300.0
"""Keeps powers of e within what float64 holds."""


@dataclass(frozen=True)
class Unchanged:
    """The target as it is.

    Attributes
    ----------
    unit
        Deviation of the target.
    """

    unit: float

    def encode(self, numbers: Floats) -> Floats:
        """Return what networks learn."""
        return numbers

    def decode(self, coded: ArrayLike) -> Floats:
        """Return numbers in the user's unit."""
        return np.asarray(coded, np.float64)

    def bounded(self, coded: Floats) -> Floats:
        """Keep what a network gives within what is a prediction."""
        return coded


@dataclass(frozen=True)
class Logarithm:
    """The logarithm, standardised: (log(number + shift) - centre) / scale.

    0 and less, which the logarithm does not have, is `FLOOR` and less, with an inverse too.

    Attributes
    ----------
    shift
        0.0, or 1.0 where there are zeros.
    centre, scale
        Mean and deviation of the logarithms; of rates the logarithm of their mean, and 1.
    low, high
        What predictions are kept within, coded.
    """

    shift: float
    centre: float
    scale: float
    low: float
    high: float

    @property
    def unit(self) -> float:
        """Deviation of what networks learn."""
        return 1.0

    @property
    def _middle(self) -> float:
        return float(np.exp(self.centre))

    def encode(self, numbers: Floats) -> Floats:
        """Return what networks learn."""
        inside = numbers + self.shift > 0
        safe = np.where(inside, numbers, 1.0)
        logs = np.log1p(safe) if self.shift else np.log(safe)
        # What is at the border or beyond it keeps an order and an inverse.
        beyond = FLOOR - np.log1p(np.maximum(-(numbers + self.shift), 0.0) / self._middle)
        scaled = np.maximum((logs - self.centre) / self.scale, FLOOR / 2)
        return np.where(inside, scaled, beyond)

    def decode(self, coded: ArrayLike) -> Floats:
        """Return numbers in the user's unit."""
        wide = np.asarray(coded, np.float64)
        powers = np.clip(wide * self.scale + self.centre, -LARGEST_POWER, LARGEST_POWER)
        numbers = np.expm1(powers) if self.shift else np.exp(powers)
        below = -self._middle * np.expm1(np.clip(FLOOR - wide, 0.0, LARGEST_POWER)) - self.shift
        return np.where(wide <= FLOOR, below, numbers)

    def bounded(self, coded: Floats) -> Floats:
        """Keep what a network gives within what is a prediction."""
        return np.clip(coded, self.low, self.high)


@dataclass(frozen=True)
class ToNormal:
    """Quantiles of the target to those of the normal distribution, straight lines in between.

    Beyond the training rows it goes on as a logarithm, so that any target has its inverse;
    predictions stay within them.

    Attributes
    ----------
    numbers, scores
        Quantiles of the target and their normal scores, both increasing.
    unit_beyond
        Unit in which what lies beyond them is measured.
    """

    numbers: tuple[float, ...]
    scores: tuple[float, ...]
    unit_beyond: float

    @property
    def unit(self) -> float:
        """Deviation of what networks learn."""
        return 1.0

    def encode(self, numbers: Floats) -> Floats:
        """Return what networks learn."""
        inside = np.interp(numbers, self.numbers, self.scores)
        above = np.maximum(numbers - self.numbers[-1], 0.0) / self.unit_beyond
        below = np.maximum(self.numbers[0] - numbers, 0.0) / self.unit_beyond
        coded: Floats = inside + np.log1p(above) - np.log1p(below)
        return coded

    def decode(self, coded: ArrayLike) -> Floats:
        """Return numbers in the user's unit."""
        wide = np.asarray(coded, np.float64)
        inside = np.interp(wide, self.scores, self.numbers)
        above = np.expm1(np.clip(wide - self.scores[-1], 0.0, LARGEST_POWER))
        below = np.expm1(np.clip(self.scores[0] - wide, 0.0, LARGEST_POWER))
        numbers: Floats = inside + self.unit_beyond * (above - below)
        return numbers

    def bounded(self, coded: Floats) -> Floats:
        """Keep what a network gives within what is a prediction."""
        return np.clip(coded, self.scores[0], self.scores[-1])


TargetTransform = Unchanged | Logarithm | ToNormal
KINDS: dict[str, Any] = {"none": Unchanged, "log": Logarithm, "quantile": ToNormal}
"""Classes of transforms by the name that they are stored under."""


@dataclass(frozen=True)
class Sample:
    """What a transform is fitted to, and what it must be fit for.

    Attributes
    ----------
    target
        Name of the target.
    numbers
        Numbers of training rows, shape (rows,); the smallest and the largest are among them.
    deviation
        Deviation of the target.
    least
        The smallest number of all rows that a search reads.
    """

    target: str
    numbers: Floats
    deviation: float
    least: float


def fit_transform(coding: str, sample: Sample) -> TargetTransform:
    """Fit a transform.

    Parameters
    ----------
    coding
        Key of `FITS`.
    sample
        What it is fitted to.

    Raises
    ------
    ConfigurationError
        If the target has no such transform.
    """
    return FITS[coding](sample)


def _fit_none(sample: Sample) -> TargetTransform:
    return Unchanged(sample.deviation)


def _fit_log(sample: Sample) -> TargetTransform:
    if sample.least < 0:
        raise ConfigurationError(
            f"target_transform is log, but the target {sample.target!r} goes down to "
            f"{sample.least:.4g}, and numbers below 0 have no logarithm; choose quantile, which "
            f"takes any numbers."
        )
    shift = 0.0 if sample.least > 0 else 1.0
    logs = np.log1p(sample.numbers) if shift else np.log(sample.numbers)
    centre, scale = float(logs.mean()), float(logs.std())
    if not scale > 0:
        raise ConfigurationError(
            f"target_transform is log, but the logarithm of the target {sample.target!r} is one "
            f"number in the training part; choose standard or quantile."
        )
    low, high = ((float(bound) - centre) / scale for bound in (logs.min(), logs.max()))
    return Logarithm(shift, centre, scale, max(low - MARGIN, FLOOR / 2), high + MARGIN)


def _fit_rate(sample: Sample, loss: str) -> TargetTransform:
    is_out = sample.least < 0 if loss == "poisson" else sample.least <= 0
    if is_out:
        allowed = "0 and more" if loss == "poisson" else "more than 0"
        raise ConfigurationError(
            f"loss is {loss}, but the target {sample.target!r} goes down to {sample.least:.4g}; "
            f"this loss is for numbers of {allowed}: choose another, such as mse."
        )
    mean = float(sample.numbers.mean())
    high = float(np.log(sample.numbers.max() / mean))
    return Logarithm(0.0, float(np.log(mean)), 1.0, float(np.log(LEAST_RATE)), high + MARGIN)


def _fit_quantile(sample: Sample) -> TargetTransform:
    from scipy.special import ndtri

    ordered = np.sort(sample.numbers)
    count = min(MOST_KNOTS, len(ordered))
    places = np.linspace(0, len(ordered) - 1, count)
    quantiles = np.interp(places, np.arange(len(ordered)), ordered)
    knots, which = np.unique(quantiles, return_inverse=True)
    shares = (np.arange(count) + 0.5) / count
    # Equal numbers have the middle of their shares.
    middle = np.bincount(which, shares) / np.bincount(which)
    scores = ndtri(middle).astype(np.float32).astype(np.float64)
    if len(knots) < 2:
        raise ConfigurationError(
            f"target_transform is quantile, but the target {sample.target!r} is one number in the "
            f"training part; choose standard."
        )
    return ToNormal(tuple(knots.tolist()), tuple(scores.tolist()), sample.deviation)


FITS: dict[str, Callable[[Sample], TargetTransform]] = {
    "none": _fit_none,
    "log": _fit_log,
    "quantile": _fit_quantile,
    "poisson": lambda sample: _fit_rate(sample, "poisson"),
    "gamma": lambda sample: _fit_rate(sample, "gamma"),
}
"""What fits each coding that a recipe may ask for, see `agebo_hpc.space.recipe.Recipe.coding`."""


def transform_to_dict(transform: TargetTransform) -> dict[str, Any]:
    """Return plain JSON data."""
    kind = next(name for name, known in KINDS.items() if isinstance(transform, known))
    return {"kind": kind, **{key: _plain(value) for key, value in asdict(transform).items()}}


def transform_from_dict(data: dict[str, Any]) -> TargetTransform:
    """Return the transform that `transform_to_dict` described.

    Raises
    ------
    ValueError, LookupError or TypeError
        If it is nonsense.
    """
    kind = KINDS[data["kind"]]
    read = {item.name: _read(data[item.name]) for item in fields(kind)}
    transform: TargetTransform = kind(**read)
    numbers = [n for value in read.values() for n in np.atleast_1d(value)]
    if not np.isfinite(numbers).all() or not _makes_sense(transform):
        raise ValueError("the target's transform makes no sense")
    return transform


def _makes_sense(transform: TargetTransform) -> bool:
    if isinstance(transform, Unchanged):
        return transform.unit > 0
    if isinstance(transform, Logarithm):
        ordered = FLOOR < transform.low < transform.high
        return transform.shift in (0.0, 1.0) and transform.scale > 0 and ordered
    known = (transform.numbers, transform.scores)
    increasing = all(a < b for values in known for a, b in pairwise(values))
    return increasing and len(known[0]) == len(known[1]) > 1 and transform.unit_beyond > 0


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _read(value: Any) -> Any:
    return tuple(map(float, value)) if isinstance(value, list) else float(value)
