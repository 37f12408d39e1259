"""`agebo-hpc analyze`: the trajectory of runs as a figure and tables, and the best of them."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

FILES = ("trajectory.png", "trajectory.csv", "top.csv")
HEADINGS = {"evaluation_id": "evaluation"}


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Directory for trajectory.png, trajectory.csv and top.csv; made where needed.",
)
@click.option(
    "--top",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many of the best evaluations to list of each run.",
)
def analyze(runs: tuple[Path, ...], out: Path, top: int) -> None:
    """Draw what the searches in RUNS reached when, and list their best evaluations."""
    from agebo_hpc.analysis.report import write_analysis
    from agebo_hpc.analysis.runs import read_scored_runs

    table = write_analysis(read_scored_runs(runs), out, top)
    for label in dict.fromkeys(table["run"]):
        _print_top(str(label), table[table["run"] == label].drop(columns="run"))
    click.echo(f"written: {', '.join(str(out / name) for name in FILES)}")


def _print_top(label: str, rows: pd.DataFrame) -> None:
    click.echo(f"Best {len(rows)} of {label}")
    numbers = rows.drop(columns=["architecture", "decisions"]).rename(columns=HEADINGS)
    click.echo(numbers.to_string(index=False, float_format="{:.5g}".format))
    for rank, architecture in zip(rows["rank"], rows["architecture"], strict=True):
        click.echo(f"  {rank}: {architecture}")
    click.echo()
