"""`agebo-hpc analyze`: figures, tables and a page of what searches reached and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pandas as pd

from agebo_hpc.cli.model_output import THREADS, start_tensorflow

if TYPE_CHECKING:
    from agebo_hpc.analysis.reported_model import ReportedModel
    from agebo_hpc.analysis.runs import Run
    from agebo_hpc.models.bundle import Model

FEW = 4
"""More runs than that are not shown one by one unless asked for."""
HEADINGS = {"evaluation_id": "evaluation"}


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory for report.html, figures and tables; made where needed.",
)
@click.option(
    "--top",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many of the best evaluations to list of each run.",
)
@click.option(
    "--figures",
    default="png,pdf",
    show_default=True,
    help="Formats of the figures' files, png, pdf or svg with commas between; `none`: the page "
    "alone has them.",
)
@click.option(
    "--details",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "all", "best"]),
    help="Runs to show one by one besides together: all, or the best of each method. auto: all of "
    f"up to {FEW}.",
)
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Model of one of the searches, whose test score, confusions and columns the report shows."
    " [default: that of the best evaluation in RUN/models]",
)
@THREADS
@click.option(
    "--tensorboard",
    type=click.Path(path_type=Path),
    help="Directory for event files, one subdirectory for each run; `tensorboard --logdir` "
    "shows them.",
)
def analyze(
    runs: tuple[Path, ...],
    out: Path,
    top: int,
    figures: str,
    details: str,
    model: Path | None,
    threads: int | None,
    tensorboard: Path | None,
) -> None:
    """Report what the searches in RUNS found and how they went, and list their best evaluations.

    Where a run has a retrained model, and its data set and TensorFlow are there, the report says
    how that model predicts.
    """
    from agebo_hpc.analysis.comparable import comparable, why_not
    from agebo_hpc.analysis.report import best_of_methods, write_analysis
    from agebo_hpc.analysis.rung_agreement import agreement_facts
    from agebo_hpc.analysis.runs import read_runs
    from agebo_hpc.analysis.tables import scored
    from agebo_hpc.models.run_report import models_of

    formats = [] if figures == "none" else [name.strip() for name in figures.split(",")]
    read = read_runs(runs)
    with_scores = {label: run for label, run in read.items() if len(scored(run.history))}
    only_best = details == "best" or (details == "auto" and len(read) > FEW)
    told = best_of_methods(with_scores) if only_best else None
    shown = read if told is None else {label: read[label] for label in told}
    models = models_of(shown, model, lambda path: _load(path, threads))
    analysis = write_analysis(read, out, top, formats, told, models)
    for label in shown:
        _print_first_screen(label, read[label], models.get(label))
    table = analysis.top
    for label in dict.fromkeys(table["run"]):
        _print_top(str(label), table[table["run"] == label].drop(columns="run"), read[label])
    for label in read.keys() - with_scores.keys():
        click.echo(f"note: {label} has no evaluation with a score", err=True)
    for found in models.values():
        click.echo(f"model: {found.path}")
        if found.missing:
            click.echo(f"note: {found.path} could not be run: {found.missing}", err=True)
    for label in shown:
        warning = agreement_facts(read[label].pieces)["rung_warning"]
        if warning:
            click.echo(f"note: {label}: {warning}", err=True)
    apart = why_not(comparable(with_scores), with_scores)
    if apart:
        click.echo(f"note: {apart}", err=True)
    if tensorboard is not None:
        from agebo_hpc.analysis.event_files import write_event_files

        write_event_files(with_scores, tensorboard)
        click.echo(f"event files: tensorboard --logdir {tensorboard}")
    page, *others = analysis.files
    if only_best:
        click.echo(f"in detail: {', '.join(told or [])}; `--details all` for all")
    click.echo(f"report: {page}, with {len(others)} figures and tables beside it")


def _load(path: Path, threads: int | None) -> Model:
    """Load a model, with TensorFlow set up before anything imports it."""
    start_tensorflow(threads)
    from agebo_hpc.models.bundle import load_model

    return load_model(path)


def _print_first_screen(label: str, run: Run, model: ReportedModel | None) -> None:
    """Print what the report begins with: is it better than boosting, the scores, on what data."""
    from agebo_hpc.analysis.report.answer import answer
    from agebo_hpc.analysis.report.first_screen import first_screen

    click.echo(f"{label}: is the network better than boosted trees?")
    click.echo("\n".join(first_screen(answer(run, model))) + "\n")


def _print_top(label: str, rows: pd.DataFrame, run: Run) -> None:
    click.echo(f"Best {len(rows)} of {label}")
    if run.baselines is not None and run.baselines.text:
        click.echo(f"baselines: {run.baselines.text}")
    numbers = rows.drop(columns=["architecture", "decisions"]).rename(columns=HEADINGS)
    click.echo(numbers.to_string(index=False, float_format="{:.5g}".format))
    for rank, architecture in zip(rows["rank"], rows["architecture"], strict=True):
        click.echo(f"  {rank}: {architecture}")
    click.echo()
