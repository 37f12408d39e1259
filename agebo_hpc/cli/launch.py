"""`script`, `submit` and `sites`: batch jobs for a machine."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from agebo_hpc.cli.options import GroupedCommand, grouped, with_options
from agebo_hpc.errors import UsageError
from agebo_hpc.files import write_file, writing

JOB, MACHINE, SEARCH = "Job", "Machine", "Search"
"""Headings of the help."""


_POSITIVE = click.IntRange(min=1)
_of_job = partial(grouped, group=JOB)
_of_machine = partial(grouped, group=MACHINE)
_of_search = partial(grouped, group=SEARCH)

JOB_OPTIONS = (
    click.argument("search", nargs=-1, type=click.UNPROCESSED, metavar="DATA.h5 [OPTIONS]..."),
    _of_job("--site", required=True, help="Name of a site, or a TOML file of your own."),
    _of_job("--nodes", type=_POSITIVE, default=1, show_default=True, help="Nodes of the job."),
    _of_job(
        "--walltime",
        required=True,
        help="Length of the job, such as 3h, 30m, 03:00:00, or as the site's scheduler reads it: "
        "90, 90:00, 1-12 or 1-12:00:00 for Slurm.",
    ),
    _of_job(
        "--run",
        "run_",
        type=click.Path(),
        default="runs/agebo",
        show_default=True,
        help="Run directory; a search that is in it goes on.",
    ),
    _of_job("--name", default="agebo", show_default=True, help="Name of the job."),
    _of_job("--account", default="", help="Account that pays for the job.  [default: none]"),
    _of_job(
        "--queue",
        default="",
        help="Queue or partition; its limits are asked before a job is sent.  [default: none]",
    ),
    _of_machine(
        "--memory",
        help="Memory of a node that the job asks for, such as 64G."
        "  [default: what the site gives]",
    ),
    _of_machine("--launcher", help="In place of the site's: srun, mpirun, hydra, …", usual=False),
    _of_machine("--cores-per-node", type=_POSITIVE, help="In place of the site's.", usual=False),
    _of_machine(
        "--gpus-per-node", type=click.IntRange(min=0), help="In place of the site's.", usual=False
    ),
    _of_machine(
        "--slots-per-node",
        "slots",
        type=_POSITIVE,
        help="Trainer ranks of a node."
        "  [default: one for each GPU, else 8, or as many as there are cores]",
    ),
    _of_machine(
        "--threads-per-slot",
        "threads",
        type=_POSITIVE,
        help="Cores of a trainer rank.  [default: cores of a node / slots]",
        usual=False,
    ),
    _of_search(
        "--max-processes",
        type=_POSITIVE,
        help="Largest worker group.  [default: the slots]",
        usual=False,
    ),
    _of_search(
        "--executor",
        type=click.Choice(["mpi", "steps"]),
        default="mpi",
        show_default=True,
        help="Ranks that live on, or a job step for each evaluation.",
    ),
    _of_job(
        "--continue",
        "continuation",
        type=click.Choice(["requeue", "chain", "none"]),
        help="What follows a job that stopped early.  [default: requeue on Slurm, else none]",
    ),
    _of_machine(
        "--activate",
        default="",
        help="File to source for the environment.  [default: make .venv in the checkout]",
        usual=False,
    ),
    _of_job(
        "--directive",
        "directives",
        multiple=True,
        help="Further words for the scheduler, "
        "such as '--constraint=knl'; may be given several times.",
        usual=False,
    ),
    _of_search(
        "--eval-minutes",
        type=click.FloatRange(min=0, min_open=True),
        help="Minutes of an evaluation by one process, for the estimate of evaluations.  "
        "[default: measured in the run directory, else estimated for the data set]",
        usual=False,
    ),
    _of_search(
        "--data-elsewhere",
        "elsewhere",
        is_flag=True,
        help="DATA.h5 and problem file are on another machine: options alone are checked.",
        usual=False,
    ),
)
"""What says which job is wanted, in the order of the help."""


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what job is wanted."""
    return with_options(command, JOB_OPTIONS)


def _made(
    site: str,
    run_: str,
    launcher: str | None,
    cores_per_node: int | None,
    gpus_per_node: int | None,
    eval_minutes: float | None,
    walltime: str,
    memory: str | None,
    elsewhere: bool,
    activate: str,
    search: tuple[str, ...],
    **job: Any,
) -> tuple[Any, str, Any]:
    """Return the site, the script and the job, all of it checked."""
    from agebo_hpc.launch import script as script_module
    from agebo_hpc.launch.walltime import read_memory, read_walltime, walltime_note

    record = _site(site, launcher, cores_per_node, gpus_per_node)
    seconds = read_walltime(walltime, record.scheduler)
    package = Path(script_module.__file__).parents[1]
    has_checkout = (package.parent / "Makefile").is_file()
    words = [_whole_path(word) for word in search]
    asked = script_module.BatchJob(
        run=str(Path(run_).resolve()),
        home=str(package.parent) if has_checkout else "",
        library=str(package / "launch" / "job.sh"),
        activate=_activate(activate, has_checkout),
        search=tuple(words),
        walltime=seconds,
        memory_gib=None if memory is None else read_memory(memory),
        **job,
    )
    # What is wrong with the job itself is told before the search is looked at.
    layout = script_module.job_layout(record, asked)
    asked = _with_search(asked, layout, eval_minutes, elsewhere)
    text = script_module.script_text(record, asked)
    note = walltime_note(walltime, record.scheduler)
    if note:
        click.echo(note, err=True)
    return record, text, asked


