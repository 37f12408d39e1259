"""`agebo-hpc analyze`: figures, tables and a page of what searches reached and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pandas as pd

if TYPE_CHECKING:
    from agebo_hpc.analysis.runs import Run

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
    tensorboard: Path | None,
) -> None:
    """Show how the searches in RUNS went, and list their best evaluations."""
    from agebo_hpc.analysis.comparable import comparable, why_not
    from agebo_hpc.analysis.report import best_of_methods, write_analysis
    from agebo_hpc.analysis.runs import read_scored_runs

    formats = [] if figures == "none" else [name.strip() for name in figures.split(",")]
    read = read_scored_runs(runs)
    only_best = details == "best" or (details == "auto" and len(read) > FEW)
    told = best_of_methods(read) if only_best else None
    analysis = write_analysis(read, out, top, formats, told)
    table = analysis.top
    for label in dict.fromkeys(table["run"]):
        _print_top(str(label), table[table["run"] == label].drop(columns="run"), read[label])
    apart = why_not(comparable(read))
    if apart:
        click.echo(f"note: {apart}", err=True)
    if tensorboard is not None:
        from agebo_hpc.analysis.event_files import write_event_files

        write_event_files(read, tensorboard)
        click.echo(f"event files: tensorboard --logdir {tensorboard}")
    page, *others = analysis.files
    if only_best:
        click.echo(f"in detail: {', '.join(told or [])}; `--details all` for all")
    click.echo(f"report: {page}, with {len(others)} figures and tables beside it")


def _print_top(label: str, rows: pd.DataFrame, run: Run) -> None:
    click.echo(f"Best {len(rows)} of {label}")
    if run.baselines is not None and run.baselines.text:
        click.echo(f"baselines: {run.baselines.text}")
    numbers = rows.drop(columns=["architecture", "decisions"]).rename(columns=HEADINGS)
    click.echo(numbers.to_string(index=False, float_format="{:.5g}".format))
    for rank, architecture in zip(rows["rank"], rows["architecture"], strict=True):
        click.echo(f"  {rank}: {architecture}")
    click.echo()
