"""What a report says of all its runs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from agebo_hpc.analysis.comparable import comparable, why_not
from agebo_hpc.analysis.comparison import bands, best_at, common_end, rank_tests
from agebo_hpc.analysis.figures.findings import map_figure
from agebo_hpc.analysis.figures.progress import (
    comparison_figure,
    high_performers_figure,
    trajectory_figure,
)
from agebo_hpc.analysis.figures.style import COLOURS
from agebo_hpc.analysis.high_performers import high_performers, high_threshold
from agebo_hpc.analysis.importance import map_of_best
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.report.exhibit import Exhibit, without_empty
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.tables import baseline_table, top_configurations, trajectory

LONG = ("architecture", "decisions")
TOP_READING = (
    "The best first. `agebo-hpc retrain RUN --rank K` makes a model of a run's evaluation of "
    "rank K. n is the number of processes that trained it, the batch size is that of one process, "
    "the learning rate that for one process; seconds are those of the training."
)


def panels(runs: Mapping[str, Run], num_top: int) -> list[Exhibit]:
    """Return what is shown of the runs together, those that cannot be compared apart.

    Parameters
    ----------
    runs, num_top
        See `overview`.
    """
    groups = comparable(runs)
    why = why_not(groups, runs)
    if not why:
        return overview(runs, num_top)
    title = "Runs that cannot be compared"
    shown = [Exhibit("not_compared", title, "", missing=why)]
    for number, (name, labels) in enumerate(groups.items(), 1):
        for exhibit in overview({label: runs[label] for label in labels}, num_top):
            shown.append(_of_group(exhibit, number, name))
    return shown


def _of_group(exhibit: Exhibit, number: int, name: str) -> Exhibit:
    """Return an exhibit under names of its own, also of its files."""
    return replace(
        exhibit,
        name=f"{exhibit.name}_{number}",
        title=f"{exhibit.title}: {name}",
        tables={f"{file}_{number}": table for file, table in exhibit.tables.items()},
    )


def top_of(exhibits: Sequence[Exhibit]) -> pd.DataFrame:
    """Return the best evaluations of all runs, from what `panels` gives; empty for nothing."""
    if not exhibits:
        return pd.DataFrame(columns=["run"])
    tops = [e.tables[file] for e in exhibits for file in e.tables if file.split("_")[0] == "top"]
    return pd.concat(tops, ignore_index=True)


def overview(runs: Mapping[str, Run], num_top: int) -> list[Exhibit]:
    """Return what is shown of runs together that can be compared.

    Parameters
    ----------
    runs
        Runs by label; each has an evaluation that is done.
    num_top
        Number of the best evaluations to list of each run, >= 1.
    """
    metrics = {run.metric for run in runs.values()}
    metric = SearchMetric(metrics.pop()).axis if len(metrics) == 1 else "objective"
    methods = by_method(runs)
    trajectories = {label: trajectory(run.history, run.intervals) for label, run in runs.items()}
    found = [
        _top(runs, num_top),
        _trajectory(trajectories, metric, _of_many(methods)),
        _high_performers(runs, methods),
    ]
    if len(runs) > 1:
        found.append(_comparison(trajectories, methods, metric))
    return [*found, _map(runs, metric)]


def stack(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other, with their labels as a first column ``run``."""
    labelled = [table.assign(run=label) for label, table in tables.items()]
    together = pd.concat(labelled)
    names = ["run", *(name for name in together.columns if name != "run")]
    return together[names].reset_index(drop=True)


def _top(runs: Mapping[str, Run], num: int) -> Exhibit:
    tops = {
        label: top_configurations(run.history, num, run.describe) for label, run in runs.items()
    }
    simple = {label: baseline_table(run.baselines) for label, run in runs.items()}
    has_simple = any(len(table) for table in simple.values())
    metric = SearchMetric(next(iter(runs.values())).metric)
    title, reading = "The best evaluations", TOP_READING
    if metric.is_loss:
        reading += f" The objective is {metric.axis}: the nearer to zero, the better."
    together = stack(tops)
    shown = together
    if len(runs) > 1:
        title = "The best of each run"
        shown = together[together["rank"] == 1].sort_values("objective", ascending=False)
    return Exhibit(
        "top",
        title,
        reading,
        tables={"top": together, **({"baselines": stack(simple)} if has_simple else {})},
        shown={"": without_empty(shown.drop(columns=["rank" if len(runs) > 1 else "run", *LONG]))},
        texts={
            "Architectures": [
                f"{run}: {architecture}" if len(runs) > 1 else architecture
                for run, architecture in zip(shown["run"], shown["architecture"], strict=True)
            ]
        },
    )


