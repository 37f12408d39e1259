"""Figures of aging evolution: the population over time, and where the best came from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agebo_hpc.analysis.figures.style import (
    RASTER_ABOVE,
    SEQUENCE,
    colour,
    new_figure,
    show_from,
    time_unit,
)
from agebo_hpc.analysis.tables import visible_floor


def population_figure(table: pd.DataFrame, objective: str) -> Figure:
    """Draw objective, age and generation of the population over the results.

    Parameters
    ----------
    table
        What `agebo_hpc.analysis.lineage.population` gives; not empty.
    objective
        Name of the objective.
    """
    figure, [top, ages, generations] = new_figure(6.4, rows=3)
    results = table["results"]
    top.fill_between(results, table["worst"], table["best"], color=colour(0), alpha=0.2, lw=0)
    top.plot(results, table["mean"], color=colour(0), lw=1.8, label="mean; worst to best")
    floor = visible_floor(np.concatenate([table["mean"], table["best"]]))
    show_from(top, np.asarray([floor, table["best"].max()]), floor)
    top.set_ylabel(objective)
    top.legend(fontsize="small", loc="lower right")
    unit, unit_name = time_unit(float(table["oldest"].max()))
    ages.plot(results, table["oldest"] / unit, color=colour(1), lw=1.2, label="oldest")
    ages.plot(results, table["age"] / unit, color=colour(1), ls="--", lw=1.2, label="mean")
    ages.set_ylabel(f"age ({unit_name})")
    ages.legend(fontsize="small")
    generations.plot(results, table["generation"], color=colour(2), lw=1.5, label="generation")
    generations.set_ylabel("mean generation")
    unique = generations.twinx()
    unique.plot(results, table["unique"], color=colour(3), lw=1.2)
    unique.plot(results, table["members"], color=colour(3), lw=0.8, ls=":")
    unique.set_ylabel("unique (dotted: members)", color=colour(3))
    unique.set_ylim(0, None)
    unique.spines["top"].set_visible(False)
    for ax in (top, ages):
        ax.sharex(generations)
        ax.tick_params(labelbottom=False)
    generations.set_xlabel("results")
    figure.align_ylabels([top, ages, generations])
    return figure


def lineage_figure(
    frame: pd.DataFrame, table: pd.DataFrame, line: Sequence[int], objective: str
) -> Figure:
    """Draw every evaluation in the colour of its generation, and the ancestors of the best.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    table
        What `agebo_hpc.analysis.lineage.lineage` gives for it.
    line
        Ids of the best evaluation and its ancestors, youngest first.
    objective
        Name of the objective.
    """
    figure, [axes] = new_figure(4.6)
    shown = np.isfinite(frame["objective"].to_numpy())
    numbers = np.arange(1, len(frame) + 1)
    values = frame["objective"].to_numpy()
    dots = axes.scatter(
        numbers[shown],
        values[shown],
        c=table["generation"].to_numpy()[shown],
        cmap=SEQUENCE,
        s=12 if len(frame) < RASTER_ABOVE else 4,
        linewidths=0,
        alpha=0.8,
        rasterized=len(frame) > RASTER_ABOVE,
        plotnonfinite=True,
    )
    place = dict(zip(frame["evaluation_id"], zip(numbers, values, strict=True), strict=True))
    points = np.asarray([place[id_] for id_ in reversed(line)])
    axes.plot(
        *points.T,
        "o-",
        color=colour(1),
        lw=1.3,
        ms=3.5,
        label=f"evaluation {line[0]} and its {len(line) - 1} ancestors",
    )
    below = show_from(axes, values[shown], visible_floor(values[shown]))
    if below:
        axes.set_title(f"below the frame: {below}", fontsize="small")
    axes.set_xlabel("results")
    axes.set_ylabel(objective)
    figure.colorbar(dots, ax=axes, label="generation")
    axes.legend(fontsize="small", loc="lower right")
    return figure
