"""`agebo-hpc experiment`: a comparison of the papers, from the searches to the summary."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agebo_hpc.cli.options import GroupedCommand, given, grouped, record_options
from agebo_hpc.errors import EXIT_AGAIN, EXIT_COMPLETE, UsageError
from agebo_hpc.experiments.shared_options import OF_THE_PAPERS, OWN_SETTINGS, PASSED_ON
from agebo_hpc.run.option import Option, OptionGroup
from agebo_hpc.run.options import OPTIONS

if TYPE_CHECKING:
    import pandas as pd

    from agebo_hpc.experiments.backing import Backing
    from agebo_hpc.experiments.settings import Settings

HOURS = 3 * 3600.0
"""Length of a search in seconds, as in the papers."""
EPOCHS_OF_TABLES = 10
"""A search that is at its end cuts what runs at the end of an epoch."""


@dataclass(frozen=True)
class Usual:
    """What options are where they are not given, for tables and for data sets."""

    executor: str
    workers: int
    max_processes: int
    allocation: str
    jobs: int
    epochs: int | None


OWN: dict[str, dict[str, Any]] = {
    "walltime": {"help": "Time of each search.", "unset": "3h for tables", "usual": True},
    "max_evals": {"help": "Evaluations of each search.", "unset": "any", "usual": True},
    "epochs": {
        "unset": f"{EPOCHS_OF_TABLES} for tables without epochs of their own, else the preset's "
        "or the table's"
    },
    "executor": {
        "help": "Where searches run. auto: simulated for tables; serial with one worker of one "
        "slot, else mpi.",
    },
    "max_processes": {
        "help": "Slots of each worker, the largest n; methods with a larger one are left out.",
        "default": None,
        "unset": "8 for tables, else 1",
    },
    "allocation": {
        "help": "exclusive: a worker trains one network at a time; packed: as many as its slots "
        "hold.",
        "default": None,
        "unset": "exclusive for tables, else packed",
    },
    "metric": {"usual": False},
    "threads_per_slot": {"usual": False},
    "data_parallel": {"default": None, "unset": "auto"},
    "preset": {"help": "Spaces, where a table has none.", "default": "v1", "unset": ""},
    "fixed": {"help": "Let no method tune this hyperparameter; may be given several times."},
}
"""What is otherwise than in a search."""

EXPERIMENT = "Experiment"


def _records() -> list[Option]:
    """Return the options that an experiment shares with a search, as they are here."""
    fixed = {name: {"default": value, "unset": ""} for name, value in OF_THE_PAPERS.items()}
    own = {**OWN, **fixed}
    return [replace(OPTIONS[name], **own.get(name, {})) for name in (*OWN_SETTINGS, *PASSED_ON)]


@click.command(cls=GroupedCommand)
@click.argument("name", required=False)
@grouped(
    "--list",
    "is_list",
    is_flag=True,
    group=EXPERIMENT,
    help="List the experiments and what they show.",
)
@grouped(
    "--out",
    type=click.Path(path_type=Path),
    group=EXPERIMENT,
    help="Directory of searches and results. Experiments in one directory share their searches.",
)
@grouped(
    "--backing",
    "backings",
    multiple=True,
    metavar="DATA.h5|fcnet:FILE[:DATASET]|lcbench:DIR[:DATASET]|recorded:FILE",
    group=EXPERIMENT,
    help="What is trained: a prepared data set for real, or a table of trainings (as for "
    "`search --simulate`; without a data set all of the table). May be given several times.",
)
@grouped(
    "--seeds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    group=EXPERIMENT,
    help="Searches of each method on each problem; seeds 1 to this.",
)
@grouped(
    "--methods",
    metavar="NAME,NAME,...",
    group=EXPERIMENT,
    help="Run these methods in place of the experiment's.  [default: the experiment's]",
)
@grouped(
    "--workers",
    type=click.IntRange(min=1),
    group=OptionGroup.SCHEDULING.value,
    help="Worker groups of a search.  [default: 128 for tables, else 1]",
)
@grouped(
    "--jobs",
    type=click.IntRange(min=1),
    group=OptionGroup.SCHEDULING.value,
    help="Searches at the same time.  [default: the cores for tables, else 1]",
)
@grouped(
    "--launch",
    default="mpirun -n {ranks}",
    show_default=True,
    group=OptionGroup.MACHINE.value,
    usual=False,
    help="What starts the ranks of a search with --executor mpi.",
)
@grouped(
    "--dry-run",
    is_flag=True,
    group=EXPERIMENT,
    help="Print the command of each search; run nothing.",
)
@record_options(_records())
def experiment(
    name: str | None, is_list: bool, out: Path | None, dry_run: bool, **options: Any
) -> int:
    """Repeat the papers' comparison NAME: run its searches, write its table and figures.

    Options of a search hold for all methods but those that set them otherwise themselves. A
    killed experiment goes on by the same command; complete searches are skipped.
    """
    from agebo_hpc.experiments.catalog import EXPERIMENTS, find_experiment
    from agebo_hpc.experiments.conduct import Conduct

    asked = given(options)
    options |= {record.name: asked.get(record.name, record.default) for record in _records()}

    if is_list:
        for each in EXPERIMENTS.values():
            methods = ", ".join(variant.name for variant in each.variants).format(n="n")
            click.echo(f"{each.name:<22}{each.title}: {each.shows}\n{'':<22}{methods}")
        return EXIT_COMPLETE
    if name is None or out is None or not options["backings"]:
        raise UsageError(
            "experiment needs a NAME, --out DIR and --backing, such as `experiment mixed --out "
            "DIR --backing fcnet:fcnet.parquet`; `experiment --list` shows the names."
        )
    chosen = find_experiment(name)
    if options["methods"]:
        chosen = chosen.with_methods([text.strip() for text in options["methods"].split(",")])
    backings = _backings(options["backings"], options["preset"])
    usual = _usual(backings, options)
    conduct = Conduct(
        chosen,
        backings,
        _settings(usual, options, asked),
        range(1, options["seeds"] + 1),
        out,
    )
    planned = conduct.planned
    extra = conduct.extra_jobs(planned)
    if dry_run:
        for job in [*planned, *extra]:
            click.echo(shlex.join(job.command))
        return EXIT_COMPLETE
    code = conduct.run(options["jobs"] or usual.jobs, lambda line: click.echo(line, err=True))
    if code == EXIT_AGAIN:
        click.echo("stopped; the same command goes on", err=True)
        return code
    results, files = conduct.show()
    _print_findings(results.findings)
    for remark in results.shown.remarks:
        click.echo(remark)
    click.echo(f"summary: {files[0]}, with {len(files) - 1} tables and figures beside it")
    return code


def _backings(texts: tuple[str, ...], preset: str) -> list[Backing]:
    from agebo_hpc.experiments.backing import parse_backings

    return [backing for text in texts for backing in parse_backings(text, preset)]


def _usual(backings: list[Backing], options: dict[str, Any]) -> Usual:
    epochs = _usual_epochs(backings)
    if backings[0].simulate is not None and options["executor"] in ("auto", "simulated"):
        return Usual("simulated", 128, 8, "exclusive", len(os.sched_getaffinity(0)), epochs)
    is_alone = (options["workers"] or 1) * (options["max_processes"] or 1) == 1
    return Usual("serial" if is_alone else "mpi", 1, 1, "packed", 1, epochs)


def _usual_epochs(backings: list[Backing]) -> int | None:
    """Return the epochs of a training where none are given; None: those of preset or table."""
    from agebo_hpc.simulation.registry import num_epochs_of, parse_simulation

    tables = [parse_simulation(b.simulate) for b in backings if b.simulate is not None]
    has_own = any(num_epochs_of(table) is not None for table in tables)
    return EPOCHS_OF_TABLES if tables and not has_own else None


def _settings(usual: Usual, options: dict[str, Any], asked: dict[str, Any]) -> Settings:
    from agebo_hpc.experiments.settings import Settings

    has_end = options["walltime"] is not None or options["max_evals"] is not None
    executor = usual.executor if options["executor"] == "auto" else options["executor"]
    shared = {name: options[name] for name in OWN_SETTINGS if name != "preset"}
    chosen = {
        "executor": executor,
        "workers": options["workers"] or usual.workers,
        "max_processes": options["max_processes"] or usual.max_processes,
        "allocation": options["allocation"] or usual.allocation,
        "walltime": HOURS if executor == "simulated" and not has_end else options["walltime"],
        "epochs": options["epochs"] or usual.epochs,
        "launch": options["launch"],
    }
    passed_on = {name: asked[name] for name in PASSED_ON if name in asked}
    return Settings(**{**shared, **chosen}, options=passed_on)


def _print_findings(findings: pd.DataFrame) -> None:
    from agebo_hpc.experiments.summary import number

    for row in findings.itertuples(index=False):
        click.echo(
            f"{row.verdict:>22}  {row.finding} ({row.problem}): {row.method} "
            f"{number(row.median)}, {row.other} {number(row.other_median)}, p = {number(row.p)}"
        )
