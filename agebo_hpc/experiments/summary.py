"""An experiment's results as files: tables, figures and a page of text that names the findings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pandas as pd

from agebo_hpc import __version__
from agebo_hpc.analysis.csv_text import write_text
from agebo_hpc.experiments.catalog import Experiment
from agebo_hpc.experiments.extras import EXTRAS, Shown
from agebo_hpc.experiments.findings import evaluate
from agebo_hpc.experiments.measures import Searched, measure, spread
from agebo_hpc.experiments.settings import Settings
from agebo_hpc.text import counted

SUMMARY_NAME = "summary.md"
FORMATS = ("png", "pdf")

HEADINGS = {
    "best_together": "best",
    "minutes": "minutes each",
    "minutes_to_baseline": "minutes to baseline",
    "high_performers": "high performers",
    "other_median": "of the other",
    "same_problem": "same data set",
    "rows_per_second": "rows/s",
}


@dataclass(frozen=True)
class Results:
    """What an experiment gave.

    Attributes
    ----------
    runs
        What `agebo_hpc.experiments.measures.measure` gives.
    methods
        What `agebo_hpc.experiments.measures.spread` gives.
    findings
        What `agebo_hpc.experiments.findings.evaluate` gives.
    shown
        What the experiment shows besides.
    """

    runs: pd.DataFrame
    methods: pd.DataFrame
    findings: pd.DataFrame
    shown: Shown


def results_of(
    experiment: Experiment, searches: Sequence[Searched], settings: Settings
) -> Results:
    """Compute all tables of an experiment whose searches are complete."""
    runs = measure(searches, settings, experiment.baseline)
    shown = EXTRAS[experiment.extra].show(searches) if experiment.extra else Shown()
    found = evaluate(experiment.findings, runs)
    if shown.findings is not None:
        found = pd.concat([frame for frame in (found, shown.findings) if len(frame)])
    return Results(runs, spread(runs, experiment.columns), found, shown)


def write_results(
    experiment: Experiment,
    searches: Sequence[Searched],
    settings: Settings,
    results: Results,
    out: Path,
) -> list[Path]:
    """Write tables, figures and the page of an experiment.

    Parameters
    ----------
    experiment
        Fitted to the settings.
    searches, settings
        What was run.
    results
        What `results_of` gives.
    out
        Directory; made where needed.

    Returns
    -------
    list of Path
        The page first.
    """
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        "runs": results.runs,
        "methods": results.methods,
        "findings": results.findings,
        **results.shown.tables,
    }
    written = []
    for name, table in tables.items():
        if len(table):
            written.append(out / f"{name}.csv")
            write_text(written[-1], table.to_csv(index=False))
    figures = _write_figures(experiment, searches, settings, results, out)
    page = out / SUMMARY_NAME
    write_text(page, summary(experiment, settings, results, [p.name for p in figures]))
    return [page, *written, *figures]


def _write_figures(
    experiment: Experiment,
    searches: Sequence[Searched],
    settings: Settings,
    results: Results,
    out: Path,
) -> list[Path]:
    from agebo_hpc.analysis.figures.style import save_figure
    from agebo_hpc.experiments.figures import FIGURES, Subject

    figures = dict(results.shown.figures)
    for problem in dict.fromkeys(results.runs["problem"]):
        subject = Subject(
            [s for s in searches if s.planned.problem == problem],
            results.runs[results.runs["problem"] == problem],
            settings,
        )
        for name in experiment.figures:
            figures[f"{name}-{problem}"] = FIGURES[name](subject)
    written = []
    for name, figure in figures.items():
        for suffix in FORMATS:
            save_figure(figure, out / f"{name}.{suffix}")
        written.append(out / f"{name}.png")
    return written


def summary(
    experiment: Experiment, settings: Settings, results: Results, figures: Sequence[str]
) -> str:
    """Return an experiment as a page in Markdown."""
    seeds = results.runs.groupby(["problem", "method"]).size()
    lines = [
        f"# {experiment.title}",
        "",
        f"`{experiment.name}`: {experiment.shows}. agebo_hpc {__version__}.",
        "",
        f"{machine(settings)} {_count(seeds)} of each method on "
        f"{', '.join(dict.fromkeys(results.runs['problem']))}.",
        "",
        "Medians over the searches, quartiles in brackets:",
        "",
        markdown(_methods_table(results.methods, experiment.columns)),
        "",
    ]
    if experiment.baseline:
        lines += [f"The baseline is the median best of {experiment.baseline}.", ""]
    papers = {f.text: f.paper for f in experiment.findings}
    if len(results.findings):
        lines += ["## Findings", "", *_findings_lines(results.findings, papers)]
    for name, table in results.shown.tables.items():
        if len(table) <= 40:
            lines += [f"## {name.replace('_', ' ').capitalize()}", "", markdown(table), ""]
    lines += [f"{remark}\n" for remark in results.shown.remarks]
    lines += [f"![{name}]({name})\n" for name in figures]
    return "\n".join(lines)


def machine(settings: Settings) -> str:
    """Return a sentence on what, and for how long, searches ran."""
    kind = "simulated " if settings.is_simulated else ""
    each = counted(settings.max_processes, "slot")
    limits = []
    if settings.walltime is not None:
        limits.append(str(timedelta(seconds=round(settings.walltime))))
    if settings.max_evals is not None:
        limits.append(counted(settings.max_evals, "evaluation"))
    return (
        f"{counted(settings.workers, f'{kind}worker')} of {each} "
        f"({settings.allocation}), {' or '.join(limits)}."
    )


def _count(seeds: pd.Series) -> str:
    few, many = int(seeds.min()), int(seeds.max())
    number = str(many) if few == many else f"{few} to {many}"
    return f"{number} search{'es' * (many > 1)}"


def _methods_table(methods: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the table of methods with quartiles behind the medians."""
    table = methods[["problem", "method", "searches"]].copy()
    for name in (name for name in columns if name in methods):
        cells = zip(methods[name], methods[f"{name}_low"], methods[f"{name}_high"], strict=True)
        table[name] = [_with_spread(*cell) for cell in cells]
    return table


def _findings_lines(findings: pd.DataFrame, papers: Mapping[str, str]) -> list[str]:
    lines = []
    for text, rows in findings.groupby("finding", sort=False):
        paper = papers.get(str(text), "")
        published = f" (published: {paper})" if paper else ""
        lines += [f"**{str(text)[0].upper()}{str(text)[1:]}**{published}", ""]
        cells = zip(rows["effect"], rows["low"], rows["high"], strict=True)
        shown = rows.assign(effect=[_with_spread(*cell) for cell in cells])
        kept = ["problem", "method", "median", "other", "other_median", "effect", "p", "verdict"]
        lines += [markdown(shown[kept]), ""]
    return lines


def _with_spread(middle: float, low: float, high: float) -> str:
    if low == high:
        return number(middle)
    return f"{number(middle)} ({number(low)} to {number(high)})"


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown."""
    rows = [[HEADINGS.get(str(name), str(name).replace("_", " ")) for name in table.columns]]
    rows += [["---"] * len(table.columns)]
    rows += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """Return a number in four digits; what was never reached is a word."""
    if math.isinf(value):
        return "never"
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
