"""Checks of what was asked for, before any work is done."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.errors import DataError, UsageError


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
    if not force:
        raise UsageError(f"--out {out} exists; give another name, or --force to replace it.")


def check_columns(
    frame: pd.DataFrame, target: str, drop: Iterable[str], categorical: Iterable[str]
) -> None:
    """Check that the named columns exist and do not contradict each other.

    Raises
    ------
    UsageError
        If an option names an absent column, or the target is dropped.
    DataError
        If a column that is used has no name.
    """
    drop, categorical = set(drop), set(categorical)
    asked = [("--target", target)]
    asked += [("--drop", name) for name in sorted(drop)]
    asked += [("--categorical", name) for name in sorted(categorical)]
    for option, name in asked:
        if name not in frame.columns:
            raise UsageError(_no_column(option, name, [str(name) for name in frame.columns]))
    if target in drop:
        raise UsageError(f"--drop names the target {target!r}; give another --drop or --target.")
    if target in categorical:
        raise UsageError(
            f"--categorical names the target {target!r}; use --task classification for that."
        )
    both = drop & categorical
    if both:
        raise UsageError(f"--drop and --categorical both name {', '.join(map(repr, both))}.")
    unnamed = [name for name in frame.columns if name.startswith("Unnamed: ")]
    if set(unnamed) - drop:
        raise DataError(
            f"Column {int(unnamed[0].split()[1]) + 1} has no name in the header; "
            f"name it, or leave it out with --drop '{unnamed[0]}'."
        )


def _no_column(option: str, name: str, columns: list[str]) -> str:
    close = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
    lower = [column for column in columns if column.lower() == name.lower()]
    hint = f" Did you mean {(lower or close)[0]!r}?" if lower or close else ""
    dots = f", ... ({len(columns)} in all)" if len(columns) > 30 else ""
    shown = ", ".join(map(repr, columns[:30]))
    return f"{option} is {name!r}, but the table has no such column.{hint} It has {shown}{dots}."
