"""Table files in, data frames out: CSV, Parquet, ARFF and HDF5, each with clear errors.

A reader only reads: a column is of the type that the file says; where it says none (CSV), plain
numbers and booleans are numbers and booleans, and all else is text as it stands in the file.
"""

from __future__ import annotations

import csv
import difflib
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.data.arff_files import read_arff
from agebo_hpc.data.arrow_columns import frame_of
from agebo_hpc.data.csv_files import duplicates, read_csv
from agebo_hpc.data.hdf5_files import read_hdf5
from agebo_hpc.data.plain_text import plain_frame
from agebo_hpc.errors import DataError, InputMissingError

Text = Collection[str] | None


def read_table(
    path: str | Path, text: Iterable[str] | None = (), words: bool = False
) -> pd.DataFrame:
    """Read a table file.

    Parameters
    ----------
    path
        Ends with .csv, .tsv, .parquet, .arff, .h5 or .hdf5; .csv, .tsv and .arff also with .gz.
    text
        Columns of a CSV or ARFF file whose cells are text as they stand there, missing ones too;
        absent ones are ignored. None: all columns.
    words
        Whether words for missing cells, such as NA, stay in all other columns of text too.

    Returns
    -------
    DataFrame
        A table of at least one row, with unique column names that are text.

    Raises
    ------
    InputMissingError
        If the file does not exist.
    DataError
        If its kind is unknown, it cannot be read, has no rows or a column name twice.
    """
    path = Path(path)
    check_exists(path)
    if path.is_dir():
        raise DataError(f"{path} is a directory; give a table file ({', '.join(READERS)}).")
    ending = next((end for end in READERS if path.name.lower().endswith(end)), None)
    if ending is None:
        raise DataError(
            f"{path}: the ending {path.suffix!r} is not known; give a file that ends with "
            f"{', '.join(READERS)}."
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; give a table with a header and rows.")
    try:
        frame = READERS[ending](path, None if text is None else frozenset(text), words)
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeError, ValueError) as error:
        # Parser errors of pandas, Arrow and ARFF are all ValueErrors; the first line says it.
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"{path} cannot be read as {ending} ({reason}); give a sound file of that kind."
        ) from error
    if frame.empty:
        raise DataError(f"{path} has {len(frame)} rows; a header and rows are needed.")
    return frame


def check_exists(path: Path) -> None:
    """Raise InputMissingError, with the closest name in the same directory, if `path` is not."""
    if path.exists():
        return
    names = [p.name for p in islice(path.parent.iterdir(), 1000)] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean {path.parent / close[0]}?" if close else " Check the path."
    raise InputMissingError(f"There is no file {path}.{hint}")


def check_unique(names: Iterable[Any], path: str | Path) -> None:
    """Raise DataError if a column name is there twice."""
    twice = {name: count for name, count in Counter(map(str, names)).items() if count > 1}
    if twice:
        raise DataError(duplicates(twice, str(path)))


def _csv(path: Path, text: Text, words: bool) -> pd.DataFrame:
    return plain_frame(read_csv(path), text, words)


def _parquet(path: Path, text: Text, words: bool) -> pd.DataFrame:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        check_unique(file.schema_arrow.names, path)
        table = file.read()
    return frame_of(table.select(_columns(table.schema)))


def _columns(schema: Any) -> list[str]:
    """Return a file's columns as pandas has them: its named index first, a nameless one not."""
    notes = (schema.pandas_metadata or {}).get("index_columns", [])
    index = [name for name in notes if isinstance(name, str) and name in schema.names]
    named = [name for name in index if not name.startswith("__index_level_")]
    return named + [name for name in schema.names if name not in index]


def _arff(path: Path, text: Text, words: bool) -> pd.DataFrame:
    return read_arff(path, text, words)


def _hdf5(path: Path, text: Text, words: bool) -> pd.DataFrame:
    return read_hdf5(path)


READERS: dict[str, Callable[[Path, Text, bool], pd.DataFrame]] = {
    ".csv": _csv,
    ".csv.gz": _csv,
    ".tsv": _csv,
    ".tsv.gz": _csv,
    ".parquet": _parquet,
    ".arff": _arff,
    ".arff.gz": _arff,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
}
"""Ending of the file name -> reader."""
