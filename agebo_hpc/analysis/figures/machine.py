"""Figures of the machine: busy slots, what each slot did, costs of n, failures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agebo_hpc.analysis.figures.style import GREY, RASTER_ABOVE, colour, new_figure, time_unit
from agebo_hpc.analysis.tables import SCORED

MAX_ROWS = 512
"""More slots than this cannot be told apart; that many, spread evenly, are drawn."""


def utilisation_figure(table: pd.DataFrame) -> Figure:
    """Draw the share of the slots' time that went into evaluations, over the search time.

    Parameters
    ----------
    table
        What `agebo_hpc.analysis.occupation.utilisation` gives; not empty.
    """
    figure, [axes] = new_figure(3.2)
    unit, unit_name = time_unit(float(table["seconds"].max()))
    edges = np.concatenate([[0.0], table["seconds"] / unit])
    axes.stairs(table["busy_share"], edges, fill=True, color=colour(0), alpha=0.35)
    axes.stairs(table["busy_share"], edges, color=colour(0), lw=1.4, baseline=None)
    mean = table["busy_slots"].sum() / table["slots"].sum()
    axes.axhline(mean, color=colour(1), lw=1.2, ls="--", label=f"mean {mean:.1%}")
    axes.set_ylim(0, 1.05)
    axes.set_xlim(0, edges[-1] or 1.0)
    axes.set_xlabel(f"search time ({unit_name})")
    axes.set_ylabel("busy share of the slots")
    axes.legend(loc="lower left")
    return figure


def slots_figure(occupied: pd.DataFrame) -> Figure:
    """Draw a row for each slot and a bar for each evaluation on it, in the colour of its n.

    Parameters
    ----------
    occupied
        What `agebo_hpc.analysis.occupation.occupation` gives; not empty.
    """
    ranks = occupied["rank"].unique()
    shown = ranks[np.unique(np.linspace(0, len(ranks) - 1, min(len(ranks), MAX_ROWS), dtype=int))]
    rows = occupied[occupied["rank"].isin(shown)]
    figure, [axes] = new_figure(float(np.clip(1.6 + 0.16 * len(shown), 2.6, 7.0)))
    unit, unit_name = time_unit(float(rows["end"].max()))
    places = dict(zip(shown, range(len(shown)), strict=True))
    middle = rows["rank"].map(places).to_numpy(dtype=float)
    start, end = rows["start"].to_numpy() / unit, rows["end"].to_numpy() / unit
    done = rows["status"].isin(SCORED).to_numpy()
    numbers = sorted(rows["n"].unique())
    handles = []
    for position, number in enumerate(numbers):
        mine = (rows["n"] == number).to_numpy() & done
        hue = colour(position)
        _bars(axes, start[mine], end[mine], middle[mine], hue, len(rows))
        handles.append(Line2D([], [], color=hue, lw=6, label=f"n = {number}"))
    if not done.all():
        _bars(axes, start[~done], end[~done], middle[~done], "#222222", len(rows))
        handles.append(Line2D([], [], color="#222222", lw=6, label="not done"))
    axes.set_xlim(0, float(end.max()) or 1.0)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    ticks = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), 12), dtype=int))
    axes.set_yticks(ticks, [str(shown[tick]) for tick in ticks])
    axes.set_xlabel(f"search time ({unit_name})")
    axes.set_ylabel("rank")
    if len(shown) < len(ranks):
        axes.set_title(f"{len(shown)} of {len(ranks)} ranks", fontsize="small")
    axes.grid(visible=False)
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def _bars(
    axes: Axes, start: np.ndarray, end: np.ndarray, middle: np.ndarray, hue: str, total: int
) -> None:
    corners = [(start, middle - 0.42), (start, middle + 0.42), (end, middle + 0.42)]
    corners.append((end, middle - 0.42))
    boxes = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    bars = PolyCollection(list(boxes), facecolors=hue, edgecolors="white", linewidths=0.25)
    bars.set_rasterized(total > RASTER_ABOVE)
    axes.add_collection(bars)


def training_time_figure(frame: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Draw how long evaluations took for each n, and what they reached.

    Parameters
    ----------
    frame
        Rows of a history that are done.
    table
        What `agebo_hpc.analysis.costs.training_times` gives for it; not empty.
    """
    figure, [left, right] = new_figure(4.4, columns=2)
    unit, unit_name = time_unit(float(table["high"].max()))
    rng = np.random.default_rng(0)
    for position, number in enumerate(table["n"]):
        mine = frame[frame["num_processes"] == number]
        places = position + rng.uniform(-0.28, 0.28, len(mine))
        times = mine["seconds_total"] / unit
        for dots in (
            left.scatter(places, times, s=5, color=colour(position)),
            right.scatter(times, mine["objective"], s=5, color=colour(position)),
        ):
            dots.set(alpha=0.3, linewidths=0, rasterized=len(frame) > RASTER_ABOVE)
    middle = np.arange(len(table))
    spread = np.stack([table["median"] - table["low"], table["high"] - table["median"]]) / unit
    left.errorbar(
        middle,
        table["median"] / unit,
        yerr=spread,
        fmt="o",
        color="black",
        capsize=4,
        label="median, 10 % to 90 %",
    )
    ideal = table["median"].iloc[0] * table["n"].iloc[0] / table["n"] / unit
    if len(table) > 1:
        left.plot(middle, ideal, color=GREY, ls="--", label="n times as fast", zorder=0)
    left.set_yscale("log")
    left.set_xticks(middle, [f"{n}" for n in table["n"]])
    left.set_xlabel("n, processes of an evaluation")
    left.set_ylabel(f"duration ({unit_name})")
    left.legend(fontsize="small")
    best = frame["objective"].to_numpy()
    low = float(np.quantile(best, 0.25)) - 2 * float(np.ptp(np.quantile(best, [0.25, 1.0])))
    right.set_ylim(max(float(best.min()), low), None)
    right.set_xscale("log")
    right.set_xlabel(f"duration ({unit_name})")
    right.set_ylabel("objective")
    return figure


