"""Making a prepared data set from a table, or from one for each part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.checks import check_columns, check_out
from agebo_hpc.data.column_reading import read_columns
from agebo_hpc.data.cross_fitting import CrossFitting
from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.data.encoders import two_valued_features
from agebo_hpc.data.file_format import Block, write_prepared
from agebo_hpc.data.giveaways import giveaways
from agebo_hpc.data.identifiers import identifiers
from agebo_hpc.data.inputs import Division, check_kinds, divide, input_ranges
from agebo_hpc.data.kinds import Wishes
from agebo_hpc.data.options import PrepareOptions
from agebo_hpc.data.own_files import (
    Source,
    check_schema,
    file_names,
    of_table,
    read_one,
    read_others,
)
from agebo_hpc.data.preprocessing import Preprocessing, fit_crossfitted
from agebo_hpc.data.scaling import Features
from agebo_hpc.data.skew import lost_digits
from agebo_hpc.data.splits import PARTS, SPLIT, Split
from agebo_hpc.data.splitting.advice import advice
from agebo_hpc.data.splitting.arrays import Parts, SplitArrays, divide_rows
from agebo_hpc.data.splitting.columns import (
    arrays_of,
    check_split_columns,
    check_ways,
    split_columns,
    with_time_columns,
)
from agebo_hpc.data.splitting.record import By, SplitRecord, way_of
from agebo_hpc.data.splitting.repeated import repeated
from agebo_hpc.data.splitting.strangers import strangers
from agebo_hpc.data.target import ClassCoding, TargetCoding, read_target
from agebo_hpc.data.weights import Weights, normalised, read_weights
from agebo_hpc.errors import DataError
from agebo_hpc.files import is_stream, new_file, writing

__all__ = ["PrepareOptions", "prepare_dataset"]

BLOCK_ROWS = 65_536
MIN_ROWS = 10


def prepare_dataset(
    source: Source,
    target: str,
    out: str | Path,
    options: PrepareOptions | None = None,
    *,
    validation: Source | None = None,
    test: Source | None = None,
    arrays: SplitArrays | None = None,
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
    validation, test
        Tables of these parts, with the same columns; `source` is the training part then. They are
        read as it says. None: parts are made of `source`.
    arrays
        Groups, times or parts of the rows of `source` that are not columns of it, see
        `SplitArrays.of`.

    Returns
    -------
    DataSet
        The data set, open.

    Raises
    ------
    InputMissingError
        If a table file does not exist.
    DataError
        If a table cannot be read or learnt from, or cannot be split as it was asked for.
    UsageError
        If `out` exists without ``force``, an option names an absent column, or options contradict
        each other.
    """
    options = options or PrepareOptions()
    out = Path(out).absolute()
    others = {"validation": validation, "test": test}
    check_ways(options, any(table is not None for table in others.values()), arrays is not None)
    for table in (source, validation, test):
        check_out(out, table, options.force)
    # With a decimal mark that is not the usual one, 1.234 is no plain number.
    text = None if options.decimal == "," else options.text
    frame = read_one(source, "", text)
    tables = {"train": frame, **read_others(others, frame, text)}
    wishes = check_columns(frame, target, options)
    options = with_time_columns(options, list(frame.columns))
    unused = {*options.drop, *check_split_columns(list(frame.columns), target, options)}
    check_schema(frame, tables, options.drop, target)
    if arrays is None:
        by, known = arrays_of(tables, options, wishes)
    else:
        by, known = way_of(arrays), arrays
    names = file_names(source, others) if len(tables) > 1 else {}
    asked = _Asked(target, options, wishes, by, known, names)
    tables = {
        part: table.drop(columns=list(unused & set(table.columns))).reset_index(drop=True)
        for part, table in tables.items()
    }
    if sum(map(len, tables.values())) < MIN_ROWS:
        raise DataError(f"The table has {len(frame)} rows; at least {MIN_ROWS} are needed.")
    return _prepare_stream(tables, out, asked) if is_stream(out) else _prepare(tables, out, asked)


