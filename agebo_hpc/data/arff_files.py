"""ARFF files as tables, dense or sparse, with what Weka writes and its format allows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from agebo_hpc.data.csv_files import open_text
from agebo_hpc.errors import DataError

CHUNK_ROWS = 50_000
# The decoder has no dates, and makes numbers lose digits: both are declared as text for it.
_DECLARED = re.compile(
    r"""(\s*@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'"]\S*))\s+"""
    r"(date|numeric|real|integer)\b",
    re.IGNORECASE,
)
_WEIGHT = re.compile(r",\s*\{\s*[-+0-9.eE]+\s*\}\s*$")
_COMMENT = re.compile(r"[\s}]%")
_PIECES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"]+|.""")


def read_arff(path: Path, text: Collection[str] | None, words: bool) -> pd.DataFrame:
    """Read a table; see `agebo_hpc.data.tables.read_table`.

    Cells may be apart by commas or tabs. Weights of instances are read over, since nothing here
    weighs rows; the frame's ``attrs["remarks"]`` says so.

    Raises
    ------
    DataError
        If an attribute name is there twice.
    ValueError
        If the file is no sound ARFF.
    """
    import arff

    try:
        try:
            return _frame(path, arff.DENSE_GEN, text, words)
        except arff.BadLayout:
            return _frame(path, arff.LOD_GEN, text, words)
    except arff.BadAttributeName as error:
        raise DataError(
            f"{path} has duplicate attribute names ({error}); rename them to be unique."
        ) from error
    except arff.ArffException as error:
        raise ValueError(str(error)) from error


def _frame(path: Path, layout: int, text: Collection[str] | None, words: bool) -> pd.DataFrame:
    import arff
    import pyarrow

    from agebo_hpc.data.plain_text import plain_column

    with open_text(path) as file:
        weighed: list[str] = []
        content = arff.load(_lines(file, weighed), encode_nominal=False, return_type=layout)
        kinds = dict(content["attributes"])
        zeros = [kind[0] if isinstance(kind, list) else "0" for kind in kinds.values()]
        rows = iter(content["data"])
        if layout == arff.LOD_GEN:
            rows = ([row.get(i, zero) for i, zero in enumerate(zeros)] for row in rows)
        # In chunks, so that a million rows of Python objects are never alive together.
        chunks: list[list[Any]] = [[] for _ in kinds]
        while chunk := list(islice(rows, CHUNK_ROWS)):
            for column, cells in zip(chunks, zip(*chunk, strict=True), strict=True):
                column.append(pyarrow.array(cells, pyarrow.string()))
    columns: dict[str, Any] = {}
    for (name, kind), pieces in zip(kinds.items(), chunks, strict=True):
        whole = pyarrow.chunked_array(pieces, pyarrow.string())
        if isinstance(kind, list):
            columns[name] = whole.to_pandas().astype(pd.CategoricalDtype(kind))
        elif text is None or name in text:
            columns[name] = whole.to_pandas()
        else:
            columns[name] = plain_column(whole, words)
    frame = pd.DataFrame(columns)
    if weighed:
        frame.attrs["remarks"] = [
            f"{path} has weights of instances, such as {weighed[0]!r}; they are read over, and "
            f"all rows count alike."
        ]
    return frame


def _lines(file: IO[str], weighed: list[str]) -> Iterator[str]:
    """Give the lines in the part of the format that the decoder knows, the first weight apart."""
    lines = (_without_comment(line.rstrip("\r\n")) for line in file)
    for line in lines:
        declared = _DECLARED.match(line)
        yield _without_tabs(f"{declared[1]} STRING" if declared else line, " ")
        if line.strip().lower().startswith("@data"):
            break
    for line in lines:
        row = line.strip()
        if row and not row.startswith("%"):
            weight = _WEIGHT.search(row)
            if weight:
                row = row[: weight.start()]
                weighed[:] = weighed or [weight[0].lstrip(", ")]
            yield _without_tabs(row, _tab(row)) if "\t" in row else row


def _without_comment(line: str) -> str:
    """Return a line up to the ``%`` that stands in it apart and in no quotes, as Weka reads it."""
    if not _COMMENT.search(line):
        return line
    end = 0
    for piece in _PIECES.findall(line):
        found = None if piece[0] in "'\"" else _COMMENT.search(piece)
        if found:
            return line[: end + found.end() - 1].rstrip()
        end += len(piece)
    return line


def _tab(row: str) -> str:
    """Tell whether a row's tabs are blanks or stand between its cells."""
    unquoted = "".join(piece for piece in _PIECES.findall(row) if piece[0] not in "'\"")
    return " " if "," in unquoted or row.startswith("{") else ","


def _without_tabs(line: str, instead: str) -> str:
    pieces = _PIECES.findall(line)
    return "".join(p if p[0] in "'\"" else re.sub(r"\t+", instead, p) for p in pieces)
