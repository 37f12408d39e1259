"""Options on the command line: made from their records, shown in groups, the usual ones first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import click

from agebo_hpc.errors import UsageError
from agebo_hpc.run.notation import read_integers, read_seconds, read_settings
from agebo_hpc.run.option import Option, OptionGroup

Command = Callable[..., Any]

OTHER = "Other"
"""Heading of options that say what no group is for."""


class Duration(click.ParamType[float]):
    """Seconds, from 90, 90s, 15m, 3h, 1h30m or HH:MM:SS."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        try:
            return read_seconds(value)
        except ValueError as error:
            self.fail(str(error))


class Integers(click.ParamType[tuple[int, ...]]):
    """Integers separated by commas."""

    name = "integers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return read_integers(value)
        except ValueError as error:
            self.fail(str(error))


class Costs(click.ParamType[tuple[float, float]]):
    """Two numbers separated by a comma."""

    name = "costs"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            false, missed = (float(word) for word in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers with a comma between, as in 1,20.")
        return false, missed


class _OfRecord(click.ParamType[Any]):
    """What a record allows."""

    def __init__(self, record: Option) -> None:
        self.record = record
        self.name = record.kind.__name__

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self.record.read(value)
        except UsageError as error:
            raise click.UsageError(str(error), ctx) from None


class GroupedOption(click.Option):
    """An option that the help shows under a heading.

    Parameters
    ----------
    group
        Heading under which help lists the option.
    usual
        Whether the short help shows it.
    """

    def __init__(self, *args: Any, group: str = OTHER, usual: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.usual = usual


class RecordOption(GroupedOption):
    """An option of the command line that a record describes."""

    def __init__(self, names: Sequence[str], record: Option, **kwargs: Any) -> None:
        self.record = record
        if record.kind is bool:
            kwargs["is_flag"] = True
        elif record.kind is dict:
            kwargs |= {"multiple": True, "callback": _settings}
        else:
            kwargs["type"] = _OfRecord(record)
        group, usual = record.group.value, record.usual
        super().__init__(names, group=group, usual=usual, help=record.help, **kwargs)

    def make_metavar(self, *args: Any, **kwargs: Any) -> str:
        shown = self.record.shown_type
        return f"[{shown}]" if self.record.choices else shown

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        found = super().get_help_record(ctx)
        if found is None or self.record.kind is bool:
            return found
        remarks = [self.record.bounds] if self.record.bounds else []
        if self.required:
            remarks.append("required")
        elif self.record.shown_default:
            remarks.append(f"default: {self.record.shown_default}")
        return found[0], f"{self.record.help}  [{'; '.join(remarks)}]"


def _settings(ctx: click.Context, param: click.Parameter, value: Iterable[str]) -> dict[str, Any]:
    try:
        return read_settings(value)
    except UsageError as error:
        raise click.UsageError(str(error), ctx) from None


class GroupedCommand(click.Command):
    """A command whose ``--help`` shows the usual options in groups, ``--help-all`` all of them."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        if all(each.usual for each in self._grouped()):
            return params
        return [*params, _help_all()]

    def _grouped(self) -> list[GroupedOption]:
        return [each for each in self.params if isinstance(each, GroupedOption)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shows_all = bool(ctx.meta.get("help_all"))
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Argument):
                continue
            if isinstance(param, GroupedOption) and not (param.usual or shows_all):
                continue
            record = param.get_help_record(ctx)
            if record is not None:
                heading = param.group if isinstance(param, GroupedOption) else OTHER
                sections.setdefault(heading, []).append(record)
        for heading in sorted(sections, key=_place):
            with formatter.section(heading):
                formatter.write_dl(sections[heading])


def _place(heading: str) -> int:
    """Return where a heading stands: those of the command alone come first."""
    known = [*(group.value for group in OptionGroup), OTHER]
    return known.index(heading) if heading in known else -1


def _help_all() -> click.Option:
    return click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_all,
        help="Show all options and exit.",
    )


def _show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta["help_all"] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def record_options(
    records: Iterable[Option], required: Collection[str] = (), hidden: Collection[str] = ()
) -> Command:
    """Return a decorator that adds an option for each record.

    Parameters
    ----------
    records
        Records in the order of the help.
    required, hidden
        Names of those that must be given, and of those that the help leaves out.
    """

    def add(command: Command) -> Command:
        for each in reversed(list(records)):
            command = click.option(
                f"{each.spelling}/{each.off}" if each.off else each.spelling,
                each.name,
                cls=RecordOption,
                record=each,
                required=each.name in required,
                hidden=each.name in hidden,
            )(command)
        return command

    return add


def grouped(*args: Any, group: str = OTHER, usual: bool = True, **kwargs: Any) -> Command:
    """Return a decorator that adds an option without a record, under a heading of the help."""
    return click.option(*args, cls=GroupedOption, group=group, usual=usual, **kwargs)


def with_options(command: Command, options: Sequence[Command]) -> Command:
    """Add options to a command, to be shown in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those options that stand on the command line."""
    ctx = click.get_current_context()
    return {
        name: value
        for name, value in options.items()
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