@dataclass(frozen=True)
class _Asked:
    """What is made of the tables, once all of it was checked."""

    target: str
    options: PrepareOptions
    wishes: Wishes
    by: By
    arrays: SplitArrays
    files: Mapping[str, str]

    @property
    def split(self) -> Split:
        """The shares that were asked for."""
        return self.options.split or SPLIT

    @property
    def rows_of_a_class(self) -> int:
        """Rows that each class needs: where chance divides them, one in each part."""
        return sum(share > 0 for share in self.split) if self.by == "random" else 1

    def shares(self, rows: Parts) -> Split:
        """Return the shares of a split: as asked for, or as they were given."""
        if self.arrays.parts is None:
            return self.split
        train, validation, test = (len(rows[part]) for part in PARTS)
        total = train + validation + test
        return train / total, validation / total, test / total


@dataclass(frozen=True)
class _Part:
    """Rows of a part: a table, which of its rows in which order, and their encoded target."""

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    y: NDArray[Any]
    groups: NDArray[np.int32] | None = None
    times: NDArray[np.int32] | None = None
    weights: NDArray[np.float32] | None = None


def _prepare(tables: Mapping[str, pd.DataFrame], out: Path, asked: _Asked) -> DataSet:
    options, target, wishes = asked.options, asked.target, asked.wishes
    frame = tables["train"]
    remarks = list(frame.attrs.get("remarks", []))
    weights = _weights(tables, options.weight, wishes) if options.weight else None
    known = read_target(frame[target], options.task, wishes.of(target), asked.rows_of_a_class)
    division = divide(
        [str(name) for name in frame.columns if name != target], options.inputs, options.alike
    )
    columns = read_columns(frame[list(division.columns)], wishes)
    check_kinds(division, {name: column.kind for name, column in columns.items()})
    # From here on the columns are read: numbers, dates, and categories of levels.
    read = {name: column.values for name, column in columns.items()}
    frame = pd.DataFrame({**read, target: known.values}, copy=False)
    tables = {**tables, "train": frame}
    y = known.coding(known.values).encode(known.values)
    rows = divide_rows(
        sum(map(len, tables.values())),
        asked.split,
        options.seed,
        y,
        asked.arrays,
        known.task == "classification",
    )
    training = frame.iloc[rows["train"]]
    preprocessing, crossfitted = fit_crossfitted(
        training,
        known.coding(training[target]),
        {name: column.reading for name, column in columns.items()},
        options.one_hot_levels,
        CrossFitting(options.seed, asked.arrays.of_rows(rows["train"])),
        division,
    )
    counted = None if weights is None else normalised(weights, rows, options.weight)
    parts = _parts(tables, rows, preprocessing.target, asked.arrays, counted)
    if asked.arrays.parts is not None:
        remarks += strangers(parts, preprocessing)
    if asked.by == "random":
        remarks += advice({name: column.values for name, column in columns.items()}, y)
        remarks += repeated(frame, rows)
    remarks += identifiers(training, preprocessing)
    remarks += giveaways(training, target, y[rows["train"]])
    remarks += lost_digits(training[target], preprocessing.target)
    summaries = [columns[name].summary for name in columns] + [known.decided.summary]
    schema = {
        "name": options.name or out.stem,
        "task": known.task,
        "two_valued": list(two_valued_features(training, preprocessing.encoders)),
        "columns": [summary.to_dict() for summary in summaries],
        **_schema(asked, preprocessing, division, parts),
        **_split_schema(asked, rows),
        **({"weight": {"column": options.weight, "mean": counted.mean}} if counted else {}),
        **({"remarks": remarks} if remarks else {}),
    }
    del training
    write_prepared(out, schema, _blocks(parts, preprocessing, crossfitted))
    return open_dataset(out)


def _schema(
    asked: _Asked, preprocessing: Preprocessing, division: Division, parts: Mapping[str, _Part]
) -> dict[str, Any]:
    options = asked.options
    schema: dict[str, Any] = {
        "rows": {part: len(some.rows) for part, some in parts.items()},
        "feature_names": list(preprocessing.feature_names),
        "class_counts": _class_counts(preprocessing.target, parts),
        "seed": options.seed,
        "one_hot_levels": options.one_hot_levels,
        "preprocessing": preprocessing.to_dict(),
    }
    if options.inputs:
        features = [(e.column, len(e.features)) for e in preprocessing.encoders]
        schema["inputs"] = [asdict(item) for item in input_ranges(division, features)]
    return schema


