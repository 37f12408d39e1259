"""What is measured of each search of an experiment, and of each method over its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agebo_hpc.analysis.comparable import comparable, why_not
from agebo_hpc.analysis.comparison import best_at
from agebo_hpc.analysis.high_performers import high_performers, high_threshold
from agebo_hpc.analysis.occupation import utilisation
from agebo_hpc.analysis.runs import Run, read_run
from agebo_hpc.analysis.tables import (
    busy_share,
    hyperparameter_columns,
    scored,
    top_configurations,
    trajectory,
)
from agebo_hpc.errors import DataError
from agebo_hpc.experiments.findings import quartiles
from agebo_hpc.experiments.plan import Planned
from agebo_hpc.experiments.settings import Settings


@dataclass(frozen=True)
class Searched:
    """A complete search and what was read of it.

    Attributes
    ----------
    planned
        What it was.
    run
        The run, as it was read.
    trajectory
        What `agebo_hpc.analysis.tables.trajectory` gives.
    """

    planned: Planned
    run: Run
    trajectory: pd.DataFrame

    @property
    def label(self) -> str:
        """Name among the searches of one problem."""
        return f"{self.planned.method}, seed {self.planned.seed}"


def read_searches(planned: Sequence[Planned]) -> list[Searched]:
    """Read complete searches.

    Raises
    ------
    DataError
        If one is damaged or has no evaluation that is done, or if searches of one problem had
        other data or another metric, as after it was prepared anew.
    """
    searches = [_read(search) for search in planned]
    check_comparable(searches)
    return searches


def check_comparable(searches: Sequence[Searched]) -> None:
    """Raise DataError if searches of one problem cannot be held against each other."""
    for problem in dict.fromkeys(search.planned.problem for search in searches):
        runs = {s.label: s.run for s in searches if s.planned.problem == problem}
        why = why_not(comparable(runs), runs)
        if why:
            raise DataError(
                f"{problem}: {why} Give another --out, or remove the searches of one group and "
                "repeat the command."
            )


def _read(planned: Planned) -> Searched:
    run = read_run(planned.path)
    table = trajectory(run.history, run.intervals)
    if table.empty:
        raise DataError(
            f"{str(planned.path)!r} has no evaluation that is done; read its log.txt, or give "
            "searches more time."
        )
    return Searched(planned, run, table)


def measure(searches: Sequence[Searched], settings: Settings, baseline: str = "") -> pd.DataFrame:
    """Measure every search.

    Parameters
    ----------
    searches
        Searches of all problems, methods and seeds.
    settings
        Settings of all of them.
    baseline
        Method whose median result the others have to reach; empty: none.

    Returns
    -------
    DataFrame
        One row for each search: ``problem``, ``method``, ``seed``, ``workers``, ``evaluations``
        that are done, ``failed``, ``minutes`` and ``minutes_deviation`` of an evaluation, ``best``
        objective, ``best_together`` (by the end of the wall time), ``utilisation`` (share of the
        workers' time in evaluations), ``high_performers`` (unique architectures above the
        problem's threshold by then), ``minutes_to_baseline`` (infinite: never reached), and the
        hyperparameters of the best evaluation (``n`` for num_processes).
    """
    problems = dict.fromkeys(search.planned.problem for search in searches)
    parts = []
    for problem in problems:
        mine = [search for search in searches if search.planned.problem == problem]
        parts.append(_of_problem(mine, settings, baseline))
    return pd.concat(parts, ignore_index=True)


def threshold(searches: Sequence[Searched]) -> float:
    """Return the objective above which an architecture of one problem is high-performing."""
    histories: dict[str, list[pd.DataFrame]] = {}
    for search in searches:
        histories.setdefault(search.planned.method, []).append(search.run.history)
    return high_threshold(histories)


def _of_problem(searches: Sequence[Searched], settings: Settings, baseline: str) -> pd.DataFrame:
    end = settings.walltime or math.inf
    limit = threshold(searches)
    rows = [_of_search(search, settings, end, limit) for search in searches]
    table = pd.DataFrame(rows)
    if not baseline:
        return table
    target = float(table.loc[table["method"] == baseline, "best_together"].median())
    reached = [minutes_to(search.trajectory, target) for search in searches]
    return table.assign(minutes_to_baseline=reached)


def _of_search(
    search: Searched, settings: Settings, end: float, limit: float
) -> dict[str, object]:
    planned, run = search.planned, search.run
    done = scored(run.history)
    minutes = done["seconds_total"] / 60
    high = high_performers(run.history, limit, run.intervals)
    [best] = top_configurations(run.history, 1).to_dict("records")
    names = ["n" if n == "num_processes" else n for n in hyperparameter_columns(run.history)]
    return {
        "problem": planned.problem,
        "method": planned.method,
        "seed": planned.seed,
        "workers": planned.workers,
        "evaluations": len(done),
        "failed": len(run.history) - len(done),
        "minutes": float(minutes.mean()),
        "minutes_deviation": float(minutes.std()),
        "best": float(best["objective"]),
        "best_together": float(best_at(search.trajectory, np.asarray([end]))[0]),
        "utilisation": busy_share(worn(run.history, settings), run.num_slots, run.intervals),
        "high_performers": int((high["seconds"] <= end).sum()),
        **{name: best[name] for name in names},
    }


def worn(history: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return a history in which an evaluation uses all slots that nobody else can use.

    With exclusive workers those are all of its worker.
    """
    if settings.allocation != "exclusive":
        return history
    return history.assign(num_processes=settings.max_processes)


def minutes_to(table: pd.DataFrame, target: float) -> float:
    """Return the minutes of search until a trajectory is at a target; infinite if it never is."""
    there = table.loc[table["best_so_far"] >= target, "seconds"]
    return float(there.iloc[0]) / 60 if len(there) else math.inf


def busy_over_time(searches: Sequence[Searched], settings: Settings) -> pd.DataFrame:
    """Return the mean busy share of each method's workers over the search time of one problem.

    Returns
    -------
    DataFrame
        ``method``, ``seconds``, ``busy_share``.
    """
    parts = [
        utilisation(worn(s.run.history, settings), s.run.capacity, 60).assign(
            method=s.planned.method, place=range(60)
        )
        for s in searches
    ]
    groups = pd.concat(parts).groupby(["method", "place"], sort=False)
    return groups[["seconds", "busy_share"]].mean().reset_index()


def spread(runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a row for each method: median and quartiles of measures over its searches.

    Returns
    -------
    DataFrame
        ``problem``, ``method``, ``searches``, and for each column its median, ``<column>_low``
        and ``<column>_high`` (25 % and 75 %).
    """
    rows = []
    for (problem, method), mine in runs.groupby(["problem", "method"], sort=False):
        row: dict[str, object] = {"problem": problem, "method": method, "searches": len(mine)}
        for name in (name for name in columns if name in mine):
            low, middle, high = quartiles(mine[name].to_numpy(dtype=float))
            row |= {name: middle, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)
