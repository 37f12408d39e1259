"""Figures, drawn from the tables of `tables`; a file's suffix chooses PNG or PDF."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import visible_floor
from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.storage.atomic import write_atomically

try:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "Figures need matplotlib, which is not installed: `pip install 'agebo_hpc[plot]'`."
    ) from error

SUFFIXES = (".png", ".pdf")
_UNITS = ((3 * 3600.0, 3600.0, "hours"), (180.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


def trajectory_figure(
    trajectories: Mapping[str, pd.DataFrame], objective: str = "objective"
) -> Figure:
    """Draw every evaluation as a dot and the best so far as a line, over the search time.

    Parameters
    ----------
    trajectories
        By label, what `agebo_hpc.analysis.tables.trajectory` gives; none of them empty.
    objective
        Name of the vertical axis.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    longest = max(float(table["seconds"].max()) for table in trajectories.values())
    unit, unit_name = next((unit, name) for limit, unit, name in _UNITS if longest >= limit)
    for number, (label, table) in enumerate(trajectories.items()):
        colour = f"C{number % 10}"
        times = table["seconds"] / unit
        axes.scatter(times, table["objective"], s=12, alpha=0.35, color=colour, linewidths=0)
        final = f"{label}: {table['best_so_far'].iloc[-1]:.4g}, {len(table)} evaluations"
        axes.step(times, table["best_so_far"], where="post", color=colour, label=final)
    _set_floor(axes, np.concatenate([t["objective"].to_numpy() for t in trajectories.values()]))
    axes.set_xlabel(f"search time ({unit_name})")
    axes.set_ylabel(objective)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def _set_floor(axes: Axes, objectives: np.ndarray) -> None:
    """Keep far outliers from flattening the rest, and say how many are left out."""
    floor = visible_floor(objectives)
    below = int((objectives < floor).sum())
    if below:
        best = float(objectives.max())
        margin = 0.05 * (best - floor) or 0.05 * abs(best) or 1.0
        axes.set_ylim(floor - margin, best + margin)
        axes.set_title(f"below the frame: {below} of {len(objectives)}", fontsize="small")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG or PDF, atomically.

    Raises
    ------
    UsageError
        If the suffix is another one.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UsageError(f"The figure {str(path)!r} must end in {' or '.join(SUFFIXES)}.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], dpi=150)
    write_atomically(path, buffer.getvalue())
