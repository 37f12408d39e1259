"""`agebo-hpc data`: prepare, fetch, list and describe data sets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal, cast

import click

from agebo_hpc.cli.options import GroupedCommand, grouped

COLUMNS, CELLS, DATA_SET = "Columns", "Cells", "Data set"
"""Headings of the help."""

_SPLIT = grouped(
    "--split",
    default="0.42,0.25,0.33",
    show_default=True,
    metavar="A,B,C",
    help="Shares of the rows for training, validation and test; sum 1.",
    group=DATA_SET,
)
_SEED = grouped(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=42,
    show_default=True,
    help="Seed of the split and of cross-fitting.",
    group=DATA_SET,
)
_FORCE = grouped(
    "--force",
    is_flag=True,
    help="Replace the output file if it exists (default: refuse).",
    group=DATA_SET,
)
PRINTED_COLUMNS = 60
"""Columns that `data prepare` prints; of more, those with oddities."""


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
    _table([list(fields), *([_cell(row[field]) for field in fields] for row in rows)])


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
    name: str, out: Path | None, rows: int | None, split: str, seed: int, force: bool
) -> None:
    """Download the known data set NAME and prepare it; see `data list`."""
    from agebo_hpc.data.preparation import PrepareOptions
    from agebo_hpc.data.registry import fetch_dataset, known_set
    from agebo_hpc.data.splits import parse_split

    options = PrepareOptions(split=parse_split(split), seed=seed, force=force)
    known = known_set(name)
    click.echo(f"Fetching {name} ({rows or known.rows:,} rows) from {known.source} ...")
    started = time.monotonic()
    made = fetch_dataset(name, out or Path(f"{name}.h5"), options, rows)
    _report(made, time.monotonic() - started)


@data.command(cls=GroupedCommand)
@click.argument("file", type=click.Path(path_type=Path))
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
    "--name",
    help="Name of the data set (default: the output file's, without .h5).",
    group=DATA_SET,
    usual=False,
)
@_SPLIT
@_SEED
@_FORCE
def prepare(
    file: Path,
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
    name: str | None,
    split: str,
    seed: int,
    force: bool,
) -> None:
    """Make a prepared data set from a table FILE (CSV, Parquet, ARFF or HDF5; .gz allowed)."""
    from agebo_hpc.data.inputs import parse_input
    from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
    from agebo_hpc.data.splits import parse_split

    options = PrepareOptions(
        name=name,
        task=cast(Literal["auto", "classification", "regression"], task),
        split=parse_split(split),
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
        seed=seed,
        force=force,
    )
    started = time.monotonic()
    made = prepare_dataset(file, target, out, options)
    _report(made, time.monotonic() - started)


@data.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON (default: text).")
def info(file: Path, as_json: bool) -> None:
    """Describe the prepared data set FILE."""
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.data.description import describe

    facts = describe(open_dataset(file))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    _print_facts(facts)


def _report(made: Any, seconds: float) -> None:
    from agebo_hpc.data.description import describe

    if not made.path.exists():
        click.echo(f"Written in {seconds:.1f} s.", err=True)
        return
    facts = describe(made)
    outputs = f", {facts['num_outputs']} classes" if "classes" in facts else ""
    click.echo(f"Wrote {facts['path']} ({facts['bytes'] / 1e6:.1f} MB) in {seconds:.1f} s.")
    click.echo(f"{facts['task']} of {facts['target']!r}{outputs}; {_rows(facts)}.")
    click.echo(f"{len(facts['columns'])} columns became {facts['num_features']} features.")
    if len(facts["inputs"]) > 1:
        click.echo(f"Inputs: {_inputs(facts)}.")
    click.echo()
    _print_table(facts, PRINTED_COLUMNS)
    _print_unused(facts)
    _print_remarks(facts)


def _print_table(facts: dict[str, Any], most: int | None = None) -> None:
    """Print what each column of the table is; of very many, those with oddities."""
    columns = facts["table"]
    if columns is None:
        return
    shown = columns
    if most is not None and len(columns) > most:
        shown = [column for column in columns if column["oddities"]]
    rows = [
        [
            column["name"],
            column["kind"],
            _extent(column),
            _cell(column["missing"] or None),
            oddity,
        ]
        for whole in shown
        for column, oddity in _with_oddities(whole)
    ]
    _table([["column", "kind", "levels or range", "missing", "oddities"], *rows])
    if len(shown) < len(columns):
        click.echo(f"... {len(columns) - len(shown)} more columns without oddities: data info")


def _with_oddities(column: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return a row of the table for each oddity, the first with the column's name and facts."""
    first, *others = column["oddities"] or [""]
    blank = {**dict.fromkeys(column, ""), "levels": None, "missing": None}
    return [(column, first), *((blank, other) for other in others)]


