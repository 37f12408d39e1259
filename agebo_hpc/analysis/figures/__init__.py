"""Figures, each drawn from tables: a function takes frames and gives a matplotlib figure."""

from agebo_hpc.analysis.figures.progress import trajectory_figure
from agebo_hpc.analysis.figures.style import save_figure

__all__ = ["save_figure", "trajectory_figure"]
