"""`agebo-hpc replay`: check that what a search decided follows from what it saw."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agebo_hpc.errors import EXIT_DATA


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def replay(run: Path) -> None:
    """Check that every decision in the journal of RUN follows from the events before it.

    What was begun, promoted, paused and stopped is compared with what a scheduler decides that is
    fed the same events. Reads only; works while the search runs. Exit code 65 if one does not
    follow.
    """
    from agebo_hpc.analysis.decisions import check_run, decisions_line

    checked = check_run(run)
    click.echo(decisions_line(str(run), checked))
    if checked.stray is not None:
        sys.exit(EXIT_DATA)
