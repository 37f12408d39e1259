"""`info` and `smoke`: what is installed, and whether it works."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


def _lines(report: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in report.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}", *_lines(value, indent + "  ")]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{indent}{key:<18}{'-' if text in (None, '') else text}")
    return lines


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds that MPI, TensorFlow and HDF5 get to answer; each is asked in a child process.",
)
def info(as_json: bool, timeout: float) -> None:
    """Print versions, MPI, devices and cores, for bug reports."""
    from agebo_hpc.diagnostics.installation import describe_installation

    report = describe_installation(timeout)
    click.echo(json.dumps(report, indent=2) if as_json else "\n".join(_lines(report)))


@click.command()
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds that one check may take; the job is ended after that.",
)
def smoke(limit: float) -> None:
    """Check in seconds that this installation is sound.

    With `mpirun -n N python -m agebo_hpc smoke` (N of 2 to 5 is enough) the ranks talk to each
    other and train together; alone it checks what one process can. Ends with 0 if all is well,
    70 if a library is broken, 71 if the ranks cannot talk.
    """
    from agebo_hpc.diagnostics.smoke import Check, run_smoke
    from agebo_hpc.execution.mpi.first_rank import is_first
    from agebo_hpc.job.launcher import announced_world
    from agebo_hpc.reporter import on_standard_error

    def report(check: Check) -> None:
        state = "failed" if check.problem else "ok"
        click.echo(f"{state:<7}{check.seconds:7.2f} s  {check.name}")
        if check.problem:
            click.echo(f"smoke: {check.name}: {check.problem}", err=True)

    code = run_smoke(report, limit, on_standard_error())
    if announced_world() is None:
        click.echo("The ranks were not checked: `mpirun -n 3 python -m agebo_hpc smoke` does it.")
    elif code == 0 and is_first(sys.argv[1:]):
        click.echo("All is well.")
    sys.exit(code)
