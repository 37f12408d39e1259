"""Whether the order of trainings at a rung is that at the next: if it is not, the rung is too low.

Only the best of a rung go on, and among the best alone an order agrees less than among all. So
evaluations count first that were trained past a rung without being compared there, as those of a
bracket that begins higher: their curves have both values, and nobody chose them. Where these are
few, it is those that were promoted, and the correlation is corrected for the choice (Thorndike
1949, case 2: the choice was by the first of the two values, and the spread of that value among
all is known).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from agebo_hpc.analysis.tables import scored
from agebo_hpc.intervals.interval import with_interval
from agebo_hpc.intervals.proportion import TAIL
from agebo_hpc.text import counted

Array = NDArray[np.float64]
COLUMNS = ("epochs", "next", "pairs", "chosen", "correlation", "low", "high")
MIN_PAIRS = 10
"""Of fewer pairs no correlation is told."""
BOUND = 0.5
"""Where the whole interval is below it, the rung is called too low."""
MOST_SHOWN = 4
"""Pairs of rungs that a status tells; a median scheduler has about twenty levels."""


def rung_agreement(pieces: pd.DataFrame | None) -> pd.DataFrame:
    """Return how far the order at each rung is that at the next, and at the last one.

    Parameters
    ----------
    pieces
        One row for each piece that has ended, in order; None: all are trained in full.

    Returns
    -------
    DataFrame
        ``epochs`` of the rung, ``next``: those that it is compared with; ``pairs``: evaluations
        with a finite value at both; ``chosen``: whether they are those that were promoted;
        ``correlation`` of the ranks' normal scores, its 95 % interval ``low`` to ``high``: NaN
        for fewer than `MIN_PAIRS` pairs. The last rung is compared only where evaluations that
        nobody chose have come to it.
    """
    if pieces is None:
        return pd.DataFrame(columns=list(COLUMNS))
    levels = sorted({int(level) for level in scored(pieces)["epochs"]})
    values, first = _values_at(scored(pieces), levels)
    rows = [_row(values, first, below, above) for below, above in pairwise(levels)]
    for below in levels[:-2]:
        row = _row(values, first, below, levels[-1])
        if not row["chosen"]:
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _values_at(
    pieces: pd.DataFrame, levels: Sequence[int]
) -> tuple[dict[int, dict[int, float]], dict[int, int]]:
    """Return objectives by level and evaluation, and where each evaluation was first compared.

    What a piece had on its way is in its curve, where the curve's metric is the objective.
    """
    values: dict[int, dict[int, float]] = {level: {} for level in levels}
    first: dict[int, int] = {}
    curves = pieces["curve"] if "curve" in pieces else [()] * len(pieces)
    columns = (pieces["evaluation_id"], pieces["epochs"], pieces["objective"], curves)
    for name, epochs, objective, curve in zip(*columns, strict=True):
        values[int(epochs)][int(name)] = float(objective)
        if first.setdefault(int(name), int(epochs)) != epochs:
            continue
        passed = {int(entry["epoch"]): entry.get("validation_metric") for entry in curve}
        if passed.get(int(epochs)) != objective:
            continue
        for level in levels:
            value = passed.get(level)
            if level < epochs and value is not None and np.isfinite(value):
                values[level][int(name)] = float(value)
    return values, first


def _row(
    values: Mapping[int, Mapping[int, float]], first: Mapping[int, int], below: int, above: int
) -> dict[str, Any]:
    lower, upper = values[below], values[above]
    both = [name for name in lower if name in upper]
    free = [name for name in both if first[name] > below]
    chosen = len(free) < MIN_PAIRS
    names = [name for name in both if first[name] <= below] if chosen else free
    found = (np.nan, np.nan, np.nan)
    if len(names) >= MIN_PAIRS:
        everyone = dict(zip(lower, normal_scores(np.array(list(lower.values()))), strict=True))
        scores = np.array([everyone[name] for name in names])
        spread = float(np.std(list(everyone.values()))) if chosen else float(np.std(scores))
        found = corrected_correlation(
            scores, normal_scores(np.array([upper[name] for name in names])), spread
        )
    told = dict(zip(("correlation", "low", "high"), found, strict=True))
    return {"epochs": below, "next": above, "pairs": len(names), "chosen": chosen, **told}


def normal_scores(values: Array) -> Array:
    """Return what a normal distribution has at the ranks of some values, shape (n,)."""
    return np.asarray(ndtri(rankdata(values) / (len(values) + 1)), dtype=np.float64)


def corrected_correlation(x: Array, y: Array, spread: float) -> tuple[float, float, float]:
    """Return a correlation as it is where the first value has its whole spread.

    Parameters
    ----------
    x, y
        Values of those that were chosen by x, shape (n,), n > 3.
    spread
        Standard deviation of x among all.

    Returns
    -------
    tuple of float
        The correlation, and its 95 % interval by Fisher's z, whose ends are corrected as well;
        NaN where all values are the same.
    """
    narrow = float(np.std(x))
    if not narrow > 0 or not np.std(y) > 0:
        return np.nan, np.nan, np.nan
    found = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    # Of ranks the variance is a little larger (Bonett and Wright 2000).
    half = ndtri(TAIL) * np.sqrt((1 + found**2 / 2) / (len(x) - 3))
    middle = np.arctanh(np.clip(found, -1 + 1e-9, 1 - 1e-9))
    ends = np.array([found, np.tanh(middle - half), np.tanh(middle + half)])
    wider = max(1.0, spread / narrow)
    value, low, high = ends * wider / np.sqrt(1 + ends**2 * (wider**2 - 1))
    return float(value), float(low), float(high)


def agreement_facts(pieces: pd.DataFrame | None) -> dict[str, Any]:
    """Return the agreement as plain data for JSON.

    Returns
    -------
    dict
        ``rung_agreement``: a mapping for each pair of rungs, as `rung_agreement` has it, None for
        what is not known; ``rung_warning``: a sentence, empty where there is nothing to warn of.
        Both None where all are trained in full.
    """
    if pieces is None:
        return {"rung_agreement": None, "rung_warning": None}
    table = rung_agreement(pieces)
    rows = [
        {
            "epochs": int(row.epochs),
            "next": int(row.next),
            "pairs": int(row.pairs),
            "chosen": bool(row.chosen),
            **{name: _or_none(getattr(row, name)) for name in ("correlation", "low", "high")},
        }
        for row in table.itertuples()
    ]
    return {"rung_agreement": rows, "rung_warning": rung_warning(rows)}


def _or_none(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def rung_warning(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what to do about a rung that tells little; empty where none is known to."""
    weak = [row for row in rows if row["high"] is not None and row["high"] < BOUND]
    if not weak:
        return ""
    row = weak[0]
    higher = min(each["next"] for each in rows if each["epochs"] == row["epochs"])
    if higher < max(each["next"] for each in rows):
        cure = f"--min-epochs {higher}"
    else:
        # The next rung is the whole training: between them one comes with smaller steps alone.
        cure = f"--min-epochs {row['epochs'] + 1} and a smaller --eta"
    told = with_interval(row["correlation"], (row["low"], row["high"]))
    return (
        f"The order after {_epochs(row['epochs'])} says little about that after {row['next']} "
        f"(rank correlation {told}): that rung is too low. Begin the next search with {cure}."
    )


def _epochs(number: int) -> str:
    return counted(number, "epoch")


def agreement_lines(stands: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a status says of it, as (name, text); nothing where there are no two rungs."""
    rows = stands["rung_agreement"] or []
    told = [_told(row) for row in rows if row["correlation"] is not None]
    lines = [("rung order", text) for text in told[:1]] + [("", t) for t in told[1:MOST_SHOWN]]
    if rows and not told:
        most = max(row["pairs"] for row in rows)
        lines = [("rung order", f"too few to compare: {most} of {MIN_PAIRS} came to two rungs")]
    warning = stands["rung_warning"]
    return lines + ([("warning", warning)] if warning else [])


def _told(row: Mapping[str, Any]) -> str:
    told = with_interval(row["correlation"], (row["low"], row["high"]))
    whose = "promoted" if row["chosen"] else "not chosen there"
    between = f"{row['epochs']} and {row['next']} epochs"
    return f"rank correlation {told} between {between} ({row['pairs']} {whose})"
