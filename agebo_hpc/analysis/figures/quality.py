"""Figures of how a model predicts: its columns, the classes it confuses, what it says and errs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agebo_hpc.analysis.figures.style import (
    COLOURS,
    GREY,
    RASTER_ABOVE,
    new_figure,
    plain,
    told_apart,
)

LABEL = 28
"""Characters of a name beside an axis, at most."""
NARROW = 5.2
"""Inches, with which a figure can be read on a small screen."""
FEW_ROWS = 20
"""Rows of a part of the probabilities whose share may be chance."""
DARK = 0.55
"""Share of a row from which on the text in its cell is white."""


def column_importance_figure(table: pd.DataFrame, metric: str, is_loss: bool = False) -> Figure:
    """Draw what the metric loses when a column is shuffled, the most important on top.

    Parameters
    ----------
    table
        ``column``, ``importance``, ``deviation``, largest first; not empty.
    metric, is_loss
        Name of the metric, and whether it is something to make small.
    """
    figure, [axes] = new_figure(0.9 + 0.24 * len(table), width=NARROW)
    places = np.arange(len(table))[::-1]
    axes.barh(
        places,
        table["importance"],
        xerr=table["deviation"].fillna(0.0),
        color=COLOURS[0],
        ecolor=GREY,
        height=0.7,
    )
    shown = told_apart(table["column"], LABEL)
    axes.set_yticks(places, [shown[str(name)] for name in table["column"]])
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel(
        plain(f"{metric} {'added' if is_loss else 'lost'} when the column is shuffled")
    )
    axes.grid(visible=False, axis="y")
    return figure


def confusion_figure(confusion: pd.DataFrame) -> Figure:
    """Draw a confusion matrix; the shade is the share of the true class.

    Parameters
    ----------
    confusion
        Rows of each true class (index) predicted as each class (columns).
    """
    counts = confusion.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    number = len(counts)
    figure, [axes] = new_figure(1.4 + 0.36 * number, width=NARROW)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    shown = told_apart(confusion.columns, LABEL // 2)
    names = [shown[str(name)] for name in confusion.columns]
    short = sum(map(len, names)) < 40
    axes.set_xticks(range(number), names, rotation=0 if short else 45)
    axes.set_yticks(range(number), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.grid(visible=False)
    size = 9 if number <= 6 else 7
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = f"{count:,}\n{share:.0%}" if number <= 6 else f"{count:,}"
        colour = "white" if share > DARK else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    return figure


def most_confused_figure(pairs: pd.DataFrame) -> Figure:
    """Draw the pairs of classes that are confused most.

    Parameters
    ----------
    pairs
        ``true``, ``predicted``, ``rows``, ``share`` (of the true class), most rows first.
    """
    figure, [axes] = new_figure(0.9 + 0.26 * len(pairs), width=NARROW)
    places = np.arange(len(pairs))[::-1]
    axes.barh(places, pairs["rows"], color=COLOURS[1], height=0.7)
    shown = told_apart([*pairs["true"], *pairs["predicted"]], LABEL // 2)
    both = zip(pairs["true"], pairs["predicted"], strict=True)
    axes.set_yticks(places, [f"{shown[str(t)]} \u2192 {shown[str(said)]}" for t, said in both])
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    for place, rows, share in zip(places, pairs["rows"], pairs["share"], strict=True):
        axes.text(rows, place, f" {share:.0%}", va="center", fontsize=8)
    axes.set_xlabel("rows; beside each bar\nthe share of the true class")
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")
    return figure


def calibration_figure(table: pd.DataFrame) -> Figure:
    """Draw how often predictions of a probability are right, and how many there are.

    Parameters
    ----------
    table
        ``lower``, ``upper``, ``rows``, ``confidence``, ``accuracy``; not empty.
    """
    figure, [axes, rows] = new_figure(4.6, 2, 1, width=NARROW, heights=(2, 1))
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="what is said is so")
    many = table[table["rows"] >= FEW_ROWS]
    few = table[table["rows"] < FEW_ROWS]
    points: dict[str, Any] = {"color": COLOURS[0], "markersize": 5}
    axes.plot(many["confidence"], many["accuracy"], "o-", label="this model", **points)
    if len(few):
        said = f"fewer than {FEW_ROWS} rows"
        axes.plot(few["confidence"], few["accuracy"], "o", mfc="none", label=said, **points)
    low = max(0.0, min(table["confidence"].min(), table["accuracy"].min()) - 0.05)
    for one in (axes, rows):
        one.set_xlim(min(low, table["lower"].min()), 1.0)
    axes.set_ylim(low, 1.02)
    axes.set_ylabel("share that is right")
    axes.legend(fontsize="small")
    widths = table["upper"] - table["lower"]
    rows.bar(table["lower"] + widths / 2, table["rows"], widths * 0.92, color=COLOURS[5])
    rows.set_ylabel("rows")
    rows.set_xlabel("probability of the predicted class")
    return figure


def residual_figure(table: pd.DataFrame, target: str) -> Figure:
    """Draw predictions against the truth, and their errors.

    Parameters
    ----------
    table
        ``true`` and ``predicted``; not empty.
    target
        Name of the target.
    """
    figure, [axes, errors] = new_figure(5.8, 2, 1, width=NARROW)
    many = len(table) > RASTER_ABOVE
    truth, said = table["true"].to_numpy(), table["predicted"].to_numpy()
    axes.scatter(truth, said, s=9, alpha=0.35, color=COLOURS[0], rasterized=many, linewidths=0)
    ends = [min(truth.min(), said.min()), max(truth.max(), said.max())]
    axes.plot(ends, ends, "--", color=GREY, linewidth=1)
    axes.set_xlabel(plain(f"true {target}", 40))
    axes.set_ylabel("predicted")
    residuals = said - truth
    # The few far ones would hide how wide the others lie.
    low, high = np.quantile(residuals, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    errors.hist(np.clip(residuals, low, high), bins=40, color=COLOURS[5])
    errors.axvline(0.0, color="black", linewidth=0.8)
    errors.set_xlabel("predicted - true")
    errors.set_ylabel("rows")
    return figure