def _site(name: str, launcher: str | None, cores: int | None, gpus: int | None) -> Any:
    """Return a site's record with what is given in place of its own."""
    from agebo_hpc.launch.site import load_site

    record = load_site(name)
    changes = {"launcher": launcher, "cores": cores, "gpus": gpus}
    given: dict[str, Any] = {name: v for name, v in changes.items() if v is not None}
    if "cores" in given or "gpus" in given:
        given["is_generic"] = False
    if "gpus" in given:
        # Of the site's order what is left with fewer devices; of more there is none.
        order = tuple(device for device in record.device_order if device < given["gpus"])
        given["device_order"] = order if len(order) == given["gpus"] else ()
    return replace(record, **given)


def _activate(given: str, has_checkout: bool) -> str:
    """Return the file to source; without a checkout that of the environment of this program."""
    if given:
        return str(Path(given).resolve())
    return "" if has_checkout else str(Path(sys.executable).parent / "activate")


def _with_search(job: Any, layout: Any, minutes: float | None, elsewhere: bool) -> Any:
    """Return the job with what its search and its data tell; the search is checked for that."""
    from agebo_hpc.cli.launch_search import check_search
    from agebo_hpc.launch.evaluation_time import EvaluationTime, estimated, measured

    run = Path(job.run)
    out = next((word for word in job.search if word.split("=")[0] == "--out"), None)
    if out is not None:
        raise UsageError(f"{out} is given; a job's run directory is named by --run.")
    time = None if minutes is None else EvaluationTime(60 * minutes)
    size = None
    if job.search:
        checked = check_search(job.search, run, layout.max_processes, elsewhere)
        if checked.data is not None:
            size = checked.data.stat().st_size
        time = time or measured(run)
        if time is None and checked.problem is not None:
            time = estimated(checked.request, checked.problem, layout.threads)
    return replace(job, evaluation=time or job.evaluation, data_bytes=size)


def _whole_path(word: str) -> str:
    """Return a file's path, also that of FILE.py:NAME, so that it is found from anywhere."""
    if word.startswith("--") and "=" in word:
        option, value = word.split("=", 1)
        return f"{option}={_whole_path(value)}"
    path, colon, name = word.rpartition(":") if ".py:" in word else (word, "", "")
    if word.startswith("-") or not os.path.exists(path):
        return word
    return f"{Path(path).resolve()}{colon}{name}"


@click.command(cls=GroupedCommand, context_settings={"ignore_unknown_options": True})
@job_options
def script(**options: Any) -> None:
    """Print the batch script that searches on a site.

    DATA.h5 and what follows goes to `agebo-hpc search`; nothing: the demonstration's search.
    """
    click.echo(_made(**options)[1], nl=False)


@click.command(cls=GroupedCommand, context_settings={"ignore_unknown_options": True})
@grouped(
    "--dry-run", is_flag=True, help="Print the script and the commands; send nothing.", group=JOB
)
@grouped(
    "--chain",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Submit so many jobs, each of which goes on where the one before stopped early.",
    group=JOB,
)
@job_options
def submit(dry_run: bool, chain: int, **options: Any) -> int:
    """Write the batch script beside the run directory and send it.

    Prints the number of each job.
    """
    from agebo_hpc.launch.queue_limits import check_queue, queue_of
    from agebo_hpc.launch.submission import run_here, submit_words
    from agebo_hpc.launch.submission import submit as send

    if chain > 1:
        if options["continuation"] not in (None, "chain"):
            asked = options["continuation"]
            raise UsageError(f"--chain is {chain} but --continue is {asked}; leave one out.")
        options["continuation"] = "chain"
    site, text, job = _made(**options)
    if chain > 1 and site.scheduler == "none":
        raise UsageError(f"--chain is {chain} but {site.name} has no batch system; leave it out.")
    path = Path(f"{job.run}.{site.name}.sh")
    if not dry_run:
        queue = queue_of(job.queue, (*site.directives, *job.directives))
        check_queue(site.scheduler, queue, job.walltime, job.nodes)
    if dry_run:
        click.echo(text, nl=False)
        for number in range(chain):
            words = submit_words(site.scheduler, str(path), f"JOB{number}" if number else None)
            click.echo(f"# {shlex.join(words)}")
        return 0
    with writing("--run", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
        path.chmod(0o755)
    if site.scheduler == "none":
        return run_here(path)
    for job_number in send(site.scheduler, path, chain):
        click.echo(job_number)
    return 0


@click.group()
def sites() -> None:
    """List and show the machines that scripts can be made for."""


@sites.command("list")
def list_sites() -> None:
    """List the built-in sites."""
    from agebo_hpc.launch.site import load_site, site_names

    for name in site_names():
        click.echo(f"{name:<12}{load_site(name).description}")


@sites.command("show")
@click.argument("name")
@click.option("--shell", is_flag=True, help="As the site file that batch scripts read.")
def show_site(name: str, shell: bool) -> None:
    """Print a site's record: a built-in one, or a TOML file after a check."""
    from agebo_hpc.launch.site import load_site

    site = load_site(name)
    if shell:
        click.echo("# shellcheck shell=bash\n" + site.shell_text(), nl=False)
        return
    import tomli_w

    record = {key: value for key, value in vars(site).items() if value not in ((), "", 0)}
    click.echo(tomli_w.dumps(record), nl=False)
