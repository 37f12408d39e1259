"""`search` and `resume`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from agebo_hpc.errors import UsageError

UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[float]):
    """Seconds, from 90, 90s, 15m, 3h, 1h30m or HH:MM:SS."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        clock = re.fullmatch(r"(\d+):(\d\d)(?::(\d\d))?", value)
        if clock:
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return float(hours * 3600 + minutes * 60 + seconds)
        parts = re.findall(r"(\d+(?:\.\d+)?)(min|[smhd]|)", value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is not a duration; write 90s, 15m, 3h, 1h30m or 03:00:00.")
        return sum(float(number) * UNITS[unit] for number, unit in parts)


class Integers(click.ParamType[tuple[int, ...]]):
    """Integers separated by commas."""

    name = "integers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(sorted({int(part) for part in value.split(",")}))
        except ValueError:
            self.fail(f"{value!r} is not a list of integers; write for example 1,2,4,8.")


def life_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that each life of a search may set anew."""
    options = [
        click.option(
            "--executor",
            type=click.Choice(["auto", "serial", "mpi"]),
            help="Where evaluations run. auto: mpi when a launcher started the process, else "
            "serial.  [default: auto]",
        ),
        click.option(
            "--max-evals",
            type=click.IntRange(min=1),
            help="Stop after so many evaluations, counted over all lives of the search.",
        ),
        click.option(
            "--walltime",
            type=Duration(),
            help="Length of this life, such as 90s, 15m, 3h or 03:00:00; evaluations that would "
            "not end in time are not started.",
        ),
        click.option(
            "--threads-per-slot",
            type=click.IntRange(min=1),
            help="Cores of one trainer rank.  [default: cores of the node / its trainer ranks]",
        ),
        click.option(
            "--eval-timeout",
            type=Duration(),
            help="End an evaluation that takes longer, such as 30m.  [default: never]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("data", required=False, type=click.Path(), metavar="[DATA.h5]")
@click.option("--out", required=True, type=click.Path(), help="Run directory; must not exist.")
@click.option(
    "--method",
    default="agebo",
    show_default=True,
    help="agebo; age (default hyperparameters); random; mixed-age (hyperparameters are genes); "
    "mixed-bo (one optimizer for both).",
)
@click.option("--preset", default="v1", show_default=True, help="Named problem: v1 or v1-small.")
@click.option("--problem", metavar="FILE.py:NAME", help="A problem of your own, in Python.")
@life_options
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs of a training.  [default: 20]")
@click.option(
    "--warmup-epochs",
    type=click.IntRange(min=0),
    help="Epochs of learning rate warm-up.  [default: a quarter of the epochs]",
)
@click.option(
    "--early-stopping",
    type=click.IntRange(min=0),
    help="Epochs without a better validation metric after which a training ends; 0: never.  "
    "[default: 0]",
)
@click.option(
    "--objective",
    type=click.Choice(["last", "best"]),
    help="Validation metric of the last epoch, or of the best one.  [default: last]",
)
@click.option("--population", type=int, default=100, show_default=True, help="Networks in it.")
@click.option(
    "--sample-size",
    type=int,
    default=10,
    show_default=True,
    help="Networks to take a parent from.",
)
@click.option(
    "--kappa", type=float, default=0.001, show_default=True, help="Exploration of the optimizer."
)
@click.option(
    "--lie",
    default="mean",
    show_default=True,
    help="Objective that pending points are given: mean, min or max of those seen.",
)
@click.option("--trees", type=int, default=10, show_default=True, help="Of the random forest.")
@click.option(
    "--mutation",
    default="any",
    show_default=True,
    help="What a mutation may change: any variable or only nodes.",
)
@click.option(
    "--max-processes",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Largest number of trainer ranks in a worker group.",
)
@click.option(
    "--processes",
    type=Integers(),
    help="Choices of n, such as 1,2,4.  [default: the problem's that fit into a group]",
)
@click.option(
    "--fix",
    "fixed",
    multiple=True,
    metavar="NAME=VALUE",
    help="Do not tune this hyperparameter; may be given several times.",
)
@click.option("--seed", type=int, default=42, show_default=True, help="Of every random draw.")
@click.option(
    "--resume", "resume_", is_flag=True, help="Go on if the run directory holds a search."
)
def search(resume_: bool, fixed: tuple[str, ...], **options: Any) -> int:
    """Search architecture and training hyperparameters for DATA.h5 together.

    Run it alone, or with several ranks: mpirun -n N python -m agebo_hpc search ...
    """
    from pathlib import Path

    from agebo_hpc.execution.lead import Life
    from agebo_hpc.execution.request import SearchRequest
    from agebo_hpc.execution.session import run_search

    out = Path(options["out"])
    if resume_ and (out / "config.toml").is_file():
        return _resume(str(out), {name: options[name] for name in LIFE_FIELDS})
    given = {name: value for name, value in options.items() if value is not None}
    request = SearchRequest(data=given.pop("data", None), fixed=_parse_fixed(fixed), **given)
    return run_search(Life(request))


@click.command()
@click.argument("run", type=click.Path())
@life_options
def resume(run: str, **options: Any) -> int:
    """Go on with the search in the run directory RUN."""
    return _resume(run, options)


LIFE_FIELDS = ("executor", "max_evals", "walltime", "threads_per_slot", "eval_timeout")


def _resume(run: str, changes: dict[str, Any]) -> int:
    from agebo_hpc.execution.lead import Life
    from agebo_hpc.execution.session import resume_request, run_search
    from agebo_hpc.storage.run_directory import RunDirectory

    directory = RunDirectory.open(run)
    return run_search(Life(resume_request(directory, changes), directory))


def _parse_fixed(pairs: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--fix is {pair!r}; write NAME=VALUE, such as batch_size=256.")
        values[name] = _number(text)
    return values


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