def failures_figure(frame: pd.DataFrame, seconds: np.ndarray) -> Figure:
    """Draw how many evaluations ended how, and when those that are not done ended.

    Parameters
    ----------
    frame
        A history; not empty.
    seconds : ndarray of shape (rows,), float64
        Seconds of search when each evaluation ended.
    """
    figure, [left, right] = new_figure(3.4, columns=2)
    counts = frame["status"].value_counts()
    hues = {name: colour(0 if name == "done" else i + 1) for i, name in enumerate(counts.index)}
    bars = left.barh(
        [name.replace("_", " ") for name in counts.index],
        counts.to_numpy(),
        color=[hues[name] for name in counts.index],
    )
    left.bar_label(bars, [f" {count} ({count / len(frame):.1%})" for count in counts], fontsize=9)
    left.set_xlim(0, 1.35 * counts.max())
    left.invert_yaxis()
    left.grid(axis="y", visible=False)
    left.set_xlabel("evaluations")
    unit, unit_name = time_unit(float(seconds.max()))
    for name in counts.index:
        if name != "done":
            times = np.sort(seconds[(frame["status"] == name).to_numpy()]) / unit
            steps = np.arange(len(times) + 1)
            right.step(
                np.concatenate([[0.0], times]),
                steps,
                where="post",
                color=hues[name],
                label=name.replace("_", " "),
            )
    if len(counts) == int("done" in counts.index):
        right.text(0.5, 0.5, "every evaluation is done", ha="center", transform=right.transAxes)
        right.set_yticks([])
    else:
        right.legend(fontsize="small")
    right.set_xlim(0, float(seconds.max()) / unit or 1.0)
    right.set_xlabel(f"search time ({unit_name})")
    right.set_ylabel("not done, cumulated")
    return figure
