"""The prepared data set: opening it and reading its parts.

A part's arrays are checked and mapped from the file, read-only, when they are first used: the
processes of a node share one copy, and a search never reads the test part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agebo_hpc.data.file_format import array_names, read_prepared
from agebo_hpc.data.inputs import WHOLE, InputRange
from agebo_hpc.data.integrity import Extent, check_array
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.splits import PARTS, Split
from agebo_hpc.data.splitting.record import SplitRecord
from agebo_hpc.data.target import ClassCoding, RealCoding, TargetCoding, Task
from agebo_hpc.data.target_transform import MOST_ROWS, Sample, fit_transform
from agebo_hpc.errors import ConfigurationError, DataError

SHARES_APART = 0.1
"""How much another share of the rows than was asked for a part may have, and nothing is said."""
NO_TEST = (
    "There is no test part: no score can be given on rows that no choice has seen; those on the "
    "validation rows flatter the networks that they chose."
)


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
        Codes of the columns that a network may embed, shape (rows, columns of codes), int32: 1 and
        more for levels seen in training, 0 for others. None: there are none.
    groups
        Number of the group of each row over all parts, shape (rows,), int32, where the split
        knows groups. None: it knows none.
    times
        Number of the time of each row, over all parts and in their order, shape (rows,), int32,
        where the split knows times. None: it knows none, or the file is of before.
    weights
        What each row counts, shape (rows,), float32, >= 0, with the mean 1 over the training
        rows. None: all count alike.
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    codes: NDArray[np.int32] | None = None
    groups: NDArray[np.int32] | None = None
    weights: NDArray[np.float32] | None = None
    times: NDArray[np.int32] | None = None

    def arrays(self, with_codes: bool) -> dict[str, NDArray[Any]]:
        """Return the arrays that there are by name, codes only where they are asked for."""
        codes = {"codes": self.codes} if with_codes and self.codes is not None else {}
        weights = {} if self.weights is None else {"weights": self.weights}
        return {"x": self.x, "y": self.y, **codes, **weights}


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
        Names and number of a network's inputs, and its number of outputs: classes, or 1.
    num_rows
        Part -> rows; the test part may have none, see `has_test`.
    split
        How the rows were divided: by chance, time, group, or as it was given.
    shares
        Share of each part, as asked for or as given.
    preprocessing
        How a table with the same columns becomes arrays, and outputs become labels.
    fingerprint
        SHA-256 of the description and the arrays' checksums, in hexadecimal.
    has_checksums
        Whether damage of the arrays can be told; the first files had no checksums.
    created, agebo_hpc_version
        When it was made (ISO 8601, UTC), and by which version.
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
        self.split = SplitRecord.from_dict(schema.get("split_by"))
        self._check_schema()
        self.shares: Split = tuple(schema["split"])
        self._stored: RealCoding | None = None
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
        if not self.num_rows["train"] or not self.num_rows["validation"]:
            raise ValueError("there are no rows to train on, or to validate with")
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
    def has_test(self) -> bool:
        """Whether there are rows that no choice has seen."""
        return self.num_rows["test"] > 0

    @property
    def split_text(self) -> str:
        """How the rows were divided, in a line."""
        return self.split.text(self.shares, self.schema["seed"])

    @property
    def class_labels(self) -> tuple[Any, ...] | None:
        """Original labels by class index, None for a regression."""
        coding = self.preprocessing.target
        return coding.labels if isinstance(coding, ClassCoding) else None

    @property
    def is_weighted(self) -> bool:
        """Whether rows count differently."""
        return bool(self.schema.get("weight"))

    @property
    def decode(self) -> Callable[[ArrayLike], NDArray[Any]]:
        """What makes labels of class indices, or numbers in the target's own unit of ``y``."""
        return self.preprocessing.target.decode

    @property
    def recoding(self) -> RealCoding | None:
        """How networks learn a real target, where it is not standardised; None: it is."""
        coding = self.preprocessing.target
        return None if self._stored is None or isinstance(coding, ClassCoding) else coding

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
        y = self._map(f"{part}/y")
        if self._stored is None:
            return y
        coding = self.preprocessing.target
        assert isinstance(coding, RealCoding)
        coded = np.empty(len(y), np.float32)
        for start in range(0, len(y), MOST_ROWS):
            stop = start + MOST_ROWS
            coded[start:stop] = coding.coded(self._stored.exact(y[start:stop]))
        return coded

    def recoded(self, coding: str) -> DataSet:
        """Return the same data with a target that networks learn in another way.

        It is fitted to the training part, the same on every process.

        Parameters
        ----------
        coding
            See `agebo_hpc.space.recipe.Recipe.coding`; empty: as it is stored.

        Raises
        ------
        ConfigurationError
            If the target has no such transform.
        DataError
            If the data are damaged.
        """
        if not coding:
            return self
        stored = self.preprocessing.target
        if not isinstance(stored, RealCoding):
            raise ConfigurationError(
                f"{coding} is for numbers, but the data set is a classification; leave it out."
            )
        stored = stored.standard
        y = self._map("train/y")
        some = np.asarray(y)
        if len(y) > MOST_ROWS:
            some = np.concatenate([y[:: -(-len(y) // MOST_ROWS)], [y.min(), y.max()]])
        least = self.least_target(("train", "validation"))
        sample = Sample(stored.name, stored.exact(some), stored.scale, least)
        return self.with_target(replace(stored, transform=fit_transform(coding, sample)))

    def least_target(self, parts: Iterable[str] = PARTS) -> float:
        """Return the smallest target of some parts, of a regression, in the user's unit.

        Raises
        ------
        DataError
            If the data are damaged.
        """
        coding = self.preprocessing.target
        assert isinstance(coding, RealCoding)
        least = min(self._map(f"{part}/y").min() for part in parts if self.num_rows[part])
        return float(coding.standard.exact(least))

    def with_target(self, coding: TargetCoding) -> DataSet:
        """Return the same data with a target as another coding has it, where that is its own."""
        mine = self.preprocessing.target
        if not isinstance(coding, RealCoding) or not isinstance(mine, RealCoding):
            return self
        if coding == mine or coding.standard != mine.standard:
            return self
        other = copy(self)
        for name in PARTS:
            other.__dict__.pop(name, None)
        other.preprocessing = replace(self.preprocessing, target=coding)
        other._stored = None if coding.transform is None else coding.standard
        return other

    @property
    def as_stored(self) -> DataSet:
        """The same data with the target standardised, as the file has it."""
        coding = self.preprocessing.target
        return self.with_target(coding.standard if isinstance(coding, RealCoding) else coding)

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
        lines = list(self.schema.get("remarks", ()))
        if self.is_weighted:
            column = self.schema["weight"]["column"]
            lines.append(f"Rows count by the column {column!r}, in training and in all scores.")
        if not self.has_checksums:
            lines.append(
                f"{self.path} was prepared by agebo_hpc {self.agebo_hpc_version} and carries no "
                f"checksums: damage may go unnoticed; prepare it again to have them."
            )
        if not self.has_test:
            lines.append(NO_TEST)
        lines += self._lacking_classes() + self._other_shares()
        return lines + [reason for reason in [constant_target(self, "validation")] if reason]

    def _other_shares(self) -> list[str]:
        """Tell where whole groups, or times, made parts of other sizes than asked for."""
        found = [self.num_rows[part] / sum(self.num_rows.values()) for part in PARTS]
        apart = max(abs(one - other) for one, other in zip(found, self.shares, strict=True))
        if self.split.by not in ("time", "group") or apart <= SHARES_APART:
            return []
        shown = ", ".join(f"{part} {share:.0%}" for part, share in zip(PARTS, found, strict=True))
        return [
            f"The parts have other shares than {','.join(f'{s:g}' for s in self.shares)}: {shown} "
            f"of the rows; what belongs together is not divided."
        ]

    def _lacking_classes(self) -> list[str]:
        """Tell which classes a part of a split that is not by chance has no rows of."""
        lines = []
        for part in ("validation", "test"):
            counts, labels = self.class_counts(part), self.class_labels
            lacking = [
                str(label)
                for label, count in zip(labels or (), counts or (), strict=True)
                if not count
            ]
            if lacking and self.num_rows[part]:
                dots = ", ..." if len(lacking) > 5 else ""
                lines.append(
                    f"The {part} part has no row of {len(lacking)} of {len(labels or ())} classes "
                    f"({', '.join(lacking[:5])}{dots}): its scores say nothing about them."
                )
        return lines

    def _map(self, name: str) -> NDArray[Any]:
        extent = self._extents[name]
        if name in self._unchecked:
            part, array = name.split("/")
            counts = self.class_counts(part) if array == "y" else None
            sizes = [column.size for column in self.preprocessing.codes]
            sizes = [self.split.num_groups] if array == "group" else sizes
            sizes = [self.split.num_times] if array == "time" else sizes
            checksum = self.schema["checksums"][name] if self.has_checksums else None
            check_array(self.path, name, extent, checksum, counts, max(sizes, default=0))
            self._unchecked.discard(name)
        if not extent.num_bytes:
            return np.zeros(extent.shape, extent.dtype)
        try:
            return np.memmap(self.path, extent.dtype, "r", extent.offset, shape=extent.shape)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path} cannot be mapped ({error}).") from error

    def _part(self, part: str) -> Part:
        codes = self._map(f"{part}/codes") if self.preprocessing.codes else None
        groups = self._map(f"{part}/group") if self.split.groups else None
        weights = self._map(f"{part}/weights") if self.is_weighted else None
        times = self._map(f"{part}/time") if self.split.num_times else None
        return Part(self._map(f"{part}/x"), self.target_of(part), codes, groups, weights, times)

    def __repr__(self) -> str:
        return (
            f"DataSet({self.name!r}, {self.task}, {self.num_rows}, {self.num_features} features)"
        )


def constant_target(data: DataSet, part: str) -> str:
    """Return a sentence if all rows of a part have the same target, else an empty text."""
    y = data.target_of(part)
    if not len(y) or y.min() < y.max():
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
