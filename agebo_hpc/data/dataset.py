"""The prepared data set: opening it, and making it from a table.

A part's arrays are checked and mapped from the file, read-only, when they are first used: the
processes of a node share one copy, and a search never reads the test part.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.checks import check_columns, check_out
from agebo_hpc.data.encoders import Features, two_valued_features
from agebo_hpc.data.file_format import (
    FORMAT,
    FORMAT_VERSION,
    Block,
    array_names,
    read_prepared,
    write_prepared,
)
from agebo_hpc.data.inputs import WHOLE, InputRange, check_kinds, divide, input_ranges
from agebo_hpc.data.integrity import Extent, check_array
from agebo_hpc.data.kinds import Wishes
from agebo_hpc.data.preprocessing import (
    ONE_HOT_LEVELS,
    Preprocessing,
    fit_crossfitted,
    read_columns,
)
from agebo_hpc.data.splits import PARTS, SPLIT, Split, check_split, split_rows
from agebo_hpc.data.tables import check_unique, read_table
from agebo_hpc.data.target import ClassCoding, Task, read_target
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.files import is_stream, new_file, writing

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "DataSet",
    "Part",
    "PrepareOptions",
    "open_dataset",
    "prepare_dataset",
]

BLOCK_ROWS = 65_536
TASKS = ("auto", "classification", "regression")
MIN_ROWS = 10


@dataclass(frozen=True)
class Part:
    """The training, validation or test rows, in random order.

    Attributes
    ----------
    x
        Features, shape (rows, num_features), float32, all finite; a read-only map of the file.
    y
        Classification: class index, shape (rows,), int32. Regression: standardised target,
        shape (rows,), float32.
    codes
        Shape (rows, columns of codes), int32, see `agebo_hpc.data.codes`; None: there are none.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    codes: NDArray[np.int32] | None = None


