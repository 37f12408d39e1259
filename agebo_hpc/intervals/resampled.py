"""The interval of any score: the bias-corrected and accelerated bootstrap.

Efron (1987): quantiles of the resampled scores, at levels that correct the bias of their median
(z0) and how the spread changes with the score (the acceleration, by a jackknife over blocks).

A score may be any function of rows and weights, so it is bounded what it costs: of more than
`MOST_ROWS` rows as many are taken at random, and the interval's distances from the score shrink
with the root of their share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from agebo_hpc.intervals.interval import Interval
from agebo_hpc.intervals.smooth import LEAST_UNITS, widened_tail
from agebo_hpc.intervals.units import RESAMPLES, Units

Array = NDArray[np.float64]
OfWeights = Callable[[Array], Array]
"""Weights of rows, shape (resamples, rows), to scores, shape (resamples,)."""
Metric = Callable[[NDArray[np.int64]], float | None]
"""Row numbers to the score of these rows."""

MOST_ROWS = 20_000
MOST_CALLED_ROWS = 5_000
"""Of a score that is called once for each resample."""
JACKKNIFE_BLOCKS = 200
CELLS = 2**22
"""Weights that are made at a time, at most."""


def resampled_interval(
    make_score: Callable[[NDArray[np.int64]], OfWeights],
    rows: int,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    weights: Array | None = None,
    seed: int = 0,
    most_rows: int = MOST_ROWS,
) -> Interval | None:
    """Return the interval of a score that takes weights of rows.

    Parameters
    ----------
    make_score
        Row numbers to the score of these rows.
    rows, groups, seed
        See `agebo_hpc.intervals.units.Units`.
    weights
        Weight of each row, >= 0, shape (rows,); None: all count alike.
    most_rows
        How many are taken, at most.

    Returns
    -------
    tuple or None
        None where the rows are too few, or the score is not a number in half of the resamples.
    """
    taken = np.arange(rows)
    if rows > most_rows:
        taken = np.sort(np.random.default_rng(seed).choice(rows, most_rows, replace=False))
    units = Units(len(taken), None if groups is None else np.asarray(groups)[taken], seed)
    if units.independent < LEAST_UNITS:
        return None
    own = np.ones(len(taken)) if weights is None else weights[taken]
    score = make_score(taken)

    def of_units(counts: Array) -> Array:
        step = max(1, CELLS // len(taken))
        pieces = [counts[start : start + step] for start in range(0, len(counts), step)]
        return np.concatenate([score(_to_rows(piece, units) * own) for piece in pieces])

    with np.errstate(all="ignore"):
        found = float(of_units(np.ones((1, units.count)))[0])
        values = of_units(units.draw(RESAMPLES))
        values = values[np.isfinite(values)]
        if not np.isfinite(found) or len(values) < RESAMPLES / 2:
            return None
        levels = _levels(found, values, _acceleration(of_units, units), units.independent)
    low, high = np.quantile(values, levels)
    whole = (
        found if len(taken) == rows else float(make_score(np.arange(rows))(_all(weights, rows))[0])
    )
    shrink = np.sqrt(len(taken) / rows)
    return float(whole + shrink * (low - found)), float(whole + shrink * (high - found))


def metric_interval(
    metric: Metric,
    rows: int,
    groups: Sequence[Any] | NDArray[Any] | None = None,
    seed: int = 0,
    most_rows: int = MOST_CALLED_ROWS,
) -> Interval | None:
    """Return the interval of a score of which nothing is known.

    Parameters
    ----------
    metric
        Row numbers, some of them again and again, to their score. It may be None, or `ValueError`
        be raised, of rows that do not allow it, as those of one class; these are left out.
    rows, groups, seed, most_rows
        See `resampled_interval`.
    """

    def make_score(taken: NDArray[np.int64]) -> OfWeights:
        def of_one(counts: Array) -> float:
            try:
                value = metric(np.repeat(taken, counts.astype(np.int64)))
            except ValueError:
                value = None
            return float("nan") if value is None else float(value)

        return lambda many: np.array([of_one(counts) for counts in many])

    return resampled_interval(make_score, rows, groups, None, seed, most_rows)


def _all(weights: Array | None, rows: int) -> Array:
    return (np.ones(rows) if weights is None else weights)[None]


def _to_rows(counts: Array, units: Units) -> Array:
    return counts if units.of_row is None else counts[:, units.of_row]


def _acceleration(of_units: OfWeights, units: Units) -> float:
    blocks = np.arange(units.count) % min(units.count, JACKKNIFE_BLOCKS)
    kept = (blocks[None] != np.arange(blocks.max() + 1)[:, None]).astype(np.float64)
    without = of_units(kept)
    # Without a block a score may be infinite, as R^2 is of rows that are all alike.
    without = without[np.isfinite(without)]
    distances = without.mean() - without if len(without) else without
    spread = (distances**2).sum()
    skewness = (distances**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    return float(skewness) if np.isfinite(skewness) else 0.0


def _levels(found: float, values: Array, acceleration: float, independent: int) -> Array:
    below = (values < found).mean() + (values == found).mean() / 2
    bias = ndtri(np.clip(below, 1 / len(values), 1 - 1 / len(values)))
    half = ndtri(widened_tail(independent))
    z = bias + np.array([-half, half])
    return np.asarray(ndtr(bias + z / (1 - acceleration * z)))
