"""`search` and `resume`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import click

from agebo_hpc.cli.recipe_options import data_parallel_option, recipe_options, with_options
from agebo_hpc.errors import UsageError

UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


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
        parts = re.findall(r"(\d+(?:\.\d+)?)(min|ms|[smhd]|)", value)
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


def _show_ranks(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Let the search say where its ranks are; it says nothing of the search itself."""
    if value:
        os.environ["AGEBO_SHOW_RANKS"] = "1"


def life_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that each life of a search may set anew."""
    options = [
        click.option(
            "--executor",
            type=click.Choice(["auto", "serial", "mpi", "steps", "simulated"]),
            help="Where evaluations run. auto: mpi when a launcher started the process, else "
            "serial. steps: each evaluation in a job step of its own, by mpirun or srun. "
            "simulated: on a virtual clock, with --simulate and --groups.  "
            "[default: auto]",
        ),
        click.option(
            "--max-evals",
            type=click.IntRange(min=1),
            help="The search is complete with so many evaluations, counted over all its lives.",
        ),
        click.option(
            "--max-time",
            type=Duration(),
            help="The search is complete after so much search time, such as 12h, counted over all "
            "its lives.",
        ),
        click.option(
            "--walltime",
            type=Duration(),
            help="Length of this life, such as 90s, 15m, 3h or 03:00:00, from when all ranks are "
            "there; evaluations that would not end in time are not started. With --max-evals or "
            "--max-time missing then, the code is 75, to be resumed; without both, the search is "
            "complete. In a batch job its end counts as well.",
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
        click.option(
            "--isolation",
            type=click.Choice(["rank", "child"]),
            help="rank: the rank itself trains; child: each evaluation in a child process, so "
            "that a crash or the out-of-memory killer costs one evaluation.  [default: rank]",
        ),
        data_parallel_option,
        click.option(
            "--show-ranks",
            is_flag=True,
            expose_value=False,
            callback=_show_ranks,
            help="Print and log one line for each rank: host, group, cores, devices.",
        ),
        click.option(
            "--heartbeat-timeout",
            type=Duration(),
            help="A rank that gives no sign of life for so long counts as dead; 0: never.  "
            "[default: 60s]",
        ),
        click.option(
            "--max-memory",
            type=click.FloatRange(min=0, min_open=True),
            help="GiB of memory of its own that a trainer process may have. Once one has more, "
            "no evaluation starts any more; those that run end, and the search returns 75 to be "
            "resumed with fresh processes.  [default: 0.8 of the node's memory / its trainer "
            "ranks, and twice what it had at first]",
        ),
    ]
    return with_options(command, options)


def force_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that lets a later life differ from the earlier ones."""
    option = click.option(
        "--force",
        is_flag=True,
        help="Resume although options or data have changed; the log says which.",
    )
    return option(trust_option(command))


def trust_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that lets another user's code run."""
    option = click.option(
        "--trust",
        is_flag=True,
        help="Resume although the run directory or its problem file, which is run, belongs to "
        "another user.",
    )
    return option(command)


