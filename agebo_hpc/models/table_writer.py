"""A table file that is written chunk by chunk and takes its place when it is whole."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from agebo_hpc.files import new_file, writing

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[["pd.DataFrame"], None]


@contextmanager
def new_table(out: Path, types: Mapping[str, Any]) -> Iterator[Write]:
    """Open a table file beside `out` for writing; it takes its place when all went well.

    Parameters
    ----------
    out
        Ends with .csv, .csv.gz or .parquet.
    types
        Columns of which chunks may look different -> Arrow type for Parquet; None: text. The
        types of the others are those of the first chunk.

    Yields
    ------
    callable
        Writes the next rows; all chunks have the same columns.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    writer = _parquet if out.name.lower().endswith(".parquet") else _csv
    with writing("OUT", out), new_file(out) as raw, writer(raw, out, types) as write:
        yield write


@contextmanager
def _closed_quietly_on_errors(file: Any) -> Iterator[None]:
    """Close a writer; what went wrong before is told, not that its last bytes find no room."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            file.close()
        raise
    file.close()


@contextmanager
def _csv(raw: IO[bytes], out: Path, types: Mapping[str, Any]) -> Iterator[Write]:
    packed = out.name.lower().endswith(".gz")
    binary: Any = gzip.GzipFile(out.stem, "wb", fileobj=raw) if packed else raw
    text = io.TextIOWrapper(binary, encoding="utf-8", newline="")
    header = True

    def write(frame: pd.DataFrame) -> None:
        nonlocal header
        quoting = _quoting(frame)
        frame.to_csv(text, index=False, header=header, lineterminator="\n", quoting=quoting)
        header = False

    with _closed_quietly_on_errors(text):
        yield write


def _quoting(frame: pd.DataFrame) -> Literal[0, 2]:
    """Have text quoted where it holds a carriage return, which ends a line for many readers."""
    texts = [frame[name] for name in frame.columns if frame[name].dtype.kind not in "biuf"]
    returns = any("\r" in str(value) for column in (frame.columns, *texts) for value in column)
    return csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL


@contextmanager
def _parquet(raw: IO[bytes], out: Path, types: Mapping[str, Any]) -> Iterator[Write]:
    import pyarrow
    import pyarrow.parquet

    writer: Any = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal writer
        as_text = [name for name in types if types[name] is None]
        frame = frame.copy(deep=False)
        for name in as_text:
            frame[name] = frame[name].map(str, na_action="ignore").astype(object)
        if writer is None:
            others = [name for name in frame.columns if name not in types]
            found = pyarrow.Schema.from_pandas(frame[others], preserve_index=False)
            fields = [
                (name, types[name] or pyarrow.string())
                if name in types
                else (name, found.field(name).type)
                for name in frame.columns
            ]
            writer = pyarrow.parquet.ParquetWriter(raw, pyarrow.schema(fields))
            stack.enter_context(_closed_quietly_on_errors(writer))
        writer.write_table(
            pyarrow.Table.from_pandas(frame, schema=writer.schema, preserve_index=False)
        )

    with ExitStack() as stack:
        yield write
