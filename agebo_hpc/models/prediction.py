"""Predicting the rows of a table file: chunk by chunk, in order, all of the output or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.encoders import Encoder
from agebo_hpc.data.preprocessing import Notice, Preprocessing
from agebo_hpc.data.unfamiliar import Unfamiliar
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.files import is_stream
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.places import check_table_place
from agebo_hpc.models.table_chunks import TableFile, open_table
from agebo_hpc.models.table_writer import new_table

if TYPE_CHECKING:
    from agebo_hpc.models.bundle import Model

OUT_ENDINGS = (".csv", ".csv.gz", ".parquet")
CHUNK_CELLS = 2**23
"""Features of a chunk, at most: 32 MiB as float32."""


def predict_file(
    model: Model,
    source: str | Path,
    out: str | Path,
    keep: Sequence[str] = (),
    force: bool = False,
    unfamiliar: Unfamiliar | None = None,
) -> int:
    """Predict the rows of a table file and write them as CSV or Parquet, in the same order.

    Parameters
    ----------
    model
        The model that predicts.
    source
        Table file, see `agebo_hpc.data.tables.read_table`; CSV and Parquet may be larger than
        memory. A target column is ignored.
    out
        File to write (.csv, .csv.gz or .parquet): the kept columns, ``prediction``, and
        ``probability_<label>`` for each class.
    keep
        Columns of `source` that are copied.
    force
        Whether an existing file is replaced.
    unfamiliar
        Counts the cells that are unlike those of the training rows.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    InputMissingError
        If there is no such table.
    DataError
        If columns are missing, a cell cannot be read, or there are no rows.
    UsageError
        If `out` cannot or must not be written, or `keep` names an absent column.
    """
    table = check_prediction(model.description, source, out, keep, force)
    keep = list(dict.fromkeys(keep))
    with new_table(Path(out), {name: table.types.get(name) for name in keep}) as write:
        rows = 0
        for predicted in predict_chunks(model, table, keep, unfamiliar):
            write(predicted)
            rows += len(predicted)
        if not rows:
            raise DataError(f"{source} has 0 rows; a header and rows are needed.")
    return rows


def check_prediction(
    model: ModelDescription,
    source: str | Path,
    out: str | Path,
    keep: Sequence[str] = (),
    force: bool = False,
) -> TableFile:
    """Check all that can be checked before the first row; see `predict_file`. Needs no network.

    Returns
    -------
    TableFile
        The table to predict, its header read.
    """
    source, out = Path(source), Path(out)
    if not out.name.lower().endswith(OUT_ENDINGS) and not is_stream(out):
        raise UsageError(
            f"OUT is {out}; give a name that ends with one of {', '.join(OUT_ENDINGS)}."
        )
    table = open_table(source)
    check_table_place(out, source, force)
    _check_columns(Preprocessing.from_dict(model.preprocessing).columns, table)
    _check_keep(model.output_columns, table, keep)
    return table


def predict_chunks(
    model: Model,
    table: TableFile,
    keep: Sequence[str] = (),
    unfamiliar: Unfamiliar | None = None,
) -> Iterator[pd.DataFrame]:
    """Predict a table chunk by chunk; see `predict_file`."""
    preprocessing = model.preprocessing
    text = (*preprocessing.category_columns, *keep)
    size = CHUNK_CELLS // max(1, len(preprocessing.feature_names))
    first = 1
    for chunk in table.chunks(text, min(65_536, max(1024, size))):
        if len(chunk):
            notice = None if unfamiliar is None else unfamiliar.note
            features = _features(preprocessing, chunk, f"{table.path}", first, notice)
            predicted = model.tabulate(model.outputs(features), chunk.index)
            yield pd.concat([chunk[list(keep)], predicted], axis=1)
        first += len(chunk)


def _features(
    preprocessing: Preprocessing,
    chunk: pd.DataFrame,
    path: str,
    first: int,
    notice: Notice | None = None,
) -> NDArray[np.float32]:
    try:
        return preprocessing.network_input(chunk, notice)
    except DataError as error:
        located = _first_wrong_cell(preprocessing, chunk)
        if located is None:
            raise
        name, position, expected = located
        raise DataError(
            f"{path}: column {name!r} is {str(chunk[name].iloc[position])!r} in row "
            f"{first + position} (the first after the header is 1); {expected} is expected: "
            f"correct the cell, or leave it empty (missing)."
        ) from error


def _first_wrong_cell(
    preprocessing: Preprocessing, chunk: pd.DataFrame
) -> tuple[str, int, str] | None:
    """Find a cell that its encoder refuses: its column, position, and what it should be."""
    for encoder in preprocessing.encoders:
        column = chunk[encoder.column]
        if not _refuses(encoder, column):
            continue
        start, stop = 0, len(column)
        while stop - start > 1:
            middle = (start + stop) // 2
            if _refuses(encoder, column.iloc[start:middle]):
                stop = middle
            else:
                start = middle
        return encoder.column, start, "a date" if encoder.kind == "datetime" else "a number"
    return None


def _refuses(encoder: Encoder, column: pd.Series) -> bool:
    try:
        encoder.transform(column)
    except DataError:
        return True
    return False


def _check_columns(needed: Sequence[str], table: TableFile) -> None:
    missing = [name for name in needed if name not in table.columns]
    if not missing:
        return
    spare = [name for name in table.columns if name not in needed]
    close = [name for m in missing for name in difflib.get_close_matches(m, spare, n=1)]
    hint = f" Is it {', '.join(map(repr, dict.fromkeys(close)))} there?" if close else ""
    word = "column" if len(missing) == 1 else "columns"
    raise DataError(
        f"{table.path} lacks the {word} {', '.join(map(repr, missing))}, which the model "
        f"needs; add the missing ones.{hint}"
    )


def _check_keep(outputs: Sequence[str], table: TableFile, keep: Sequence[str]) -> None:
    for name in keep:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            shown = ", ".join(map(repr, table.columns[:30]))
            raise UsageError(
                f"--keep is {name!r}, but {table.path} has no such column.{hint} It has {shown}."
            )
        if name in outputs:
            raise UsageError(
                f"--keep is {name!r}, which is a column of the output too; rename it in "
                f"{table.path}, or leave it out."
            )
