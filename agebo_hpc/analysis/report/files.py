"""The files of an analysis: figures, tables, and the page that shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agebo_hpc import __version__
from agebo_hpc.analysis.comparable import comparable
from agebo_hpc.analysis.csv_text import write_text
from agebo_hpc.analysis.figures.style import save_figure
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.report.answer import answer
from agebo_hpc.analysis.report.details import details, endings
from agebo_hpc.analysis.report.exhibit import Exhibit
from agebo_hpc.analysis.report.model_exhibits import model_exhibits
from agebo_hpc.analysis.report.overview import panels, top_of
from agebo_hpc.analysis.report.page import Chapter, page
from agebo_hpc.analysis.reported_model import ReportedModel
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import scored
from agebo_hpc.directories import NewFiles
from agebo_hpc.errors import UsageError

FORMATS = ("png", "pdf", "svg")
PAGE_NAME = "report.html"


@dataclass(frozen=True)
class Analysis:
    """What was written.

    Attributes
    ----------
    top
        `agebo_hpc.analysis.tables.top_configurations` of each run, its label as ``run``.
    files
        Paths, the page first.
    """

    top: pd.DataFrame
    files: list[Path]


def write_analysis(
    runs: Mapping[str, Run],
    out: Path,
    num_top: int = 5,
    formats: Sequence[str] = ("png", "pdf"),
    details_of: Sequence[str] | None = None,
    models: Mapping[str, ReportedModel] | None = None,
) -> Analysis:
    """Write the page ``report.html`` of some runs, and its figures and tables as files.

    What is said of one run alone lies in a directory of its name where there are several.

    Parameters
    ----------
    runs
        Runs by label; of those without a score is said how their evaluations ended.
    out
        Directory of the files, made where needed.
    num_top
        Number of the best evaluations to list of each run, >= 1.
    formats
        Formats of the figures' files, any of `FORMATS`; the page has them in any case.
    details_of
        Labels of the runs of which more is said than of all together; None: all.
    models
        A retrained model of a run, by label; of runs without one the search's best is told.

    Raises
    ------
    UsageError
        If a format is unknown, or the directory cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"--figures is {unknown[0]!r}; choose among {', '.join(FORMATS)}.")
    with_scores = {label: run for label, run in runs.items() if len(scored(run.history))}
    together = panels(with_scores, num_top) if with_scores else []
    told = list(runs) if details_of is None else list(details_of)
    models = models or {}
    found = {label: model_exhibits(runs[label], models.get(label)) for label in told}
    searched = {
        label: details(runs[label]) if label in with_scores else endings(runs[label])
        for label in told
    }
    single = {label: [*found[label], *searched[label]] for label in told}
    with NewFiles() as new:
        files = _write_exhibits(together, single, _places(list(runs), out), out, formats, new)
        text = _page(runs, together, found, searched, models)
        write_text(new.file(out / PAGE_NAME), text)
    return Analysis(top_of(together), [out / PAGE_NAME, *files])


def _write_exhibits(
    together: Sequence[Exhibit],
    single: Mapping[str, Sequence[Exhibit]],
    places: Mapping[str, Path],
    out: Path,
    formats: Sequence[str],
    new: NewFiles,
) -> list[Path]:
    """Write figures and tables; return their paths, those of all runs together first."""
    _make(out, new)
    files = [file for exhibit in together for file in _write(exhibit, out, formats, new)]
    for label, exhibits in single.items():
        _make(places[label], new)
        files += [file for e in exhibits for file in _write(e, places[label], formats, new)]
    return files


def _page(
    runs: Mapping[str, Run],
    together: Sequence[Exhibit],
    found: Mapping[str, Sequence[Exhibit]],
    searched: Mapping[str, Sequence[Exhibit]],
    models: Mapping[str, ReportedModel],
) -> str:
    answers = {label: answer(runs[label], models.get(label)) for label in found}
    if len(runs) == 1:
        [label] = runs
        chapters = [
            Chapter("run-1", "What was found", [], found[label], answers[label]),
            Chapter("search-1", "How the search went", [], [*together, *searched[label]]),
        ]
    else:
        key_figures = [(str(len(runs)), "runs"), (f"{_count(runs):,}", "evaluations")]
        key_figures.append((str(len(found)), "of them in detail below"))
        chapters = [Chapter("all", "All runs", key_figures, together)]
        for number, (label, shown) in enumerate(found.items(), 1):
            both = [*shown, *searched[label]]
            chapters.append(Chapter(f"run-{number}", label, [], both, answers[label]))
    title = next(iter(runs)) if len(runs) == 1 else f"{len(runs)} searches"
    return page(f"Report: {title}", chapters, f"Made with agebo_hpc {__version__}.")


def best_of_methods(runs: Mapping[str, Run]) -> list[str]:
    """Return the label of the run with the best evaluation of each method.

    Runs that cannot be compared are searches of several methods.
    """
    best = {label: float(scored(run.history)["objective"].max()) for label, run in runs.items()}
    return [
        max(labels, key=best.__getitem__)
        for group in comparable(runs).values()
        for labels in by_method({label: runs[label] for label in group}).values()
    ]


def _write(exhibit: Exhibit, out: Path, formats: Sequence[str], new: NewFiles) -> list[Path]:
    files = []
    for name, table in exhibit.tables.items():
        files.append(new.file(out / f"{name}.csv"))
        write_text(files[-1], table.to_csv(index=False))
    figure = exhibit.figure
    if figure is not None:
        for kind in formats:
            files.append(new.file(out / f"{exhibit.name}.{kind}"))
            save_figure(figure, files[-1])
    return files


def _make(directory: Path, new: NewFiles) -> None:
    try:
        new.directory(directory)
    except OSError as error:
        raise UsageError(
            f"Cannot write into {str(directory)!r}: {error.strerror}; choose another --out."
        ) from error


def _places(labels: Sequence[str], out: Path) -> dict[str, Path]:
    """Return the directory of each run's own files."""
    if len(labels) == 1:
        return {labels[0]: out}
    names = [re.sub(r"[^\w.=-]+", "_", label).strip("._") or "run" for label in labels]
    return {
        label: out / (name if names.count(name) == 1 else f"{name}_{number}")
        for number, (label, name) in enumerate(zip(labels, names, strict=True), 1)
    }


def _count(runs: Mapping[str, Run]) -> int:
    return sum(len(run.history) for run in runs.values())
