"""An experiment's figures by name; each is drawn for one problem, from its searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agebo_hpc.analysis.comparison import bands, best_at, common_end
from agebo_hpc.analysis.figures.progress import comparison_figure, high_performers_figure
from agebo_hpc.analysis.figures.style import colour, new_figure, time_unit
from agebo_hpc.analysis.high_performers import high_performers
from agebo_hpc.experiments.measures import Searched, busy_over_time, threshold
from agebo_hpc.experiments.settings import Settings

AXES = {
    "evaluations": "evaluations",
    "minutes": "minutes of an evaluation",
    "best_together": "best objective",
    "utilisation": "busy share of the workers",
    "minutes_to_baseline": "minutes to the baseline's best",
}


@dataclass(frozen=True)
class Subject:
    """What a figure shows.

    Attributes
    ----------
    searches
        Searches of one problem.
    runs
        What `agebo_hpc.experiments.measures.measure` gives for them.
    settings
        Settings of all of them.
    """

    searches: Sequence[Searched]
    runs: pd.DataFrame
    settings: Settings

    @property
    def objective(self) -> str:
        """Name of the objective."""
        return self.searches[0].run.metric

    @property
    def methods(self) -> dict[str, list[Searched]]:
        """Searches by method."""
        found: dict[str, list[Searched]] = {}
        for search in self.searches:
            found.setdefault(search.planned.method, []).append(search)
        return found


def comparison(subject: Subject) -> Figure:
    """Draw median and quartiles of the best so far, and where each search ended."""
    tables = {name: [s.trajectory for s in mine] for name, mine in subject.methods.items()}
    end = np.asarray([common_end(tables, "seconds")])
    finals = {
        name: np.concatenate([best_at(table, end) for table in mine])
        for name, mine in tables.items()
    }
    return comparison_figure(bands(tables), finals, subject.objective)


def unique_high_performers(subject: Subject) -> Figure:
    """Draw how many unique high-performing architectures each search knew when."""
    limit = threshold(subject.searches)
    tables = {
        s.label: high_performers(s.run.history, limit, s.run.intervals) for s in subject.searches
    }
    labels = {name: [s.label for s in mine] for name, mine in subject.methods.items()}
    return high_performers_figure(tables, limit, labels)


def evaluations(subject: Subject) -> Figure:
    """Draw minutes of an evaluation, their number and the best, for each method."""
    return dots_figure(subject.runs, ("minutes", "evaluations", "best_together"))


def busy(subject: Subject) -> Figure:
    """Draw the busy share of each method's workers over the search time."""
    table = busy_over_time(subject.searches, subject.settings)
    figure, [axes] = new_figure(3.6)
    unit, unit_name = time_unit(float(table["seconds"].max()))
    means = subject.runs.groupby("method")["utilisation"].mean()
    for number, (method, rows) in enumerate(table.groupby("method", sort=False)):
        axes.plot(
            rows["seconds"] / unit,
            rows["busy_share"],
            color=colour(number),
            lw=1.6,
            label=f"{method}, mean {means[method]:.0%}",
        )
    axes.set_ylim(0, 1.05)
    axes.set_xlabel(f"search time ({unit_name})")
    axes.set_ylabel(AXES["utilisation"])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def scaling(subject: Subject) -> Figure:
    """Draw evaluations and the time to the baseline's best against the number of workers."""
    figure, axes = new_figure(4.0, columns=2)
    runs = subject.runs
    for ax, name in zip(axes, ("evaluations", "minutes_to_baseline"), strict=True):
        reached = runs[np.isfinite(runs[name].astype(float))]
        ax.scatter(reached["workers"], reached[name], color=colour(0), s=28, alpha=0.7, lw=0)
        middle = runs.groupby("workers")[name].median()
        middle = middle[np.isfinite(middle)]
        ax.plot(middle.index, middle, color=colour(0), lw=1.6)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(sorted(set(runs["workers"])), [str(w) for w in sorted(set(runs["workers"]))])
        ax.set_xlabel("workers")
        ax.set_ylabel(AXES[name])
    return figure


def dots_figure(runs: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw measures side by side: a dot for each search, a line for the median of a method.

    Parameters
    ----------
    runs
        Runs of one problem.
    names
        Columns of it.
    """
    methods = list(dict.fromkeys(runs["method"]))
    figure, axes = new_figure(1.4 + 0.42 * len(methods), columns=len(names), sharey=True)
    for ax, name in zip(axes, names, strict=True):
        for number, method in enumerate(methods):
            values = runs.loc[runs["method"] == method, name].to_numpy(dtype=float)
            places = number + np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else number
            ax.scatter(values, np.broadcast_to(places, values.shape), color=colour(number), s=22)
            ax.vlines(np.median(values), number - 0.3, number + 0.3, color=colour(number), lw=2)
        ax.set_xlabel(AXES[name])
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.set_yticks(range(len(methods)), methods)
        ax.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    return figure


FIGURES: Mapping[str, Callable[[Subject], Figure]] = {
    "comparison": comparison,
    "high_performers": unique_high_performers,
    "evaluations": evaluations,
    "utilisation": busy,
    "scaling": scaling,
}
"""The function that draws each figure, by the name of its file."""
