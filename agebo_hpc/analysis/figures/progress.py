"""Figures of what searches reached: trajectories, high performers, methods over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agebo_hpc.analysis.figures.style import (
    RASTER_ABOVE,
    colour,
    legend_below,
    new_figure,
    show_from,
    time_unit,
)
from agebo_hpc.analysis.tables import visible_floor
from agebo_hpc.text import counted

SIDE_BY_SIDE = 4
"""Names of more methods than that are written upwards."""


@dataclass(frozen=True)
class Series:
    """How the line of a run is drawn.

    Attributes
    ----------
    colour
        Colour of the line.
    label
        Text in the legend; empty if another line stands for it.
    """

    colour: str
    label: str


def series_of(
    texts: Mapping[str, str], methods: Mapping[str, Sequence[str]] | None
) -> dict[str, Series]:
    """Give each run a colour and its text, or each method if the methods are given."""
    if methods is None:
        return {run: Series(colour(i), text) for i, (run, text) in enumerate(texts.items())}
    return {
        run: Series(colour(i), f"{method}: {len(runs)} searches" * (run == runs[0]))
        for i, (method, runs) in enumerate(methods.items())
        for run in runs
    }


def trajectory_figure(
    trajectories: Mapping[str, pd.DataFrame],
    objective: str = "objective",
    methods: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Draw every evaluation as a dot and the best so far as a line, by time and by number.

    Parameters
    ----------
    trajectories
        What, by label, `agebo_hpc.analysis.tables.trajectory` gives; none of them empty.
    objective
        Name of the vertical axis.
    methods
        Labels of the runs of each method, which share a colour; None: each has its own.
    """
    figure, axes = new_figure(4.8, columns=2, sharey=True)
    unit, unit_name = time_unit(max(float(t["seconds"].max()) for t in trajectories.values()))
    texts = {
        label: f"{label}: {table['best_so_far'].iloc[-1]:.4g}, {counted(len(table), 'evaluation')}"
        for label, table in trajectories.items()
    }
    series = series_of(texts, methods)
    dots = sum(len(table) for table in trajectories.values())
    for label, table in trajectories.items():
        hue, best = series[label].colour, series[label].label
        for ax, places in zip(axes, (table["seconds"] / unit, table["number"]), strict=True):
            ax.scatter(
                places,
                table["objective"],
                s=10 if dots < RASTER_ABOVE else 4,
                alpha=0.4 if dots < RASTER_ABOVE else 0.2,
                color=hue,
                linewidths=0,
                rasterized=dots > RASTER_ABOVE,
            )
            ax.step(places, table["best_so_far"], where="post", color=hue, label=best, lw=1.8)
    objectives = np.concatenate([t["objective"].to_numpy() for t in trajectories.values()])
    below = show_from(axes[0], objectives, visible_floor(objectives))
    if below:
        axes[0].set_title(f"below the frame: {below} of {len(objectives)}", fontsize="small")
    axes[0].set_xlabel(f"search time ({unit_name})")
    axes[0].set_ylabel(objective)
    axes[1].set_xlabel("evaluations done")
    legend_below(figure, axes[0])
    return figure


def high_performers_figure(
    tables: Mapping[str, pd.DataFrame],
    threshold: float,
    methods: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Draw how many unique high-performing architectures were known when.

    Parameters
    ----------
    tables
        What, by label, `agebo_hpc.analysis.high_performers.high_performers` gives.
    threshold
        The objective above which they count.
    methods
        See `trajectory_figure`.
    """
    texts = {label: f"{label}: {len(table)}" for label, table in tables.items()}
    series = series_of(texts, methods)
    figure, axes = new_figure(4.4, columns=2, sharey=True)
    longest = max((float(t["seconds"].max()) for t in tables.values() if len(t)), default=0.0)
    unit, unit_name = time_unit(longest)
    for label, table in tables.items():
        unique = np.concatenate([[0], table["unique"]])
        for ax, places in zip(axes, (table["seconds"] / unit, table["number"]), strict=True):
            ax.step(
                np.concatenate([[0.0], places]),
                unique,
                where="post",
                color=series[label].colour,
                label=series[label].label,
                lw=1.8,
            )
    axes[0].set_xlabel(f"search time ({unit_name})")
    axes[1].set_xlabel("evaluations done")
    axes[0].set_ylabel("unique high-performing architectures")
    axes[0].yaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_title(f"above {threshold:.5g}", fontsize="small")
    legend_below(figure, axes[0])
    return figure


def comparison_figure(
    bands: pd.DataFrame,
    finals: Mapping[str, np.ndarray],
    objective: str = "objective",
) -> Figure:
    """Draw each method's median best so far with its quartiles, and where each search ended.

    Parameters
    ----------
    bands
        What `agebo_hpc.analysis.comparison.bands` gives over seconds.
    finals
        The best objective of each search, by method, at the end of the axis.
    objective
        Name of the vertical axis.
    """
    figure, axes = new_figure(4.8, columns=2, sharey=True)
    unit, unit_name = time_unit(float(bands["seconds"].max()))
    for number, (method, rows) in enumerate(bands.groupby("method", sort=False)):
        places, hue = rows["seconds"] / unit, colour(number)
        axes[0].fill_between(places, rows["low"], rows["high"], color=hue, alpha=0.2, lw=0)
        count = len(finals[str(method)])
        label = f"{method} ({count} search{'es' if count > 1 else ''})"
        axes[0].plot(places, rows["median"], color=hue, lw=1.8, label=label)
        values = finals[str(method)]
        spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1)
        axes[1].scatter(number + spread, values, color=hue, s=28, alpha=0.8, linewidths=0)
        axes[1].hlines(np.median(values), number - 0.3, number + 0.3, color=hue, lw=2)
    # The first moments of a search lie far below and would press the rest together.
    settled = bands.loc[bands["seconds"] >= 0.05 * bands["seconds"].max(), "low"]
    floor = visible_floor(np.concatenate([settled.to_numpy(), *finals.values()]))
    top = max(float(bands["high"].max()), *(float(v.max()) for v in finals.values()))
    show_from(axes[0], np.asarray([floor, top]), floor)
    axes[0].set_xlabel(f"search time ({unit_name})")
    axes[0].set_ylabel(f"best {objective} so far")
    axes[1].set_xticks(range(len(finals)), [name.replace(", ", "\n") for name in finals])
    if len(finals) > SIDE_BY_SIDE:
        axes[1].tick_params("x", labelrotation=90)
    axes[1].set_xlim(-0.6, len(finals) - 0.4)
    axes[1].set_xlabel("best of each search when the shortest ended")
    axes[1].grid(axis="x", visible=False)
    legend_below(figure, axes[0])
    return figure