def simulation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of made-up trainings and of the simulated executor."""
    options = [
        click.option(
            "--simulate",
            metavar="NAME:KEY=VALUE,...",
            help="Train nothing: made-up trainings, such as lognormal:mean=60,sigma=0.5, or "
            "tabulated ones: fcnet:FILE:DATASET, lcbench:DIR:DATASET or recorded:FILE. With "
            "--executor simulated a virtual clock runs; with real ranks they sleep.",
        ),
        click.option(
            "--groups",
            type=click.IntRange(min=1),
            help="Worker groups of the simulated executor.",
        ),
        click.option(
            "--slots-per-group",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Trainer ranks in each simulated group.",
        ),
        click.option(
            "--message-latency",
            type=Duration(),
            help="Of a simulated message, one way.  [default: 0.5ms]",
        ),
        click.option(
            "--manager-charge",
            type=click.FloatRange(min=0),
            default=1.0,
            show_default=True,
            help="Virtual seconds for each second in which the manager works; 0 makes a "
            "simulation repeatable.",
        ),
        click.option(
            "--rank-lifetime",
            type=Duration(),
            help="Mean time after which a simulated rank dies, such as 100h.  [default: never]",
        ),
    ]
    return with_options(command, options)


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
@click.option(
    "--preset",
    default="v1",
    show_default=True,
    help="Named problem: v1, v1-small, tabular, combo-like or attn-like.",
)
@click.option("--problem", metavar="FILE.py:NAME", help="A problem of your own, in Python.")
@life_options
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Epochs of a training.  [default: the preset's, 20 in v1]",
)
@click.option(
    "--warmup-epochs",
    type=click.IntRange(min=0),
    help="Epochs of learning rate warm-up; a cosine schedule warms up in a twentieth of its steps "
    "instead.  [default: the preset's, fewer in short trainings]",
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
@recipe_options
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
@click.option(
    "--initial-points",
    type=click.IntRange(min=1),
    help="Random hyperparameters before the optimizer is asked.  [default: as many evaluations as "
    "run at once, 5 at least]",
)
@click.option("--trees", type=int, default=10, show_default=True, help="Of the random forest.")
@click.option(
    "--surrogate",
    type=click.Choice(["forest", "scikit-optimize"]),
    default="forest",
    show_default=True,
    help="The random forest of the optimizer: a fast one, or scikit-optimize's.",
)
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
    "--span-nodes",
    is_flag=True,
    help="Join nodes that have fewer ranks than --max-processes into one worker group: an "
    "evaluation may then have ranks on several nodes.",
)
@click.option(
    "--processes",
    type=Integers(),
    help="Choices of n, such as 1,2,4.  [default: the problem's that fit into a group]",
)
@click.option(
    "--allocation",
    type=click.Choice(["packed", "exclusive"]),
    default="packed",
    show_default=True,
    help="packed: evaluations share a worker group; exclusive: each has one for itself.",
)
@click.option(
    "--ahead",
    type=click.IntRange(min=0),
    help="Proposals kept ready for slots that become free.  [default: an eighth of the "
    "evaluations that run at once; 0 with one slot]",
)
@click.option(
    "--synchronous",
    is_flag=True,
    help="Propose a batch, wait for all of it, propose the next: slots stand idle meanwhile.",
)
@click.option(
    "--fix",
    "fixed",
    multiple=True,
    metavar="NAME=VALUE",
    help="Do not tune this hyperparameter; may be given several times.",
)
@click.option("--seed", type=int, default=42, show_default=True, help="Of every random draw.")
@simulation_options
@click.option(
    "--resume", "resume_", is_flag=True, help="Go on if the run directory holds a search."
)
@force_option
def search(resume_: bool, force: bool, trust: bool, fixed: tuple[str, ...], **options: Any) -> int:
    """Search architecture and training hyperparameters for DATA.h5 together.

    Run it alone, or with several ranks: mpirun -n N python -m agebo_hpc search ...
    """
    from pathlib import Path

    from agebo_hpc.execution.life import Life
    from agebo_hpc.execution.request import SearchRequest
    from agebo_hpc.execution.session import run_search
    from agebo_hpc.storage.run_directory import holds_search

    out = Path(options["out"])
    if resume_ and holds_search(out):
        asked = {name: value for name, value in options.items() if _was_given(name)}
        if fixed:
            asked["fixed"] = parse_fixed(fixed)
        return _resume(str(out), asked, force, trust)
    given = {name: value for name, value in options.items() if value is not None}
    request = SearchRequest(data=given.pop("data", None), fixed=parse_fixed(fixed), **given)
    return run_search(Life(request))


@click.command()
@click.argument("run", type=click.Path())
@click.option(
    "--data", type=click.Path(), metavar="DATA.h5", help="Where the data set lies now, if moved."
)
@life_options
@force_option
def resume(run: str, force: bool, trust: bool, **options: Any) -> int:
    """Go on with the search in the run directory RUN."""
    return _resume(run, options, force, trust)


def _was_given(name: str) -> bool:
    """Tell whether an option stands on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _resume(run: str, given: dict[str, Any], force: bool, trust: bool) -> int:
    from agebo_hpc.execution.life import Life
    from agebo_hpc.execution.resumption import LIMITS, resume_request
    from agebo_hpc.execution.session import run_search
    from agebo_hpc.storage.run_directory import RunDirectory

    directory = RunDirectory.open(run)
    has_new_limit = any(given.get(name) is not None for name in LIMITS)
    request = resume_request(directory, given, force)
    return run_search(Life(request, directory, force, has_new_limit, trust))


def parse_fixed(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read hyperparameters that are not tuned from texts NAME=VALUE."""
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
