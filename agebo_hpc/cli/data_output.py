"""What the commands on data sets print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

PRINTED_COLUMNS = 60
"""Columns that `data prepare` prints; of more, those with oddities."""

PRINTED_UNUSED = 10
"""Columns named that are not used for one and the same reason."""


def report(made: Any, seconds: float) -> None:
    """Print what was made of a table, in so many seconds."""
    from agebo_hpc.data.description import describe
    from agebo_hpc.data.skew import advice_on_target

    if not made.path.exists():
        click.echo(f"Written in {seconds:.1f} s.", err=True)
        return
    described = describe(made)
    outputs = f", {described['num_outputs']} classes" if "classes" in described else ""
    click.echo(
        f"Wrote {described['path']} ({described['bytes'] / 1e6:.1f} MB) in {seconds:.1f} s."
    )
    click.echo(f"{described['task']} of {described['target']!r}{outputs}; {_rows(described)}.")
    _print_split(described)
    click.echo(f"{len(described['columns'])} columns became {described['num_features']} features.")
    if len(described["inputs"]) > 1:
        click.echo(f"Inputs: {_inputs(described)}.")
    click.echo()
    _print_table(described, PRINTED_COLUMNS)
    _print_unused(described)
    advice = advice_on_target(made)
    _print_remarks({"remarks": [*described["remarks"], *filter(None, [advice])]})


def _print_table(described: dict[str, Any], most: int | None = None) -> None:
    """Print what each column of the table is; of very many, those with oddities."""
    columns = described["table"]
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
            column["missing"] or None,
            oddity,
        ]
        for whole in shown
        for column, oddity in _with_oddities(whole)
    ]
    if rows:
        print_rows([["column", "kind", "levels or range", "missing", "oddities"], *rows])
    if len(shown) < len(columns):
        more = "more columns" if rows else "columns"
        click.echo(f"... {len(columns) - len(shown)} {more} without oddities: data info")


def _with_oddities(column: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Return a row of the table for each oddity, the first with the column's name and summary."""
    first, *others = column["oddities"] or [""]
    blank = {**dict.fromkeys(column, ""), "levels": None, "missing": None}
    return [(column, first), *((blank, other) for other in others)]


def _print_split(described: dict[str, Any]) -> None:
    """Print how the rows were divided, and that the column which decided is no feature."""
    by = described["split_by"]
    if by["by"] == "random":
        return
    click.echo(f"Split: {described['split_text']}.")
    for line in described["split_details"]:
        click.echo(f"  {line}")
    from agebo_hpc.data.cells import option

    used = {column["name"] for column in described["table"] or ()}
    times = by.get("time_columns") or [by["time"]]
    unused = [name for name in (*times, by["group"]) if name and name not in used]
    if unused:
        keep = " ".join(option("--keep", name) for name in unused)
        what, one = (
            ("are no features", "features of them") if unused[1:] else ("is no feature", "it one")
        )
        click.echo(f"{', '.join(map(repr, unused))} {what}; {keep} makes {one}.")


def _extent(column: dict[str, Any]) -> str:
    if column["levels"] is not None:
        return f"{column['levels']:,} levels"
    return f"{column['low']} .. {column['high']}" if column["low"] else ""


def _inputs(described: dict[str, Any]) -> str:
    said = []
    for item in described["inputs"]:
        like = f", like {item['alike']}" if item["alike"] != item["name"] else ""
        said.append(f"{item['name']} ({item['stop'] - item['start']} features{like})")
    return "; ".join(said)


def print_description(described: dict[str, Any]) -> None:
    """Print all that is known of a data set."""
    _print_file(described)
    click.echo()
    _print_table(described)
    if described["table"] is not None:
        click.echo()
    _print_columns(described)
    _print_unused(described)
    click.echo()
    _print_target(described)
    _print_remarks(described)


def _print_file(described: dict[str, Any]) -> None:
    click.echo(f"name        {described['name']}")
    click.echo(f"file        {described['path']} ({described['bytes'] / 1e6:.1f} MB)")
    click.echo(
        f"format      {described['format']} version {described['format_version']}, written "
        f"{described['created']} by agebo_hpc {described['agebo_hpc_version']}"
    )
    click.echo(f"fingerprint {described['fingerprint']}")
    click.echo(f"task        {described['task']} of {described['target']!r}")
    click.echo(f"rows        {_rows(described)}")
    click.echo(f"split       {described['split_text']}")
    for line in described["split_details"]:
        click.echo(f"            {line}")
    click.echo(f"features    {described['num_features']} (float32)")
    if described["codes"]:
        total = sum(column["codes"] for column in described["codes"])
        click.echo(f"codes       {len(described['codes'])} columns of {total:,} codes (int32)")
    if len(described["inputs"]) > 1:
        click.echo(f"inputs      {_inputs(described)}")


def _print_columns(described: dict[str, Any]) -> None:
    """Print how each column becomes features and codes."""
    codes: dict[str, int] = {}
    for column in described["codes"]:
        name = column["column"]
        codes[name] = codes.get(name, 0) + column["codes"]
    header = ["column", "kind", "encoding", "features", "levels", "codes", "missing"]
    rows = [
        [
            column["name"],
            column["kind"],
            column["encoding"],
            column["features"],
            column["levels"],
            codes.get(column["name"]),
            "yes" if column["missing_in_training"] else "",
        ]
        for column in described["columns"]
    ]
    print_rows([header, *rows])


def _print_target(described: dict[str, Any]) -> None:
    if "classes" in described:
        parts = list(described["rows"])
        classes = [[str(c["label"]), *(c[p] for p in parts)] for c in described["classes"]]
        print_rows([["class", *parts], *classes])
    else:
        click.echo(
            f"target mean {described['target_mean']:g}, "
            f"deviation {described['target_deviation']:g} (training part)"
        )


def _print_remarks(described: dict[str, Any]) -> None:
    for line in described["remarks"]:
        click.echo(f"note: {line}", err=True)


def _print_unused(described: dict[str, Any]) -> None:
    for column in described["codes"]:
        if column["levels_without_code"]:
            click.echo(
                f"codes of {column['name']}: the {column['codes'] - 1:,} most frequent levels "
                f"have one, {column['levels_without_code']:,} others count as unseen"
            )
    unused = described["not_used"]
    for why in dict.fromkeys(unused.values()):
        names = [name for name, reason in unused.items() if reason == why]
        shown, more = names[:PRINTED_UNUSED], len(names) - PRINTED_UNUSED
        others = f" and {more} more" if more > 0 else ""
        click.echo(f"not used: {', '.join(shown)}{others} ({why})")


def _rows(described: dict[str, Any]) -> str:
    return ", ".join(f"{part} {rows:,}" for part, rows in described["rows"].items()) + " rows"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def print_rows(rows: Sequence[Sequence[Any]]) -> None:
    """Print rows of cells, the first with the names of the columns."""
    from agebo_hpc.text import one_line

    shown = [[one_line(_cell(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
