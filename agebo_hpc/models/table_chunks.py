"""A table file in chunks of rows, in order, for tables larger than memory.

Cells are read as `agebo_hpc.data.tables` reads them for training. CSV and Parquet are streamed;
the other kinds are read at once and cut.
"""

from __future__ import annotations

import csv
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.data.tables import (
    MISSING,
    READERS,
    check_exists,
    check_unique,
    csv_layout,
    read_table,
)
from agebo_hpc.errors import DataError

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")


@dataclass(frozen=True)
class TableFile:
    """A table file whose header was read.

    Attributes
    ----------
    path
        The file.
    columns
        Names of its columns.
    open_chunks
        (columns that are text, rows) -> data frames of at most so many rows, in order.
    types
        Column -> its Arrow type, where the file says so.
    """

    path: Path
    columns: tuple[str, ...]
    open_chunks: Callable[[Sequence[str], int], Iterator[pd.DataFrame]]
    types: Mapping[str, Any] = field(default_factory=dict)

    def chunks(self, text: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        """Read the table.

        Parameters
        ----------
        text
            Columns that are read as text where the file does not say ("007" stays).
        rows
            Of a chunk, at most; >= 1.

        Raises
        ------
        DataError
            If the file cannot be read, also in the middle of it.
        """
        with _readable(self.path):
            yield from self.open_chunks(text, rows)


def open_table(path: Path) -> TableFile:
    """Read a table's header.

    Raises
    ------
    InputMissingError
        If there is no such file.
    DataError
        If it cannot be read, is empty, or has a column name twice.
    """
    check_exists(path)
    name = path.name.lower()
    if path.is_file() and path.stat().st_size:
        with _readable(path):
            if name.endswith(CSV_ENDINGS):
                return _open_csv(path)
            if name.endswith(".parquet"):
                return _open_parquet(path)
    frame = read_table(path)
    return TableFile(path, tuple(frame.columns), lambda text, rows: _cut(frame, rows))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what readers raise for a damaged file into one line."""
    try:
        yield
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeError, ValueError) as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")
        ending = next((end for end in READERS if path.name.lower().endswith(end)), "a table")
        raise DataError(
            f"{path} cannot be read as {ending} ({reason}); give a sound file of that kind."
        ) from error


def _cut(frame: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), rows):
        yield frame.iloc[start : start + rows]


def _open_csv(path: Path) -> TableFile:
    delimiter, header = csv_layout(path)
    # The names that pandas gives to columns without one.
    names = tuple(name or f"Unnamed: {position}" for position, name in enumerate(header))

    def chunks(text: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        with pd.read_csv(
            path,
            sep=delimiter,
            encoding="utf-8-sig",
            index_col=False,
            low_memory=False,
            na_values=list(MISSING),
            dtype=dict.fromkeys([name for name in text if name in names], "str"),
            chunksize=rows,
        ) as reader:
            while (chunk := _next_chunk(reader, path, len(names))) is not None:
                yield chunk

    return TableFile(path, names, chunks)


def _next_chunk(reader: Iterator[pd.DataFrame], path: Path, width: int) -> pd.DataFrame | None:
    with warnings.catch_warnings():
        # Rows longer than the header would else lose cells with no more than a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return next(reader, None)
        except pd.errors.ParserWarning as warning:
            raise DataError(
                f"{path} has rows with more cells than the {width} columns of its header; "
                f"correct the header or these rows."
            ) from warning


def _open_parquet(path: Path) -> TableFile:
    import pyarrow
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
    names = [str(name) for name in schema.names]
    check_unique(names, path)

    def chunks(text: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        # Mapped, a row group need not fit into memory: the system takes pages back as it goes.
        with pyarrow.parquet.ParquetFile(path, memory_map=True) as file:
            for batch in file.iter_batches(batch_size=rows):
                # Without pandas's notes a named index stays the column that it is in the file.
                table = pyarrow.Table.from_batches([batch]).replace_schema_metadata(None)
                yield table.to_pandas()

    return TableFile(path, tuple(names), chunks, dict(zip(names, schema.types, strict=True)))
