"""Checks of what was asked for, before any work is done."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from agebo_hpc.data.cells import option
from agebo_hpc.data.kinds import DATE_ORDERS, Wishes
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.files import is_stream

if TYPE_CHECKING:
    from agebo_hpc.data.preparation import PrepareOptions

_UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*")
"""What pandas calls a column without a name, and writes so when it writes it again."""


def check_out(out: Path, source: Any, force: bool) -> None:
    """Raise UsageError if an output file cannot or must not be written.

    Parameters
    ----------
    out
        The file to write.
    source
        What it is made from; a path is never overwritten.
    force
        Whether another existing file may be replaced.
    """
    if not out.parent.is_dir():
        raise UsageError(f"--out is {out}, but there is no directory {out.parent}; create it.")
    if out.is_dir():
        raise UsageError(f"--out is {out}, a directory; give the name of a file, as in data.h5.")
    if not out.exists():
        return
    if isinstance(source, str | Path) and Path(source).exists() and out.samefile(source):
        raise UsageError(f"--out is {out}, the table itself; give another name.")
    if not force and not is_stream(out):
        raise UsageError(f"--out {out} exists; give another name, or --force to replace it.")


def check_columns(frame: pd.DataFrame, target: str, options: PrepareOptions) -> Wishes:
    """Check that the named columns exist and do not contradict each other.

    Returns
    -------
    Wishes
        What the options say about columns.

    Raises
    ------
    UsageError
        If an option names an absent column, two options name the same one, or the target is
        dropped.
    DataError
        If a column that is used has no name.
    """
    columns = [str(name) for name in frame.columns]
    orders = dict(_date_order(text, columns) for text in options.date)
    asked = [
        ("--drop", "", options.drop),
        ("--categorical", "level", options.categorical),
        ("--text", "text", options.text),
        ("--numeric", "number", options.numeric),
        ("--date", "date", orders),
        ("--weight", "number", (options.weight,) if options.weight else ()),
    ]
    if target not in frame.columns:
        raise UsageError(no_column("--target", target, columns))
    named: dict[str, str] = {}
    for name_of_option, _, names in asked:
        for name in sorted(set(names)):
            if name not in frame.columns:
                raise UsageError(no_column(name_of_option, name, columns))
            if name in named:
                raise UsageError(f"{named[name]} and {name_of_option} both name {name!r}.")
            named[name] = name_of_option
    for way in ("time", "group", "fold"):
        if options.weight and getattr(options, way) == options.weight:
            raise UsageError(f"--{way} and --weight both name {options.weight!r}.")
    if named.get(target) == "--weight":
        raise UsageError(f"--weight names the target {target!r}; give another column.")
    if named.get(target) == "--drop":
        raise UsageError(f"--drop names the target {target!r}; give another --drop or --target.")
    _check_named([name for name in columns if named.get(name) != "--drop"], frame)
    forms = {name: form for _, form, names in asked if form for name in names}
    return Wishes(forms, orders, options.decimal, tuple(options.missing))


def _date_order(text: str, columns: list[str]) -> tuple[str, str]:
    name, _, order = text.rpartition("=")
    if text in columns or not name:
        return text, ""
    if order not in DATE_ORDERS[1:]:
        raise UsageError(
            f"--date is {text!r}; give COLUMN, or COLUMN=ORDER with one of "
            f"{', '.join(DATE_ORDERS[1:])} for the order of year, month and day."
        )
    return name, order


def _check_named(used: list[str], frame: pd.DataFrame) -> None:
    """Refuse columns without a name, and the row numbers that pandas writes as such a column."""
    unnamed = [name for name in used if not name.strip() or _UNNAMED.fullmatch(name)]
    if unnamed:
        place = list(frame.columns).index(unnamed[0]) + 1
        raise DataError(
            f"Column {place} has no name in the header; name it, or leave it out with "
            f"{option('--drop', unnamed[0])}."
        )


def no_column(option: str, name: str, columns: list[str]) -> str:
    """Return what to say of an option that names a column which the table does not have."""
    close = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
    lower = [column for column in columns if column.lower() == name.lower()]
    hint = f" Did you mean {(lower or close)[0]!r}?" if lower or close else ""
    dots = f", ... ({len(columns)} in all)" if len(columns) > 30 else ""
    shown = ", ".join(map(repr, columns[:30]))
    return f"{option} is {name!r}, but the table has no such column.{hint} It has {shown}{dots}."
