"""What the papers found, as data, and whether the runs show it: effect, spread and a rank test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

ABOVE, BELOW, EQUAL = "above", "below", "equal"
LEVEL = 0.05
"""A rank test below it counts."""

NOTHING = 0.5
"""A rank test above it says not even a direction."""

COLUMNS = (
    *("finding", "problem", "measure", "method", "other", "runs", "other_runs"),
    *("median", "other_median", "effect", "low", "high", "superiority", "p", "verdict"),
)


@dataclass(frozen=True)
class Finding:
    """One comparison of the papers.

    Attributes
    ----------
    text
        What was published.
    measure
        Column of the table of runs that is compared.
    method, other
        Names of the two variants.
    direction
        ``above``, ``below`` or ``equal``: where ``method`` lies.
    paper
        The published figures.
    """

    text: str
    measure: str
    method: str
    other: str
    direction: str = ABOVE
    paper: str = ""


def evaluate(findings: Sequence[Finding], runs: pd.DataFrame) -> pd.DataFrame:
    """Return for each finding and problem what the runs show.

    Parameters
    ----------
    findings
        Findings, with the labels of the runs; those whose methods were not run are left out.
    runs
        What `agebo_hpc.experiments.measures.measure` gives.

    Returns
    -------
    DataFrame
        One row for each finding and problem, see `COLUMNS`: medians of the measure, the effect
        (median of the differences of all pairs of runs, ``low`` and ``high`` its quartiles), the
        ``superiority`` (chance that a run of the method lies above one of the other, ties count
        half), ``p`` of Mann-Whitney's two-sided test, and the verdict, see `verdict`.
    """
    rows = []
    for finding in findings:
        for problem, mine in runs.groupby("problem", sort=False):
            pair = [
                mine.loc[mine["method"] == name, finding.measure].to_numpy(dtype=float)
                for name in (finding.method, finding.other)
            ]
            a, b = (values[~np.isnan(values)] for values in pair)
            if len(a) and len(b):
                rows.append(_row(finding, str(problem), a, b))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(finding: Finding, problem: str, a: np.ndarray, b: np.ndarray) -> tuple[object, ...]:
    differences = pairwise(a, b)
    low, effect, high = quartiles(differences)
    superiority = float((differences > 0).mean() + (differences == 0).mean() / 2)
    p = rank_test(a, b)
    return (
        *(finding.text, problem, finding.measure, finding.method, finding.other, len(a), len(b)),
        *(quartiles(a)[1], quartiles(b)[1], effect, low, high, superiority, p),
        verdict(superiority, p, finding.direction),
    )


def pairwise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the differences of all pairs; two that are both infinite do not differ."""
    with np.errstate(invalid="ignore"):
        differences = (a[:, None] - b[None, :]).ravel()
    return np.asarray(np.where(np.isnan(differences), 0.0, differences))


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    """Return 25 %, the median and 75 %; where some are infinite, those of the values at hand."""
    places = [0.25, 0.5, 0.75]
    finite = bool(np.isfinite(values).all())
    found = (
        np.quantile(values, places) if finite else np.quantile(values, places, method="nearest")
    )
    low, middle, high = found.tolist()
    return low, middle, high


def rank_test(a: np.ndarray, b: np.ndarray) -> float:
    """Return p of Mann-Whitney's two-sided test; NaN with fewer than two values."""
    from scipy.stats import mannwhitneyu

    if min(len(a), len(b)) < 2:
        return float("nan")
    return float(mannwhitneyu(a, b).pvalue)


def verdict(superiority: float, p: float, direction: str) -> str:
    """Return in a word or two whether a finding shows.

    ``shown`` and ``opposite`` need p < `LEVEL`; ``tends to show`` and ``tends to the opposite``
    say the direction only; ``no difference`` that neither lies above the other, or hardly: p is
    `NOTHING` or more. Where equality was published, ``no difference shown`` or ``differs``: few
    runs cannot show that two are equal.
    """
    if direction == EQUAL:
        return "differs" if p < LEVEL else "no difference shown"
    if superiority == 0.5 or p >= NOTHING:
        return "no difference"
    agrees = (superiority > 0.5) == (direction == ABOVE)
    if p < LEVEL:
        return "shown" if agrees else "opposite"
    return "tends to show" if agrees else "tends to the opposite"
