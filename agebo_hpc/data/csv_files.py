"""CSV files, said once for training and prediction: delimiter, header, rows, cells as text.

Every cell is read as the text that stands in the file; what is missing, a number or a date is
decided by `agebo_hpc.data.kinds`. A row has exactly as many cells as the header. Empty lines are
skipped, but in a file of one column, where an empty line is an empty cell.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from agebo_hpc.errors import DataError

if TYPE_CHECKING:
    import pyarrow

CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
DELIMITERS = ",;\t"
SNIFFED_ROWS = 50
BLOCK_BYTES = 2**24
"""Read at a time; a row must fit into it."""


@dataclass(frozen=True)
class CsvLayout:
    """Delimiter and column names; a column without a name is called ``Unnamed: <position>``."""

    delimiter: str
    names: tuple[str, ...]


def open_text(path: Path) -> IO[str]:
    """Open a text file, UTF-8 with or without a byte order mark, compressed by its ending."""
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def csv_layout(path: Path) -> CsvLayout:
    """Tell a file's delimiter (comma, semicolon or tab) and header.

    The delimiter is the one by which the first rows have as many cells as the header; where
    several do so, that of the most cells.

    Raises
    ------
    DataError
        If there is no header, or a column name is there twice.
    """
    delimiter = max(DELIMITERS, key=lambda mark: _fit(path, mark))
    header = _first_rows(path, delimiter, 1)
    names = header[0] if header else []
    if not any(name.strip() for name in names):
        raise DataError(f"{path} has no header in its first line; begin it with column names.")
    if strange := next((name for name in names if "\0" in name), None):
        # Arrow loses rows behind such a header.
        raise DataError(
            f"{path} has a zero byte in its header, in {strange[:60]!r}: it may be UTF-16, which "
            f"iconv -f utf-16 -t utf-8 converts; else take the byte out."
        )
    twice = {name: n for name, n in Counter(name for name in names if name).items() if n > 1}
    if twice:
        raise DataError(duplicates(twice, str(path)))
    return CsvLayout(delimiter, _named(names))


def duplicates(twice: dict[str, int], place: str) -> str:
    """Return the message about column names that are there several times."""
    shown = ", ".join(f"{name!r} ({count} times)" for name, count in list(twice.items())[:5])
    return f"{place} has duplicate column names: {shown}; rename them to be unique."


def _fit(path: Path, delimiter: str) -> tuple[float, int]:
    rows = [row for row in _first_rows(path, delimiter, SNIFFED_ROWS) if row]
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0, width
    return sum(len(row) == width for row in rows) / len(rows), width


def _first_rows(path: Path, delimiter: str, number: int) -> list[list[str]]:
    rows: list[list[str]] = []
    # With a wrong delimiter a cell may be longer than a cell can be.
    with open_text(path) as file, suppress(csv.Error):
        rows.extend(islice(csv.reader(file, delimiter=delimiter), number))
    return rows


def _named(header: list[str]) -> tuple[str, ...]:
    taken = set(header)
    names = []
    for position, name in enumerate(header):
        if not name:
            name, number = f"Unnamed: {position}", 0
            while name in taken:
                number += 1
                name = f"Unnamed: {position}.{number}"
            taken.add(name)
        names.append(name)
    return tuple(names)


def read_csv(path: Path) -> pyarrow.Table:
    """Read a whole file as a table of text columns.

    Raises
    ------
    DataError
        If a row has more or fewer cells than the header, or the text is not UTF-8.
    """
    import pyarrow

    layout = csv_layout(path)
    schema = pyarrow.schema([(name, pyarrow.string()) for name in layout.names])
    return pyarrow.Table.from_batches(list(csv_batches(path, layout)), schema)


def csv_batches(path: Path, layout: CsvLayout) -> Iterator[pyarrow.RecordBatch]:
    """Read a file block after block, in order; see `read_csv`."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    if len(_first_rows(path, layout.delimiter, 2)) < 2:
        return
    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "error"

    columns = [f"{number}" for number in range(len(layout.names))]
    reading = arrow_csv.ReadOptions(
        use_threads=False,
        block_size=BLOCK_BYTES,
        column_names=columns,
        skip_rows_after_names=1,
    )
    parsing = arrow_csv.ParseOptions(
        delimiter=layout.delimiter,
        newlines_in_values=True,
        ignore_empty_lines=len(columns) > 1,
        invalid_row_handler=note,
    )
    cells = arrow_csv.ConvertOptions(
        strings_can_be_null=False, column_types=dict.fromkeys(columns, pyarrow.string())
    )
    with _open_bytes(path) as file:
        try:
            with arrow_csv.open_csv(file, reading, parsing, cells) as reader:
                for batch in reader:
                    yield batch.rename_columns(list(layout.names))
        except pyarrow.ArrowInvalid as error:
            raise _refusal(path, len(columns), wrong, str(error)) from error


def _open_bytes(path: Path) -> IO[bytes]:
    # Python's own decompression tells a truncated file from a whole one.
    return gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb")  # type: ignore[return-value]


def _refusal(path: Path, width: int, wrong: list[Any], reason: str) -> DataError:
    if wrong:
        row = wrong[0]
        word = "more" if row.actual_columns > width else "fewer"
        return DataError(
            f"{path} has rows with {word} cells than the {width} columns of its header: line "
            f"{row.number} (empty lines and line breaks in cells aside) has "
            f"{row.actual_columns}, {row.text[:60]!r}; correct the header or these rows."
        )
    if "invalid UTF8" in reason:
        return DataError(f"{path} is not utf-8 text; convert it, as with iconv -t utf-8.")
    if "straddling" in reason:
        return DataError(
            f"{path} has a row longer than {BLOCK_BYTES >> 20} MiB, or a quote that is not "
            f"closed; correct it."
        )
    return DataError(f"{path} cannot be read as CSV ({reason.splitlines()[0].rstrip('.')}).")