def _of_many(methods: Mapping[str, list[str]]) -> Mapping[str, list[str]] | None:
    """Return the methods if there are too many runs for a colour each."""
    return methods if sum(len(labels) for labels in methods.values()) > len(COLOURS) else None


def _trajectory(
    trajectories: Mapping[str, pd.DataFrame],
    metric: str,
    methods: Mapping[str, list[str]] | None,
) -> Exhibit:
    return Exhibit(
        "trajectory",
        "Best so far",
        "Each dot is an evaluation, placed when it ended; the line is the best so far. A line "
        "that still climbs at the right end says that a longer search would find better ones; "
        "dots that move up say that the search learns.",
        lambda: trajectory_figure(trajectories, metric, methods),
        {"trajectory": stack(trajectories)},
    )


def _high_performers(runs: Mapping[str, Run], methods: Mapping[str, list[str]]) -> Exhibit:
    threshold = high_threshold(
        {name: [runs[label].history for label in labels] for name, labels in methods.items()}
    )
    tables = {
        label: high_performers(run.history, threshold, run.intervals)
        for label, run in runs.items()
    }
    names = "the method's" if len(methods) == 1 else "the smallest of the methods'"
    reading = (
        f"How many different architectures reached more than {threshold:.6g}, {names} "
        "99 % quantile of the objective. A steeper line finds good networks faster."
    )
    together = stack(tables).assign(threshold=threshold)
    if not len(together):
        return Exhibit(
            "high_performers",
            "High-performing architectures",
            reading,
            tables={"high_performers": together},
            missing=f"No objective lies above {threshold:.6g}: too many are equal.",
        )
    return Exhibit(
        "high_performers",
        "High-performing architectures",
        reading,
        lambda: high_performers_figure(tables, threshold, _of_many(methods)),
        {"high_performers": together},
    )


def _comparison(
    trajectories: Mapping[str, pd.DataFrame], methods: Mapping[str, list[str]], metric: str
) -> Exhibit:
    groups = {name: [trajectories[label] for label in labels] for name, labels in methods.items()}
    band = bands(groups)
    tests = rank_tests(groups)
    end = common_end(groups, "seconds")
    finals = {
        name: np.asarray([best_at(table, np.asarray([end]))[0] for table in tables])
        for name, tables in groups.items()
    }
    finals = {name: values[~np.isnan(values)] for name, values in finals.items()}
    late = [name for name, values in finals.items() if not len(values)]
    title = "Methods over seeds"
    reading = (
        "Runs that differ in nothing but the seed are one method. Line: median of the best so "
        f"far; band: its quartiles; right: every search after {end:.6g} seconds, when the "
        "shortest had its last result. Superiority is the chance that a search of the first "
        "method ends above one of the second; p is Mann-Whitney's, p holm is corrected for the "
        "number of pairs. With one search of a method there is no test."
    )
    tables = {"comparison": band, "rank_tests": tests}
    shown = {"Rank tests": tests} if len(tests) else {}
    if late:
        why = f"{late[0]} has no result by {end:.6g} seconds, when another run's results end."
        return Exhibit("comparison", title, reading, None, tables, shown, missing=why)
    draw = lambda: comparison_figure(band, finals, metric)  # noqa: E731
    return Exhibit("comparison", title, reading, draw, tables, shown)


def _map(runs: Mapping[str, Run], metric: str) -> Exhibit:
    title = "Map of the best configurations"
    reading = (
        "The best 1 % of each run, ten at least, in the plane in which they differ most "
        "(principal components of decisions and hyperparameters). Near means alike. Separate "
        "clouds are different kinds of good networks; of several runs, different answers."
    )
    spaces = {(run.space, tuple(run.history.columns)) for run in runs.values()}
    if len(spaces) > 1:
        why = "The runs have different spaces or hyperparameters: there is no common plane."
        return Exhibit("map", title, reading, missing=why)
    space = next(iter(runs.values())).space
    table = map_of_best({label: run.history for label, run in runs.items()}, space)
    if table.empty:
        why = "There are fewer than three different configurations among the best."
        return Exhibit("map", title, reading, missing=why)
    return Exhibit("map", title, reading, lambda: map_figure(table, metric), {"map": table})