class DataSet:
    """A prepared data set; made by `open_dataset`.

    Attributes
    ----------
    path, name
        Absolute path of the file; a name for people.
    task
        ``"classification"`` or ``"regression"``.
    target
        Name of the target column.
    class_labels
        Original labels, by class index; None for a regression.
    feature_names, num_features, num_outputs
        Of the network: inputs, and classes (1 for a regression).
    num_rows
        Part -> rows.
    preprocessing
        How a table with the same columns becomes arrays, and outputs become labels.
    fingerprint
        SHA-256 of the description and the arrays' checksums, in hexadecimal.
    has_checksums
        Whether damage of the arrays can be told; the first files had no checksums.
    created, agebo_hpc_version
        When (ISO 8601, UTC) and by which version it was made.
    schema
        All of the description, as plain data.
    """

    def __init__(
        self,
        path: Path,
        schema: dict[str, Any],
        extents: dict[str, Extent],
        verify: bool = True,
    ) -> None:
        self.path = path
        self.has_checksums = "checksums" in schema
        self.schema = schema
        self.preprocessing = Preprocessing.from_dict(schema["preprocessing"])
        self.name: str = schema["name"]
        self.task: Task = schema["task"]
        self.target: str = self.preprocessing.target.name
        self.num_rows: dict[str, int] = schema["rows"]
        self.fingerprint: str = schema["fingerprint"]
        self.created: str = schema["created"]
        self.agebo_hpc_version: str = schema["agebo_hpc_version"]
        self._check_schema()
        self._extents = extents
        self._unchecked = set(extents) if verify else set()

    def _check_schema(self) -> None:
        """Raise ValueError if parts of the description contradict each other."""
        if self.schema["feature_names"] != list(self.feature_names):
            raise ValueError("feature_names are not those of the columns")
        if self.task != self.preprocessing.task:
            raise ValueError(f"task is {self.task!r}, the target's {self.preprocessing.task!r}")
        checksums = self.schema.get("checksums", {})
        if self.has_checksums and sorted(checksums) != sorted(
            f"{p}/{a}" for p in PARTS for a in array_names(self.schema)
        ):
            raise ValueError("checksums are not those of the arrays")
        for name in ("split", "seed"):
            if name not in self.schema:
                raise ValueError(f"{name} is not told")
        for part in PARTS:
            counts = self.class_counts(part)
            if (counts is None) != (self.class_labels is None):
                raise ValueError("class_counts are there without class labels, or lack")
            if counts is not None and (
                len(counts) != self.num_outputs or sum(counts) != self.num_rows[part]
            ):
                raise ValueError(f"class_counts of {part} are not those of its rows")
        two_valued = self.schema.get("two_valued", [])
        if not all(type(k) is int and 0 <= k < self.num_features for k in two_valued):
            raise ValueError("two_valued are not positions of features")
        stops = [0, *(item.stop for item in self.inputs)]
        starts = [*(item.start for item in self.inputs), self.num_features]
        if stops != starts:
            raise ValueError("inputs do not divide the features")

    @property
    def class_labels(self) -> tuple[Any, ...] | None:
        """Original labels by class index, None for a regression."""
        coding = self.preprocessing.target
        return coding.labels if isinstance(coding, ClassCoding) else None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of ``x``."""
        return self.preprocessing.feature_names

    @property
    def num_features(self) -> int:
        """Columns of ``x``."""
        return len(self.feature_names)

    @property
    def inputs(self) -> tuple[InputRange, ...]:
        """The inputs in the order of their columns; one where none was declared."""
        declared = self.schema.get("inputs")
        if not declared:
            return (InputRange(WHOLE, 0, self.num_features, WHOLE),)
        return tuple(InputRange(**item) for item in declared)

    @property
    def input_widths(self) -> tuple[int, ...]:
        """Columns of ``x`` that belong to each input."""
        return tuple(item.stop - item.start for item in self.inputs)

    def class_counts(self, part: str) -> tuple[int, ...] | None:
        """Return the rows of each class in a part, by class index; None for a regression."""
        counts = self.schema["class_counts"]
        return None if counts is None else tuple(counts[part])

    @property
    def num_outputs(self) -> int:
        """Outputs of a network: classes, or 1."""
        return len(self.class_labels) if self.class_labels is not None else 1

    @cached_property
    def train(self) -> Part:
        """Rows that networks and the preprocessing are fitted to."""
        return self._part("train")

    @cached_property
    def validation(self) -> Part:
        """Rows that the search compares networks on."""
        return self._part("validation")

    @cached_property
    def test(self) -> Part:
        """Rows that only a final network sees."""
        return self._part("test")

    def target_of(self, part: str) -> NDArray[Any]:
        """Return ``y`` of a part; its ``x`` is not read.

        Raises
        ------
        DataError
            If it is damaged.
        """
        return self._map(f"{part}/y")

    def verify(self, parts: Iterable[str] = PARTS) -> None:
        """Check parts now, so that hours are not spent before damage is found.

        Raises
        ------
        DataError
            If one is damaged.
        """
        for part in parts:
            getattr(self, part)

    @property
    def remarks(self) -> list[str]:
        """What a user should know before using the data, a line each. Reads targets."""
        lines = []
        if not self.has_checksums:
            lines.append(
                f"{self.path} was prepared by agebo_hpc {self.agebo_hpc_version} and carries no "
                f"checksums: damage may go unnoticed; prepare it again to have them."
            )
        return lines + [reason for reason in [constant_target(self, "validation")] if reason]

    def _map(self, name: str) -> NDArray[Any]:
        extent = self._extents[name]
        if name in self._unchecked:
            part, array = name.split("/")
            counts = self.class_counts(part) if array == "y" else None
            sizes = [column.size for column in self.preprocessing.codes]
            checksum = self.schema["checksums"][name] if self.has_checksums else None
            check_array(self.path, name, extent, checksum, counts, max(sizes, default=0))
            self._unchecked.discard(name)
        try:
            return np.memmap(self.path, extent.dtype, "r", extent.offset, shape=extent.shape)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path} cannot be mapped ({error}).") from error

    def _part(self, part: str) -> Part:
        codes = self._map(f"{part}/codes") if self.preprocessing.codes else None
        return Part(self._map(f"{part}/x"), self._map(f"{part}/y"), codes)

    def __repr__(self) -> str:
        return (
            f"DataSet({self.name!r}, {self.task}, {self.num_rows}, {self.num_features} features)"
        )


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
        Of the split and of cross-fitting, >= 0.
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


def constant_target(data: DataSet, part: str) -> str:
    """Say that all rows of a part have the same target; nothing if they have not."""
    y = data.target_of(part)
    if y.min() < y.max():
        return ""
    return (
        f"The target {data.target!r} is constant in the {part} part of {data.path}, the same in "
        f"all of its {len(y)} rows: networks cannot be compared on it. Prepare with another "
        f"--seed, a larger share of {part} rows in --split, or more rows."
    )


def open_dataset(path: str | Path, verify: bool = True) -> DataSet:
    """Open a prepared data set; its arrays are not read yet.

    Parameters
    ----------
    path
        Path of the file.
    verify
        Whether each array is checked before its first use, which reads it once: 2.7 GB a second
        and core from memory. False: another process of this node checks it, and this one waits.

    Raises
    ------
    InputMissingError
        If there is no such file.
    DataError
        If it is not HDF5, of another program, of a newer format, or damaged.
    """
    path = Path(path).absolute()
    schema, extents = read_prepared(path)
    try:
        return DataSet(path, schema, extents, verify)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} has a description that cannot be read ({type(error).__name__}: {error}); "
            f"prepare the data set again."
        ) from error


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
    facts = [columns[name].facts for name in columns] + [known.decided.facts]
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
        "columns": [fact.to_dict() for fact in facts],
    }
    del training
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
