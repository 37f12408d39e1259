"""The files of an analysis: the trajectory as figure and table, and the best evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from agebo_hpc.analysis.csv_text import write_text
from agebo_hpc.analysis.figures import save_figure, trajectory_figure
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import top_configurations, trajectory
from agebo_hpc.errors import UsageError


def write_analysis(runs: Mapping[str, Run], out: Path, num_top: int) -> pd.DataFrame:
    """Write ``trajectory.png``, ``trajectory.csv`` and ``top.csv`` of some runs.

    Parameters
    ----------
    runs
        By label; each has an evaluation that is done.
    out
        Directory of the files, made where needed.
    num_top
        How many of the best to list of each run, >= 1.

    Returns
    -------
    DataFrame
        What is in ``top.csv``: `top_configurations` of each run with its label as ``run``.

    Raises
    ------
    UsageError
        If the directory cannot be written.
    """
    trajectories = {label: trajectory(run.history, run.intervals) for label, run in runs.items()}
    tops = {
        label: top_configurations(run.history, num_top, run.describe)
        for label, run in runs.items()
    }
    names = {str(run.section("problem").get("metric", "objective")) for run in runs.values()}
    figure = trajectory_figure(trajectories, names.pop() if len(names) == 1 else "objective")
    try:
        out.mkdir(parents=True, exist_ok=True)
        save_figure(figure, out / "trajectory.png")
    except OSError as error:
        raise UsageError(
            f"Cannot write into {str(out)!r}: {error.strerror}; choose another --out."
        ) from error
    top = _stack(tops)
    write_text(out / "trajectory.csv", _stack(trajectories).to_csv(index=False))
    write_text(out / "top.csv", top.to_csv(index=False))
    return top


def _stack(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other, with their labels as a first column."""
    labelled = [pd.concat([table], keys=[label], names=["run"]) for label, table in tables.items()]
    return pd.concat(labelled).reset_index("run").reset_index(drop=True)
