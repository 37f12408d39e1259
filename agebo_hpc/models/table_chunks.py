"""A table file in chunks of rows, in order, for tables larger than memory.

Cells are read as `agebo_hpc.data.tables` reads them for training, by the same functions. CSV and
Parquet are streamed; the other kinds are read at once and cut.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.data.csv_files import CSV_ENDINGS, csv_batches, csv_layout
from agebo_hpc.data.plain_text import plain_frame
from agebo_hpc.data.tables import READERS, check_exists, check_unique, read_table
from agebo_hpc.errors import DataError


@dataclass(frozen=True)
class TableFile:
    """A table file whose header was read.

    Attributes
    ----------
    path
        Path of the file.
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
            Columns whose cells are text as they stand there, where the file gives no types.
        rows
            Most rows of a chunk, >= 1.

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
    return _open_whole(path)


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


def _open_whole(path: Path) -> TableFile:
    frame = read_table(path)

    def chunks(text: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        # ARFF gives no type to text: which columns stay as they stand is only known here.
        again = path.name.lower().endswith((".arff", ".arff.gz"))
        yield from _cut(read_table(path, text) if again else frame, rows)

    return TableFile(path, tuple(frame.columns), chunks)


def _cut(frame: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), rows):
        yield frame.iloc[start : start + rows]


def _open_csv(path: Path) -> TableFile:
    layout = csv_layout(path)

    def chunks(text: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        import pyarrow

        first = 0
        for batch in csv_batches(path, layout):
            for start in range(0, batch.num_rows, rows):
                piece = batch.slice(start, rows)
                chunk = plain_frame(pyarrow.Table.from_batches([piece]), frozenset(text))
                yield chunk.set_axis(range(first, first + len(chunk)))
                first += len(chunk)

    return TableFile(path, layout.names, chunks)


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
                # Arrow's own types lose nothing of what is copied to the output.
                yield table.to_pandas(types_mapper=pd.ArrowDtype)

    return TableFile(path, tuple(names), chunks, dict(zip(names, schema.types, strict=True)))
