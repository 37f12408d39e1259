"""Making a prepared data set from a table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.checks import check_columns, check_out
from agebo_hpc.data.column_reading import read_columns
from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.data.encoders import two_valued_features
from agebo_hpc.data.file_format import Block, write_prepared
from agebo_hpc.data.inputs import check_kinds, divide, input_ranges
from agebo_hpc.data.kinds import Wishes
from agebo_hpc.data.preprocessing import (
    ONE_HOT_LEVELS,
    Preprocessing,
    fit_crossfitted,
)
from agebo_hpc.data.scaling import Features
from agebo_hpc.data.splits import PARTS, SPLIT, Split, check_split, split_rows
from agebo_hpc.data.tables import check_unique, read_table
from agebo_hpc.data.target import read_target
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.files import is_stream, new_file, writing

BLOCK_ROWS = 65_536
TASKS = ("auto", "classification", "regression")
MIN_ROWS = 10


@dataclass(frozen=True)
class PrepareOptions:
    """How a table is prepared.

    Attributes
    ----------
    name
        Name of the data set; None: the stem of the output file.
    task
        ``"classification"``, ``"regression"``, or ``"auto"``: text, booleans, categories, whole
        numbers with at most 20 distinct values and any numbers with just two make a
        classification, all other numbers and durations a regression.
    split
        Shares of training, validation and test, sum 1.
    drop, categorical, text, numeric, date
        Columns that are left out; that are categories by value or by their text exactly as it
        came; numbers; dates, as ``COLUMN`` or ``COLUMN=dmy`` (``mdy``, ``ymd``). All but `date`
        may name the target, too.
    missing
        Texts that stand for a missing cell in any column, besides those that always do.
    decimal
        Mark before the fraction of numbers in text, ``"."`` or ``","``; nothing: what the cells
        show.
    one_hot_levels
        Most levels of a category that is one-hot encoded, >= 1; more are target encoded.
    inputs
        (name of an input, name of a column or pattern with ``*``, ``?`` and ``[...]``) pairs that
        divide the columns into inputs; none: one input.
    alike
        Groups of names of inputs that hold the same kind of columns in the same order: they are
        encoded alike and have equal shape.
    seed
        Seed of the split and of cross-fitting, >= 0.
    force
        Whether an existing output file is replaced.
    """

    name: str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    split: Split = SPLIT
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    text: Sequence[str] = ()
    numeric: Sequence[str] = ()
    date: Sequence[str] = ()
    missing: Sequence[str] = ()
    decimal: str = ""
    one_hot_levels: int = ONE_HOT_LEVELS
    inputs: Sequence[tuple[str, str]] = ()
    alike: Sequence[Sequence[str]] = ()
    seed: int = 42
    force: bool = False

    def __post_init__(self) -> None:
        check_split(tuple(self.split))
        if self.task not in TASKS:
            raise UsageError(f"--task is {self.task!r}; choose among {', '.join(TASKS)}.")
        if self.decimal not in ("", ".", ","):
            raise UsageError(f"--decimal is {self.decimal!r}; give . or a comma.")
        if self.one_hot_levels < 1:
            raise UsageError(f"--one-hot-levels is {self.one_hot_levels}; give 1 or more.")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed is {self.seed}; give a whole number from 0 to 2^32 - 1.")


def prepare_dataset(
    source: str | Path | pd.DataFrame,
    target: str,
    out: str | Path,
    options: PrepareOptions | None = None,
) -> DataSet:
    """Make a prepared data set from a table.

    Parameters
    ----------
    source
        A table file (CSV, Parquet, ARFF or HDF5), or a data frame, which is not changed.
    target
        Name of the column to predict.
    out
        The file to write; it is written whole or not at all.
    options
        How the table is prepared; None: all defaults.

    Returns
    -------
    DataSet
        The data set, open.

    Raises
    ------
    InputMissingError
        If the table file does not exist.
    DataError
        If the table cannot be read or learnt from.
    UsageError
        If `out` exists without ``force``, or an option names an absent column.
    """
    options = options or PrepareOptions()
    out = Path(out).absolute()
    check_out(out, source, options.force)
    if isinstance(source, pd.DataFrame):
        check_unique(source.columns, "The data frame")
        frame = source.rename(columns=str)
    else:
        # With a decimal mark that is not the usual one, 1.234 is no plain number.
        frame = read_table(source, None if options.decimal == "," else options.text, words=True)
    wishes = check_columns(frame, target, options)
    frame = frame.drop(columns=list(options.drop)).reset_index(drop=True)
    if len(frame) < MIN_ROWS:
        raise DataError(f"The table has {len(frame)} rows; at least {MIN_ROWS} are needed.")
    if is_stream(out):
        return _prepare_stream(frame, target, out, options, wishes)
    return _prepare(frame, target, out, options, wishes)


def _prepare(
    frame: pd.DataFrame, target: str, out: Path, options: PrepareOptions, wishes: Wishes
) -> DataSet:
    remarks = frame.attrs.get("remarks", [])
    known = read_target(frame[target], options.task, wishes.of(target))
    task = known.task
    division = divide(
        [str(name) for name in frame.columns if name != target], options.inputs, options.alike
    )
    columns = read_columns(frame[list(division.columns)], wishes)
    check_kinds(division, {name: column.kind for name, column in columns.items()})
    # From here on the columns are read: numbers, dates, and categories of levels.
    read = {name: column.values for name, column in columns.items()}
    frame = pd.DataFrame({**read, target: known.values}, copy=False)
    y = known.coding(known.values).encode(known.values)
    stratify = y if task == "classification" else None
    rows = split_rows(len(frame), options.split, options.seed, cast(Any, stratify))
    training = frame.iloc[rows["train"]]
    preprocessing, crossfitted = fit_crossfitted(
        training,
        known.coding(training[target]),
        {name: column.reading for name, column in columns.items()},
        options.one_hot_levels,
        options.seed,
        division,
    )
    summaries = [columns[name].summary for name in columns] + [known.decided.summary]
    schema: dict[str, Any] = {
        "name": options.name or out.stem,
        "task": task,
        "rows": {part: len(rows[part]) for part in PARTS},
        "feature_names": list(preprocessing.feature_names),
        "two_valued": list(two_valued_features(training, preprocessing.encoders)),
        "class_counts": _class_counts(y, rows) if task == "classification" else None,
        "split": list(options.split),
        "seed": options.seed,
        "one_hot_levels": options.one_hot_levels,
        "preprocessing": preprocessing.to_dict(),
        "columns": [summary.to_dict() for summary in summaries],
    }
    del training
    if remarks:
        schema["remarks"] = remarks
    if options.inputs:
        ranges = input_ranges(
            division, [(e.column, len(e.features)) for e in preprocessing.encoders]
        )
        schema["inputs"] = [asdict(item) for item in ranges]
    write_prepared(out, schema, _blocks(frame, rows, preprocessing, crossfitted))
    return open_dataset(out)


def _prepare_stream(
    frame: pd.DataFrame, target: str, out: Path, options: PrepareOptions, wishes: Wishes
) -> DataSet:
    """Send a prepared file into a FIFO or a device; its arrays cannot be read again."""
    with TemporaryDirectory() as home:
        made = _prepare(frame, target, Path(home, f"{out.stem}.h5"), options, wishes)
        with writing("--out", out), new_file(out) as stream, made.path.open("rb") as file:
            shutil.copyfileobj(file, stream)
    return made


def _class_counts(y: NDArray[Any], rows: dict[str, NDArray[np.int64]]) -> dict[str, list[int]]:
    classes = int(y.max()) + 1
    return {part: np.bincount(y[rows[part]], minlength=classes).tolist() for part in PARTS}


def _blocks(
    frame: pd.DataFrame,
    rows: dict[str, NDArray[np.int64]],
    preprocessing: Preprocessing,
    crossfitted: dict[str, Features],
) -> Iterator[tuple[str, int, Block]]:
    for part in PARTS:
        for start in range(0, len(rows[part]), BLOCK_ROWS):
            stop = start + BLOCK_ROWS
            block = frame.iloc[rows[part][start:stop]]
            given = {name: x[start:stop] for name, x in crossfitted.items()}
            x, codes = preprocessing.encode(block, given if part == "train" else None)
            y = preprocessing.encode_target(block[preprocessing.target.name])
            yield part, start, {"x": x, **({"codes": codes} if codes.shape[1] else {}), "y": y}
