"""A history as comma-separated text, and writing text files that are whole or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from agebo_hpc.analysis.tables import decisions_text
from agebo_hpc.errors import UsageError
from agebo_hpc.files import write_file, writing


def history_csv(frame: pd.DataFrame, columns: Sequence[str] = ()) -> str:
    r"""Return a history as CSV: one line for each evaluation, without the curves.

    Decision vectors and ranks are integers with blanks between; in tracebacks a new line is
    written as ``\n`` and a backslash as two. What is unknown is empty.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    columns
        Which columns, in this order; none: all.

    Raises
    ------
    UsageError
        If a column is unknown; the message lists those that are there.
    """
    table = frame.drop(columns="curve").assign(
        architecture=[decisions_text(value) for value in frame["architecture"]],
        ranks=[decisions_text(value) for value in frame["ranks"]],
        traceback=[one_line(text) for text in frame["traceback"]],
    )
    return table_csv(table, columns)


def table_csv(table: pd.DataFrame, columns: Sequence[str] = ()) -> str:
    """Return a table as CSV, with these columns in this order; none: all.

    Raises
    ------
    UsageError
        If a column is unknown; the message lists those that are there.
    """
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        raise UsageError(
            f"There is no column {unknown[0]!r}; choose among {', '.join(table.columns)}."
        )
    return str(table[list(columns) or list(table.columns)].to_csv(index=False))


def one_line(text: str) -> str:
    r"""Escape backslashes and line ends: ``\\``, ``\n``, ``\r``."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    with writing("path", path):
        write_file(path, text)
