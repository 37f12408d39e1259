"""The command group. Each command's module is imported only when that command runs."""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from agebo_hpc import __version__

COMMANDS = {
    "data": ("data", "Prepare, fetch and describe data sets."),
    "search": ("search", "Search architecture and training hyperparameters together."),
    "resume": ("search", "Go on with a search from its run directory."),
    "status": ("history", "Show how a search stands; works while it runs."),
    "history": ("history", "Write one row per evaluation as CSV."),
    "replay": ("replay", "Check that what a search decided follows from what it saw."),
    "analyze": ("analyze", "Draw the trajectory of one or more runs and list the best."),
    "experiment": ("experiment", "Repeat a comparison of the papers: searches, table, figures."),
    "retrain": ("retrain", "Train a found configuration again and save the model."),
    "ensemble": ("retrain", "Train several found configurations and save their ensemble."),
    "evaluate": ("model", "Score a model on a prepared data set."),
    "predict": ("model", "Predict the rows of a CSV file with a model."),
    "export": ("model", "Write a model as Keras, SavedModel or ONNX."),
    "script": ("launch", "Print the batch script that searches on a site."),
    "submit": ("launch", "Send it to the batch system."),
    "sites": ("launch", "List and show the machines that scripts can be made for."),
    "info": ("system", "Print versions, MPI, devices and cores, for bug reports."),
    "smoke": ("system", "Check in seconds that this installation is sound."),
}
"""Command name -> (module in this package, one line of help); the function has the same name."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"agebo_hpc.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}; choose among {', '.join(COMMANDS)}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="agebo-hpc")
def cli() -> None:
    """Find a neural network for a table: architecture and training, searched together."""