def _split_schema(asked: _Asked, rows: Parts) -> dict[str, Any]:
    """Return what is told of the split; one by chance has a description as it always had."""
    shares = {"split": list(asked.shares(rows))}
    if asked.by == "random":
        return shares
    record = SplitRecord.of(
        asked.by, rows, asked.arrays, split_columns(asked.options), asked.files
    )
    return {**shares, "split_by": record.to_dict()}


def _prepare_stream(tables: Mapping[str, pd.DataFrame], out: Path, asked: _Asked) -> DataSet:
    """Send a prepared file into a FIFO or a device; its arrays cannot be read again."""
    with TemporaryDirectory() as home:
        made = _prepare(tables, Path(home, f"{out.stem}.h5"), asked)
        with writing("--out", out), new_file(out) as stream, made.path.open("rb") as file:
            shutil.copyfileobj(file, stream)
    return made


def _parts(
    tables: Mapping[str, pd.DataFrame],
    rows: Parts,
    coding: TargetCoding,
    arrays: SplitArrays,
    weights: Weights | None,
) -> dict[str, _Part]:
    """Return the rows of each part, and their target in the coding of the training part."""
    groups, times = _numbered(arrays.groups, rows), _numbered(arrays.times, rows)
    parts, first = {}, 0
    for part in PARTS:
        frame = tables.get(part, tables["train"])
        own = rows[part] - (first if part in tables else 0)
        # A part without a table of its own is of the first one.
        first += len(frame) if part in tables else 0
        with of_table(part if len(tables) > 1 else ""):
            y = _encoded(frame[coding.name].iloc[own], coding, part)
        counted = None if weights is None else weights.values[rows[part]]
        parts[part] = _Part(frame, own, y, groups.get(part), times.get(part), counted)
    return parts


def _weights(tables: Mapping[str, pd.DataFrame], name: str, wishes: Wishes) -> NDArray[np.float64]:
    """Take the column of weights out of all tables, and return what each row counts."""
    found = []
    for part in (part for part in PARTS if part in tables):
        with of_table(part if len(tables) > 1 else ""):
            found.append(read_weights(tables[part].pop(name), wishes))
    return np.concatenate(found)


def _encoded(column: pd.Series, coding: TargetCoding, part: str) -> NDArray[Any]:
    if not len(column):
        return np.zeros(0, np.int32 if isinstance(coding, ClassCoding) else np.float32)
    try:
        return coding.encode(column)
    except DataError as error:
        raise DataError(f"The {part} part cannot be used: {error}") from error


def _numbered(values: NDArray[Any] | None, rows: Parts) -> dict[str, NDArray[np.int32]]:
    """Return the group or the time of each row of a part, numbered in order over all parts."""
    if values is None:
        return {}
    used = np.unique(np.concatenate([values[some] for some in rows.values()]))
    return {
        part: np.searchsorted(used, values[some]).astype(np.int32) for part, some in rows.items()
    }


def _class_counts(coding: TargetCoding, parts: Mapping[str, _Part]) -> dict[str, list[int]] | None:
    if not isinstance(coding, ClassCoding):
        return None
    classes = len(coding.labels)
    return {p: np.bincount(some.y, minlength=classes).tolist() for p, some in parts.items()}


def _blocks(
    parts: Mapping[str, _Part], preprocessing: Preprocessing, crossfitted: dict[str, Features]
) -> Iterator[tuple[str, int, Block]]:
    for part, some in parts.items():
        for start in range(0, len(some.rows), BLOCK_ROWS):
            cut = slice(start, start + BLOCK_ROWS)
            given = {name: x[cut] for name, x in crossfitted.items()} if part == "train" else None
            with of_table(part if some.frame is not parts["train"].frame else ""):
                x, codes = preprocessing.encode(some.frame.iloc[some.rows[cut]], given)
            known = {"group": some.groups, "time": some.times, "weights": some.weights}
            others = {name: array[cut] for name, array in known.items() if array is not None}
            more = {"codes": codes} if codes.shape[1] else {}
            yield part, start, {"x": x, **more, "y": some.y[cut], **others}
