"""Figures of what was found: hyperparameters of the best, importance, maps, learning curves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agebo_hpc.analysis.features import is_wide
from agebo_hpc.analysis.figures.style import (
    COLOURS,
    GREY,
    SEQUENCE,
    colour,
    new_figure,
)
from agebo_hpc.analysis.tables import hyperparameter_columns

MAX_BACKGROUND = 400
"""Evaluations besides the best that parallel coordinates show at most, spread evenly."""
MAX_BARS = 20
MARKERS = "os^Dv"
"""Markers that tell runs apart when there are more runs than colours."""


def parallel_figure(best: pd.DataFrame, frame: pd.DataFrame, objective: str) -> Figure:
    """Draw hyperparameters as parallel axes, a line for each evaluation, the best in colour.

    Parameters
    ----------
    best
        Rows of the best, best first; not empty.
    frame
        Rows of a history that are done, the best among them.
    objective
        Name of the last axis.
    """
    figure, [axes] = new_figure(4.6)
    names = [*hyperparameter_columns(frame), "num_parameters", "objective"]
    # Simulated trainings have no parameters.
    names = [
        n for n in names if frame[n].notna().all() and (n != "num_parameters" or any(frame[n]))
    ]
    low, high = float(best["objective"].min()), float(best["objective"].max())
    shades = Normalize(low, high if high > low else low + (abs(low) or 1.0) / 1000)
    others = frame.iloc[
        np.unique(np.linspace(0, len(frame) - 1, min(len(frame), MAX_BACKGROUND), dtype=int))
    ]
    scales = [_scale(frame[name]) for name in names]
    for rows, chosen in ((others, False), (best[::-1], True)):
        heights = np.stack(
            [scale(rows[name]) for name, (scale, _) in zip(names, scales, strict=True)], axis=1
        )
        if chosen:
            # Equal choices would lie on each other: a little spread shows how many there are.
            heights[:, :-1] += np.random.default_rng(0).uniform(
                -0.012, 0.012, heights[:, 1:].shape
            )
        for height, value in zip(heights, rows["objective"], strict=True):
            axes.plot(
                range(len(names)),
                np.clip(height, -0.03, 1.03),
                color=colormaps[SEQUENCE](shades(value)) if chosen else GREY,
                alpha=0.75 if chosen else 0.2,
                lw=1.3 if chosen else 0.7,
                zorder=2 if chosen else 1,
                rasterized=True,
            )
    for position, (_, ticks) in enumerate(scales):
        axes.axvline(position, color="black", lw=0.8, zorder=3)
        for height, text in ticks:
            axes.annotate(
                text,
                (position, height),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=8,
                va="center",
                zorder=4,
                bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 0.6},
            )
    shown = {"num_processes": "n", "num_parameters": "parameters", "objective": objective}
    axes.set_xticks(range(len(names)), [shown.get(n, n).replace("_", "\n") for n in names])
    axes.set_xlim(-0.1, len(names) - 0.7)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(
        ScalarMappable(shades, SEQUENCE), ax=axes, label=f"{objective} of the best", pad=0.01
    )
    return figure


Scale = Callable[[pd.Series], np.ndarray]
Ticks = list[tuple[float, str]]


def _scale(values: pd.Series) -> tuple[Scale, Ticks]:
    """Return a function from values to heights in [0, 1], and ticks (height, text)."""
    if not pd.api.types.is_numeric_dtype(values):
        texts = sorted(values.astype(str).unique())
        heights = {text: i / max(1, len(texts) - 1) for i, text in enumerate(texts)}
        return (
            lambda rows: rows.astype(str).map(heights).to_numpy(dtype=float),
            [(height, text) for text, height in heights.items()],
        )
    numbers = values.to_numpy(dtype=float)
    choices = np.unique(numbers)
    if values.name == "objective":
        choices = choices[choices >= np.quantile(choices, 0.05)]
    wide = is_wide(choices)
    low, high = float(choices[0]), float(choices[-1])

    def height(found: np.ndarray) -> np.ndarray:
        ends = np.asarray([low, high])
        if wide:
            # Objectives below the ticks may be negative, as R² is; they lie below the axis.
            found, ends = np.log(np.maximum(found, low * low / high)), np.log(ends)
        return np.asarray((found - ends[0]) / (np.ptp(ends) or 1.0))

    if len(choices) > 8:
        choices = np.geomspace(low, high, 5) if wide else np.linspace(low, high, 5)
    ticks = [(float(h), _tick(c)) for h, c in zip(height(choices), choices, strict=True)]
    return lambda rows: height(rows.to_numpy(dtype=float)), ticks


def _tick(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"


def importance_figure(table: pd.DataFrame) -> Figure:
    """Draw the most important variables as bars.

    Parameters
    ----------
    table
        What `agebo_hpc.analysis.importance.importance` gives; not empty.
    """
    rows = table[:MAX_BARS]
    figure, [axes] = new_figure(1.2 + 0.24 * len(rows))
    is_decision = rows["variable"].str.match(r"(node|skip)_|decision ").to_numpy(dtype=bool)
    axes.barh(
        rows["variable"].str.replace("_", " "),
        rows["importance"],
        xerr=rows["deviation"],
        color=[colour(0) if decision else colour(1) for decision in is_decision],
        error_kw={"lw": 0.8},
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the variance lost when the variable is shuffled")
    axes.set_title(
        f"decisions blue, hyperparameters orange; explained in all: "
        f"{rows['explained'].iloc[0]:.0%}"
        + (f"; {len(rows)} of {len(table)}" * (len(table) > 20)),
        fontsize="small",
    )
    return figure


def map_figure(table: pd.DataFrame, objective: str) -> Figure:
    """Draw the best configurations in the plane of their first two principal components.

    Parameters
    ----------
    table
        What `agebo_hpc.analysis.importance.map_of_best` gives; not empty.
    objective
        Name of the objective.
    """
    figure, [axes] = new_figure(4.8)
    labels = list(dict.fromkeys(table["run"]))
    shares = table[["first_share", "second_share"]].iloc[0]
    if len(labels) == 1:
        rows = table.sort_values("objective")  # the best on top
        dots = axes.scatter(
            rows["first"], rows["second"], c=rows["objective"], cmap=SEQUENCE, s=36
        )
        figure.colorbar(dots, ax=axes, label=objective)
    else:
        for number, label in enumerate(labels):
            rows = table[table["run"] == label]
            marker = MARKERS[number // len(COLOURS) % len(MARKERS)]
            hue = colour(number)
            axes.scatter(
                rows["first"],
                rows["second"],
                color=hue,
                s=30,
                alpha=0.75,
                label=label,
                marker=marker,
            )
        figure.legend(fontsize="small", loc="outside lower center", ncols=4)
    axes.set_xlabel(f"first component ({shares.iloc[0]:.0%} of the variance)")
    axes.set_ylabel(f"second component ({shares.iloc[1]:.0%})")
    return figure


def curves_figure(
    curves: pd.DataFrame, band: pd.DataFrame, objective: str, losses: tuple[str, ...]
) -> Figure:
    """Draw the learning curves of the best over those of all others.

    Parameters
    ----------
    curves
        What `agebo_hpc.analysis.best_share.learning_curves` gives; not empty, with
        ``validation_metric``.
    band
        What `agebo_hpc.analysis.best_share.curve_band` gives of ``validation_metric``.
    objective
        Name of the metric.
    losses
        Columns of losses that are there; drawn beside it if there are any.
    """
    figure, axes = new_figure(4.2, columns=2 if losses else 1)
    axes[0].fill_between(
        band["epoch"], band["low"], band["high"], color=GREY, alpha=0.25, label="all, 10 % to 90 %"
    )
    for rank, rows in curves.groupby("rank"):
        hue = colour(int(str(rank)) - 1)
        name = f"rank {rank}, evaluation {rows['evaluation_id'].iloc[0]}"
        axes[0].plot(rows["epoch"], rows["validation_metric"], "o-", color=hue, ms=3, label=name)
        for loss, line in zip(losses, ("-", "--"), strict=False):
            axes[1].plot(rows["epoch"], rows[loss], line, color=hue, lw=1.3)
    axes[0].set_ylabel(objective)
    for ax in axes:
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    if losses:
        lines = ("solid", "dashed")
        named = [
            f"{loss.replace('_', ' ')} ({line})" for loss, line in zip(losses, lines, strict=False)
        ]
        axes[1].set_ylabel(", ".join(named))
        if bool((curves[list(losses)] > 0).all(axis=None)):
            axes[1].set_yscale("log")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small"
    )
    return figure
