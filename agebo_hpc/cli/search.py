"""`search` and `resume`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from agebo_hpc.cli.options import GroupedCommand, given, grouped, record_options
from agebo_hpc.errors import UsageError
from agebo_hpc.reporter import on_standard_error
from agebo_hpc.run.changes import read_changes
from agebo_hpc.run.option import OnResume
from agebo_hpc.run.options import OPTIONS, START_OPTIONS, names_of

OF_SEARCH = [record for name, record in OPTIONS.items() if name != "data"]
SHOWN = OPTIONS["data"], *(START_OPTIONS[name] for name in ("force", "trust"))
OF_RESUME = [
    replace(record, default=None, unset="as before", usual=record.usual or record in SHOWN)
    for record in (*OPTIONS.values(), *START_OPTIONS.values())
    if record.name not in ("out", "resume")
]
"""What is not given stays as it was. What cannot change is known too, to be refused by name."""


class _SearchCommand(GroupedCommand):
    """The command `search`, whose help also says what the presets search."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from agebo_hpc.space.problem import DEFAULT, PRESETS, preset
        from agebo_hpc.space.ranges import ABOUT, ranges

        shown = list(PRESETS) if ctx.meta.get("help_all") else [DEFAULT]
        for name in shown:
            with formatter.section(f"--preset {name}"):
                formatter.write_text(ABOUT.get(name, "A preset of this program's own."))
                formatter.write_dl(ranges(preset(name)))


@click.command(cls=_SearchCommand)
@click.argument("data", required=False, type=click.Path(), metavar="[DATA.h5]")
@record_options([*OF_SEARCH, *START_OPTIONS.values()], required=["out"])
def search(data: str | None, resume: bool, force: bool, trust: bool, **options: Any) -> int:
    """Search architecture and training hyperparameters for DATA.h5 together.

    Run it alone, or with several ranks: mpirun -n N python -m agebo_hpc search ...
    """
    from agebo_hpc.run.compose import run_search
    from agebo_hpc.run.request import SearchRequest
    from agebo_hpc.run.session import Session
    from agebo_hpc.storage.run_directory import holds_search

    asked = given({"data": data, **options})
    if resume and holds_search(Path(asked["out"])):
        return _resume(asked.pop("out"), asked, force, trust)
    return run_search(Session(SearchRequest(**{"data": None, **asked}), on_standard_error()))


@click.command(cls=GroupedCommand)
@click.argument("run", type=click.Path())
@grouped(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    group="Change",
    help="Set an option of the search from here on; may be given several times. NAME is one of "
    + ", ".join(names_of(OnResume.GOAL, OnResume.FORCE))
    + ", or of those of one start, below. Nothing else can change.",
)
@record_options(OF_RESUME, hidden=names_of(OnResume.NEVER))
def resume(run: str, settings: tuple[str, ...], force: bool, trust: bool, **options: Any) -> int:
    """Go on with the search in the run directory RUN.

    What is not given stays as it was: `resume RUN --set epochs=30` changes an option.
    """
    asked, changed = given(options), read_changes(settings)
    twice = sorted(set(asked) & set(changed))
    if twice:
        record = OPTIONS[twice[0]]
        raise UsageError(f"--set {record.name} and {record.spelling} are both given; give one.")
    return _resume(run, {**asked, **changed}, force, trust, changed)


def _resume(
    run: str,
    asked: dict[str, Any],
    force: bool,
    trust: bool,
    changed: Collection[str] = (),
) -> int:
    from agebo_hpc.run.compose import run_search
    from agebo_hpc.run.resumption import LIMITS, resume_request
    from agebo_hpc.run.session import Session
    from agebo_hpc.storage.run_directory import RunDirectory

    directory = RunDirectory.open(run)
    has_new_limit = any(asked.get(name) is not None for name in LIMITS)
    request = resume_request(directory, asked, force, changed)
    reporter = on_standard_error()
    return run_search(Session(request, reporter, directory, force, has_new_limit, trust))