def _extent(column: dict[str, Any]) -> str:
    if column["levels"] is not None:
        return f"{column['levels']:,} levels"
    return f"{column['low']} .. {column['high']}" if column["low"] else ""


def _inputs(facts: dict[str, Any]) -> str:
    said = []
    for item in facts["inputs"]:
        like = f", like {item['alike']}" if item["alike"] != item["name"] else ""
        said.append(f"{item['name']} ({item['stop'] - item['start']} features{like})")
    return "; ".join(said)


def _print_facts(facts: dict[str, Any]) -> None:
    click.echo(f"name        {facts['name']}")
    click.echo(f"file        {facts['path']} ({facts['bytes'] / 1e6:.1f} MB)")
    click.echo(
        f"format      {facts['format']} version {facts['format_version']}, written "
        f"{facts['created']} by agebo_hpc {facts['agebo_hpc_version']}"
    )
    click.echo(f"fingerprint {facts['fingerprint']}")
    click.echo(f"task        {facts['task']} of {facts['target']!r}")
    click.echo(f"rows        {_rows(facts)}")
    shares = ",".join(f"{share:g}" for share in facts["split"])
    click.echo(f"split       {shares}, seed {facts['seed']}")
    click.echo(f"features    {facts['num_features']} (float32)")
    if facts["codes"]:
        total = sum(column["codes"] for column in facts["codes"])
        click.echo(f"codes       {len(facts['codes'])} columns of {total:,} codes (int32)")
    if len(facts["inputs"]) > 1:
        click.echo(f"inputs      {_inputs(facts)}")
    click.echo()
    _print_table(facts)
    if facts["table"] is not None:
        click.echo()
    codes: dict[str, int] = {}
    for column in facts["codes"]:
        name = column["column"]
        codes[name] = codes.get(name, 0) + column["codes"]
    header = ["column", "kind", "encoding", "features", "levels", "codes", "missing"]
    rows = [
        [
            column["name"],
            column["kind"],
            column["encoding"],
            _cell(column["features"]),
            _cell(column["levels"]),
            _cell(codes.get(column["name"])),
            "yes" if column["missing_in_training"] else "",
        ]
        for column in facts["columns"]
    ]
    _table([header, *rows])
    _print_unused(facts)
    click.echo()
    if "classes" in facts:
        parts = list(facts["rows"])
        classes = [[str(c["label"]), *(_cell(c[p]) for p in parts)] for c in facts["classes"]]
        _table([["class", *parts], *classes])
    else:
        click.echo(
            f"target mean {facts['target_mean']:g}, deviation {facts['target_deviation']:g} "
            f"(training part)"
        )
    _print_remarks(facts)


def _print_remarks(facts: dict[str, Any]) -> None:
    for line in facts["remarks"]:
        click.echo(f"note: {line}", err=True)


def _print_unused(facts: dict[str, Any]) -> None:
    for column in facts["codes"]:
        if column["levels_without_code"]:
            click.echo(
                f"codes of {column['name']}: the {column['codes'] - 1:,} most frequent levels "
                f"have one, {column['levels_without_code']:,} others count as unseen"
            )
    for name, why in facts["not_used"].items():
        click.echo(f"not used: {name} ({why})")


def _rows(facts: dict[str, Any]) -> str:
    return ", ".join(f"{part} {rows:,}" for part, rows in facts["rows"].items()) + " rows"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _table(rows: list[list[str]]) -> None:
    from agebo_hpc.text import one_line

    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
