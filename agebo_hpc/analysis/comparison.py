"""Methods held against each other over several seeds: bands and a rank test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from agebo_hpc.errors import UsageError

AXES = ("seconds", "number")


def common_end(methods: Mapping[str, Sequence[pd.DataFrame]], axis: str) -> float:
    """Return how far all searches went: seconds of search, or scored evaluations.

    Parameters
    ----------
    methods
        The trajectory, by method, of each of its searches (see
        `agebo_hpc.analysis.tables.trajectory`); none of them empty.
    axis
        ``seconds`` or ``number``.
    """
    _check(axis)
    return min(float(table[axis].max()) for tables in methods.values() for table in tables)


def bands(
    methods: Mapping[str, Sequence[pd.DataFrame]], axis: str = "seconds", num_points: int = 200
) -> pd.DataFrame:
    """Spread the best so far of each method's searches over a common axis.

    Parameters
    ----------
    methods, axis
        See `common_end`.
    num_points
        Number of points on the axis, >= 2.

    Returns
    -------
    DataFrame
        ``method``, the axis, ``low`` (25 %), ``median``, ``high`` (75 %), ``searches`` (that
        have a score by then); up to where all searches went.
    """
    _check(axis)
    points = np.linspace(0.0, common_end(methods, axis), num_points)
    parts = []
    for method, tables in methods.items():
        values = np.stack([best_at(table, points, axis) for table in tables])
        there = (~np.isnan(values)).sum(axis=0)
        low, median, high = np.nanquantile(values[:, there > 0], [0.25, 0.5, 0.75], axis=0)
        part = {axis: points[there > 0], "low": low, "median": median, "high": high}
        parts.append(pd.DataFrame({"method": method, **part, "searches": there[there > 0]}))
    return pd.concat(parts, ignore_index=True)


def best_at(table: pd.DataFrame, points: np.ndarray, axis: str = "seconds") -> np.ndarray:
    """Return the best so far of a trajectory at points of an axis; NaN before the first."""
    positions = np.searchsorted(table[axis].to_numpy(), points, side="right") - 1
    best = table["best_so_far"].to_numpy()
    return np.where(positions >= 0, best[np.maximum(positions, 0)], np.nan)


def rank_tests(
    methods: Mapping[str, Sequence[pd.DataFrame]], axis: str = "seconds"
) -> pd.DataFrame:
    """Test for each pair of methods whether one ends higher than the other.

    Mann-Whitney's two-sided test of the best objectives at the point that all searches reached;
    the p-values of all pairs are corrected by Holm's method.

    Parameters
    ----------
    methods, axis
        See `common_end`.

    Returns
    -------
    DataFrame
        ``method``, ``other``, ``searches`` and ``other_searches``, ``median`` and
        ``other_median``, ``superiority`` (chance that a search of ``method`` ends above one of
        ``other``, ties count half), ``p`` and ``p_holm`` (NaN if a method has one search only).
    """
    from scipy.stats import mannwhitneyu

    end = np.asarray([common_end(methods, axis)])
    finals = {
        name: np.asarray([best_at(table, end, axis)[0] for table in tables])
        for name, tables in methods.items()
    }
    rows = []
    for one, other in combinations(finals, 2):
        a, b = (values[~np.isnan(values)] for values in (finals[one], finals[other]))
        p = float(mannwhitneyu(a, b).pvalue) if min(len(a), len(b)) > 1 else np.nan
        higher = (a[:, None] > b).mean() + (a[:, None] == b).mean() / 2 if len(a) * len(b) else 0.5
        medians = [float(np.median(v)) if len(v) else np.nan for v in (a, b)]
        rows.append((one, other, len(a), len(b), *medians, float(higher), p))
    columns = [
        *("method", "other", "searches", "other_searches", "median", "other_median"),
        *("superiority", "p"),
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=_holm(table["p"].to_numpy(dtype=float)))


def _holm(p: np.ndarray) -> np.ndarray:
    """Correct p-values for their number; NaN stays NaN and does not count."""
    corrected = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p, kind="stable") if not np.isnan(p[i])]
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p[i]))
        corrected[i] = largest
    return corrected


def _check(axis: str) -> None:
    if axis not in AXES:
        raise UsageError(f"The axis is {axis!r}; choose among {', '.join(AXES)}.")
