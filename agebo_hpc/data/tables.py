"""Table files in, data frames out: CSV, Parquet, ARFF and HDF5, each with clear errors.

A reader only reads: no column is changed but for text in bytes, and nothing is guessed about
kinds beyond what the file's own reader does.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from agebo_hpc.errors import DataError, InputMissingError

MISSING = ("?",)
"""Read as a missing cell in CSV, besides those of pandas: empty, NA, N/A, NaN, None, null."""

_ARFF_ROWS = 50_000
_ARFF_DATE = re.compile(r"""(\s*@attribute\s+('[^']*'|"[^"]*"|\S+))\s+date\b""", re.IGNORECASE)


def read_table(path: str | Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table file.

    Parameters
    ----------
    path
        Ends with .csv, .tsv, .parquet, .arff, .h5 or .hdf5; .csv, .tsv and .arff also with .gz.
    text
        Columns of a CSV file that are read as text ("007" stays); absent ones are ignored.

    Returns
    -------
    DataFrame
        At least one row; unique column names that are text.

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
        frame = READERS[ending](path, tuple(text))
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
        shown = ", ".join(f"{name!r} ({count} times)" for name, count in list(twice.items())[:5])
        raise DataError(f"{path} has duplicate column names: {shown}; rename them to be unique.")


def _open_text(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def csv_layout(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter (comma, semicolon or tab) and the header of a CSV file.

    Raises
    ------
    DataError
        If there is no header, or a column name is there twice.
    """
    with _open_text(path) as file:
        head = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=head.count)
        header = next(csv.reader(file, delimiter=delimiter), [])
    if not any(name.strip() for name in header):
        raise DataError(f"{path} has no header in its first line; begin it with column names.")
    check_unique((name for name in header if name), path)
    return delimiter, header


def _read_csv(path: Path, text: tuple[str, ...]) -> pd.DataFrame:
    delimiter, header = csv_layout(path)
    with warnings.catch_warnings():
        # Rows longer than the header would else lose cells with no more than a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                path,
                sep=delimiter,
                encoding="utf-8-sig",
                index_col=False,
                low_memory=False,
                na_values=list(MISSING),
                dtype=dict.fromkeys([name for name in text if name in header], "str"),
            )
        except pd.errors.ParserWarning as warning:
            raise DataError(
                f"{path} has rows with more cells than the {len(header)} columns of its header; "
                f"correct the header or these rows."
            ) from warning


def _read_parquet(path: Path, text: tuple[str, ...]) -> pd.DataFrame:
    import pyarrow.parquet

    names = pyarrow.parquet.ParquetFile(path).schema_arrow.names
    check_unique(names, path)
    frame = pd.read_parquet(path)
    if frame.index.name is not None or isinstance(frame.index, pd.MultiIndex):
        frame = frame.reset_index()
    return frame.rename(columns=str)


def _read_arff(path: Path, text: tuple[str, ...]) -> pd.DataFrame:
    import arff

    try:
        return _arff_frame(path, arff.DENSE_GEN)
    except arff.BadLayout:
        return _arff_frame(path, arff.LOD_GEN)
    except arff.BadAttributeName as error:
        raise DataError(
            f"{path} has duplicate attribute names ({error}); rename them to be unique."
        ) from error
    except arff.ArffException as error:
        raise ValueError(str(error)) from error


def _arff_frame(path: Path, layout: int) -> pd.DataFrame:
    import arff

    with _open_text(path) as file:
        content = arff.load(_arff_lines(file), encode_nominal=False, return_type=layout)
        kinds = dict(content["attributes"])
        zeros = [kind[0] if isinstance(kind, list) else 0.0 for kind in kinds.values()]
        rows = iter(content["data"])
        if layout == arff.LOD_GEN:
            rows = ([row.get(i, zero) for i, zero in enumerate(zeros)] for row in rows)
        # In chunks, so that a million rows of Python objects are never alive together.
        chunks = []
        while chunk := list(islice(rows, _ARFF_ROWS)):
            chunks.append(_arff_chunk(chunk, kinds))
    if not chunks:
        return pd.DataFrame(columns=list(kinds))
    frame = pd.concat(chunks, ignore_index=True)
    return frame.apply(_whole_numbers)


def _arff_lines(file: IO[str]) -> Iterator[str]:
    """Give the lines, with date attributes declared as text, which the decoder knows."""
    for line in file:
        declared = _ARFF_DATE.match(line)
        yield f"{declared[1]} STRING" if declared else line.rstrip("\r\n")


def _arff_chunk(rows: list[Any], kinds: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(kinds))
    for name, kind in kinds.items():
        if isinstance(kind, list):
            frame[name] = frame[name].astype(pd.CategoricalDtype(kind))
        elif kind != "STRING":
            frame[name] = frame[name].astype(np.float64)
    return frame


def _whole_numbers(column: pd.Series) -> pd.Series:
    """Give integers where an ARFF number column has only whole ones: it does not tell."""
    if column.dtype == np.float64 and np.isfinite(column).all() and (column % 1 == 0).all():
        return column.astype(np.int64) if column.abs().max() < 2**53 else column
    return column


def _read_hdf5(path: Path, text: tuple[str, ...]) -> pd.DataFrame:
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        if "format" in file.attrs and "format_version" in file.attrs:
            raise DataError(
                f"{path} is already prepared (format {file.attrs['format']!r}); "
                f"give the table file it was made from."
            )
        columns = _hdf5_columns(file, path)
    return pd.DataFrame(columns)


def _hdf5_columns(file: Any, path: Path) -> dict[str, Any]:
    import h5py

    group = file
    while len(group) == 1 and isinstance(next(iter(group.values())), h5py.Group):
        group = next(iter(group.values()))
    tables = [d for d in group.values() if isinstance(d, h5py.Dataset) and d.dtype.names]
    if len(tables) == 1:
        data = tables[0][()]
        return {name: _decoded(data[name], name, path) for name in data.dtype.names}
    sets = {n: d for n, d in group.items() if isinstance(d, h5py.Dataset)}
    lengths = {d.shape[0] if d.ndim == 1 else d.shape for d in sets.values()}
    if tables or len(sets) != len(group) or len(lengths) != 1 or not sets:
        shown = ", ".join(f"{n} {getattr(d, 'shape', '(group)')}" for n, d in group.items())
        raise DataError(
            f"{path} is no table: it holds {shown[:300] or 'nothing'}; expected is one group of "
            f"1-D data sets of equal length (the columns), or one compound data set."
        )
    return {name: _decoded(data[()], name, path) for name, data in sets.items()}


def _decoded(values: Any, name: str, path: Path) -> Any:
    if values.ndim != 1:
        raise DataError(
            f"{path}: column {name!r} has {values.ndim} dimensions; split it into 1-D columns."
        )
    if values.dtype.kind == "S" or (values.dtype.kind == "O" and len(values)):
        return [v.decode("utf-8") if isinstance(v, bytes) else v for v in values]
    return values


READERS: dict[str, Callable[[Path, tuple[str, ...]], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".tsv": _read_csv,
    ".tsv.gz": _read_csv,
    ".parquet": _read_parquet,
    ".arff": _read_arff,
    ".arff.gz": _read_arff,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}
"""Ending of the file name -> reader."""
