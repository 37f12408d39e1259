"""The figure of score against speed."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from agebo_hpc.analysis.figures.style import COLOURS, GREY, RASTER_ABOVE, new_figure


def speed_figure(table: pd.DataFrame, objective: str) -> Figure:
    """Draw objectives against rows a second, and the front of those that nothing beats in both.

    Parameters
    ----------
    table
        What `agebo_hpc.analysis.speed.speeds` gives; not empty.
    objective
        Name of the objective.
    """
    figure, [axes] = new_figure(4.2)
    front = table[table["on_front"]]
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
    # Most are bad or slow: the figure is of those near the front.
    low, high = front["objective"].min(), front["objective"].max()
    if high > low:
        axes.set_ylim(max(table["objective"].min(), low - (high - low)), high + 0.1 * (high - low))
    axes.legend(fontsize="small")
    return figure
