"""The figure of score against speed."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from agebo_hpc.analysis.figures.style import COLOURS, GREY, RASTER_ABOVE, new_figure


def speed_figure(table: pd.DataFrame, objective: str, floor: float) -> Figure:
    """Draw objectives against rows a second, and the front of those that nothing beats in both.

    Parameters
    ----------
    table
        What `agebo_hpc.analysis.speed.speeds` gives; not empty.
    objective
        Name of the objective.
    floor
        Objective below which nothing is shown.
    """
    figure, [axes] = new_figure(4.2)
    front = table[table["on_front"]]
    table = table[table["objective"] >= floor]
    axes.scatter(
        table["rows_per_second"],
        table["objective"],
        s=14,
        color=GREY,
        alpha=0.7,
        label="evaluations",
        rasterized=len(table) > RASTER_ABOVE,
    )
    axes.plot(
        front["rows_per_second"],
        front["objective"],
        "o-",
        color=COLOURS[0],
        markersize=5,
        linewidth=1.2,
        label="none is both faster and better",
    )
    axes.set_xscale("log")
    axes.set_xlabel("rows a second on one core")
    axes.set_ylabel(objective)
    high = front["objective"].max()
    if high > floor:
        axes.set_ylim(floor - 0.05 * (high - floor), high + 0.05 * (high - floor))
    axes.legend(fontsize="small")
    return figure
