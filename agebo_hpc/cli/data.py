"""`agebo-hpc data`: prepare, fetch, list and describe data sets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Literal, cast

import click

from agebo_hpc.cli.data_output import print_description, print_rows, report
from agebo_hpc.cli.options import GroupedCommand, grouped

COLUMNS, CELLS, SPLITS, DATA_SET = "Columns", "Cells", "Split", "Data set"
"""Headings of the help."""

_SPLIT = grouped(
    "--split",
    metavar="A,B,C",
    help="Shares of the rows for training, validation and test; sum 1, and C may be 0: no test "
    "part (default: 0.42,0.25,0.33).",
    group=SPLITS,
)
_SEED = grouped(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=42,
    show_default=True,
    help="Seed of the split and of cross-fitting.",
    group=SPLITS,
)
_FORCE = grouped(
    "--force",
    is_flag=True,
    help="Replace the output file if it exists (default: refuse).",
    group=DATA_SET,
)


@click.group()
def data() -> None:
    """Prepare, fetch and describe data sets."""


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (default: a table).")
def list_(as_json: bool) -> None:
    """List the data sets that `data fetch` knows."""
    from agebo_hpc.data.registry import KNOWN_SETS

    fields = ("name", "rows", "columns", "task", "target", "source", "licence")
    rows = [{field: getattr(known, field) for field in fields} for known in KNOWN_SETS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    print_rows([list(fields), *([row[field] for field in fields] for row in rows)])


@data.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="F.h5",
    help="Prepared file to write (default: NAME.h5 in the current directory).",
)
@click.option(
    "--rows",
    type=click.IntRange(min=10),
    help="Take a sample of so many rows, drawn by --seed (default: all; of gdsc-combo and "
    "gdsc-attn 100,000).",
)
@_SPLIT
@_SEED
@_FORCE
def fetch(
    name: str, out: Path | None, rows: int | None, split: str | None, seed: int, force: bool
) -> None:
    """Download the known data set NAME and prepare it; see `data list`."""
    from agebo_hpc.data.preparation import PrepareOptions
    from agebo_hpc.data.registry import fetch_dataset, known_set

    options = PrepareOptions(split=_shares(split), seed=seed, force=force)
    known = known_set(name)
    click.echo(f"Fetching {name} ({rows or known.rows:,} rows) from {known.source} ...")
    started = time.monotonic()
    made = fetch_dataset(name, out or Path(f"{name}.h5"), options, rows)
    report(made, time.monotonic() - started)


@data.command(cls=GroupedCommand)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@grouped(
    "--target", required=True, metavar="COL", help="Column to predict (no default).", group=COLUMNS
)
@grouped(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="F.h5",
    help="Prepared file to write (no default).",
    group=DATA_SET,
)
@grouped(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="auto: text, booleans, integers with up to 20 distinct values and numbers with two are "
    "classes; other numbers are a regression.",
    group=COLUMNS,
)
@grouped(
    "--drop",
    multiple=True,
    metavar="COL",
    help="Column to leave out; may be repeated (default: none).",
    group=COLUMNS,
)
@grouped(
    "--categorical",
    multiple=True,
    metavar="COL",
    help="Column that is a category though it looks numeric, the target too; 0.50 and 0.5 are one "
    "level. May be repeated (default: none).",
    group=COLUMNS,
)
@grouped(
    "--text",
    multiple=True,
    metavar="COL",
    help="Column that is a category whose levels are its texts exactly as they stand, the target "
    "too; may be repeated (default: none).",
    group=COLUMNS,
    usual=False,
)
@grouped(
    "--numeric",
    multiple=True,
    metavar="COL",
    help="Column of numbers, the target too; other cells are an error. May be repeated (default: "
    "the cells decide).",
    group=COLUMNS,
    usual=False,
)
@grouped(
    "--date",
    multiple=True,
    metavar="COL[=ORDER]",
    help="Column of dates; ORDER is ymd, dmy or mdy where the cells do not show it. May be "
    "repeated (default: the cells decide).",
    group=COLUMNS,
    usual=False,
)
@grouped(
    "--missing",
    multiple=True,
    metavar="TEXT",
    help="Text that stands for a missing cell, as in --missing unknown --missing=-999; may be "
    "repeated (default: empty, NA, N/A, NaN, None, null, ?).",
    group=CELLS,
    usual=False,
)
@grouped(
    "--decimal",
    type=click.Choice([".", ","]),
    help="Mark before the fraction of numbers in text (default: what the cells show).",
    group=CELLS,
    usual=False,
)
@grouped(
    "--one-hot-levels",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Most levels of a category that is one-hot encoded; more are target encoded.",
    group=CELLS,
    usual=False,
)
@grouped(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=COL",
    help="Column, or pattern such as gene_*, that belongs to the input NAME; may be repeated, for "
    "the same input and for others. A column named in full goes before patterns (default: one "
    "input with all columns).",
    group=COLUMNS,
    usual=False,
)
@grouped(
    "--alike",
    multiple=True,
    metavar="NAME,NAME",
    help="Inputs with the same kind of columns in the same order: they are encoded alike and have "
    "equal shape; may be repeated (default: none).",
    group=COLUMNS,
    usual=False,
)
@grouped(
    "--weight",
    metavar="COL",
    default="",
    help="Column of what each row counts in training and in scores, 0 or more; it is no feature "
    "(default: all count alike).",
    group=COLUMNS,
    usual=False,
)
@grouped(
    "--name",
    help="Name of the data set (default: the output file's, without .h5).",
    group=DATA_SET,
    usual=False,
)
@_SPLIT
@grouped(
    "--time",
    "time_columns",
    multiple=True,
    metavar="COL",
    help="Column of dates or numbers: the oldest rows train, the newest test, rows of one time "
    "stay together. May be repeated, or year,month,day: the first counts most. It is no feature "
    "unless --keep names it (default: chance divides rows).",
    group=SPLITS,
)
@grouped(
    "--group",
    metavar="COL",
    help="Column of groups, such as patients: none is in two parts, and the shares of the classes "
    "are kept close. With --time, a group with rows in the time of several parts keeps those of "
    "one. It is no feature unless --keep names it (default: none).",
    group=SPLITS,
)
@grouped(
    "--fold",
    metavar="COL",
    help="Column that says the part of each row: train, validation, test; or 0 to k-1, where k-1 "
    "is test and k-2 validation. It is no feature (default: none).",
    group=SPLITS,
)
@grouped(
    "--keep",
    multiple=True,
    metavar="COL",
    help="Column of --time or --group that is a feature all the same; may be repeated (default: "
    "none).",
    group=SPLITS,
    usual=False,
)
@grouped(
    "--train",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of the training rows, in the place of FILE, with --validation.",
    group=SPLITS,
)
@grouped(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of the validation rows, with the same columns (default: rows of FILE).",
    group=SPLITS,
)
@grouped(
    "--test",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of the test rows, with --validation (default: rows of FILE; with --validation no "
    "test part).",
    group=SPLITS,
)
@_SEED
@_FORCE
def prepare(
    file: Path | None,
    target: str,
    out: Path,
    task: str,
    drop: tuple[str, ...],
    categorical: tuple[str, ...],
    text: tuple[str, ...],
    numeric: tuple[str, ...],
    date: tuple[str, ...],
    missing: tuple[str, ...],
    decimal: str | None,
    one_hot_levels: int,
    inputs: tuple[str, ...],
    alike: tuple[str, ...],
    weight: str,
    name: str | None,
    split: str | None,
    time_columns: tuple[str, ...],
    group: str | None,
    fold: str | None,
    keep: tuple[str, ...],
    train: Path | None,
    validation: Path | None,
    test: Path | None,
    seed: int,
    force: bool,
) -> None:
    """Make a prepared data set from a table FILE (CSV, Parquet, ARFF or HDF5; .gz allowed).

    Or from a table for each part: --train FILE --validation FILE --test FILE.
    """
    from agebo_hpc.data.inputs import parse_input
    from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset

    source = _table(file, train, validation, test)
    options = PrepareOptions(
        name=name,
        task=cast(Literal["auto", "classification", "regression"], task),
        split=_shares(split),
        time=time_columns,
        group=group or "",
        fold=fold or "",
        keep=keep,
        drop=drop,
        categorical=categorical,
        text=text,
        numeric=numeric,
        date=date,
        missing=missing,
        decimal=decimal or "",
        one_hot_levels=one_hot_levels,
        inputs=[parse_input(text) for text in inputs],
        alike=[text.split(",") for text in alike],
        weight=weight,
        seed=seed,
        force=force,
    )
    started = time.monotonic()
    made = prepare_dataset(source, target, out, options, validation=validation, test=test)
    report(made, time.monotonic() - started)


def _table(
    file: Path | None, train: Path | None, validation: Path | None, test: Path | None
) -> Path:
    """Return the table that is learnt from; which files are given must fit together."""
    from agebo_hpc.errors import UsageError

    given = {"--train": train, "--validation": validation, "--test": test}
    named = [name for name, path in given.items() if path is not None]
    if file is not None and named:
        raise UsageError(
            f"FILE is {file} and {named[0]} is given too; give one table that is split, or "
            f"--train, --validation and --test, each with its own."
        )
    if file is None and not named:
        raise UsageError("There is no table: give FILE, or --train FILE and --validation FILE.")
    if file is None and not {"--train", "--validation"} <= set(named):
        lacking = "--train" if train is None else "--validation"
        raise UsageError(f"{named[0]} is given without {lacking}; give both.")
    source = train if file is None else file
    assert source is not None
    return source


def _shares(split: str | None) -> tuple[float, float, float] | None:
    from agebo_hpc.data.splits import parse_split

    return None if split is None else parse_split(split)


@data.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON (default: text).")
def info(file: Path, as_json: bool) -> None:
    """Describe the prepared data set FILE."""
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.data.description import describe

    described = describe(open_dataset(file))
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    print_description(described)
