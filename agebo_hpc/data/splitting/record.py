"""How a prepared data set was split, as its file says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from agebo_hpc.data.levels import level_of_time
from agebo_hpc.data.splits import PARTS, Split
from agebo_hpc.data.splitting.arrays import Parts, SplitArrays

By = Literal["random", "time", "group", "fold", "files", "rows"]


@dataclass(frozen=True)
class SplitRecord:
    """How rows were divided among the parts; plain data.

    Attributes
    ----------
    by
        ``"random"`` (stratified by class), ``"time"``, ``"group"``, or given: by a column of
        folds (``"fold"``), by ``"files"`` of their own or by the numbers of the ``"rows"``.
    time, group, fold
        Columns that were named; empty: none. With parts that are given, time and group were held
        against them.
    groups
        Part -> number of its groups, where there are groups.
    first, last
        Part -> its oldest and newest time as text, where there are times.
    files
        Part -> name of the file that it is from.
    """

    by: By = "random"
    time: str = ""
    group: str = ""
    fold: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    first: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, by: By, rows: Parts, arrays: SplitArrays, columns: Mapping[str, str], files: Any
    ) -> SplitRecord:
        """Describe a split that was made: `rows` of each part, and the names of columns."""
        parts = {part: some for part, some in rows.items() if len(some)}
        groups, times = arrays.groups, arrays.times
        return cls(
            by,
            **columns,
            groups={}
            if groups is None
            else {part: len(np.unique(groups[some])) for part, some in parts.items()},
            first={}
            if times is None
            else {part: _shown(times[some].min()) for part, some in parts.items()},
            last={}
            if times is None
            else {part: _shown(times[some].max()) for part, some in parts.items()},
            files=files or {},
        )

    @property
    def num_groups(self) -> int:
        """Groups of all parts together; 0: there are none."""
        return sum(self.groups.values())

    @property
    def column(self) -> str:
        """The column that decided; empty: none did."""
        return str(getattr(self, self.by, "")) if self.by in ("time", "group", "fold") else ""

    def text(self, shares: Split, seed: int) -> str:
        """Return the split in words, one line."""
        said = ",".join(f"{share:g}" for share in shares)
        column = f" {self.column!r}" if self.column else ""
        ways = {
            "random": f"{said}, seed {seed}",
            "time": f"{said} by time{column}: the oldest rows train",
            "group": f"{said} by group{column}, seed {seed}: no group is in two parts",
            "fold": f"as the column{column} says",
            "files": "files of their own: "
            + ", ".join(f"{part} {name}" for part, name in self.files.items()),
            "rows": "as it was given",
        }
        return ways[self.by] + self._held()

    def _held(self) -> str:
        """Return what parts that were given were held against."""
        if self.by in ("random", "time", "group"):
            return ""
        return "".join(
            f"; {what} of {column!r} kept apart"
            for what, column in (("groups", self.group), ("times", self.time))
            if column
        )

    def details(self) -> list[str]:
        """Return lines about groups and times of the parts; none where there are none."""
        lines = []
        if self.groups:
            lines.append(", ".join(f"{p} {n:,}" for p, n in self.groups.items()) + " groups")
        if self.first:
            spans = (f"{p} {self.first[p]} to {self.last[p]}" for p in self.first)
            lines.append(", ".join(spans))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> SplitRecord:
        """Return the record that `to_dict` gave; None, as in files of before: by chance.

        Raises
        ------
        ValueError
            If it makes no sense.
        TypeError
            If it has other fields.
        """
        record = cls(**(data or {}))
        texts = [record.time, record.group, record.fold]
        for mapping in (record.first, record.last, record.files):
            texts += mapping.values()
        keys = {*record.groups, *record.first, *record.last, *record.files}
        numbers = all(type(n) is int and n > 0 for n in record.groups.values())
        if record.by not in get_args(By) or not all(isinstance(text, str) for text in texts):
            raise ValueError("split_by is of no known kind")
        if not keys <= set(PARTS) or not numbers or set(record.first) != set(record.last):
            raise ValueError("split_by tells of other parts")
        return record


def _shown(time: Any) -> str:
    if isinstance(time, np.datetime64):
        return level_of_time(time)
    return f"{time}" if isinstance(time, np.integer) else f"{float(time):.15g}"


def way_of(arrays: SplitArrays) -> By:
    """Return what decides, of arrays that somebody gave."""
    if arrays.parts is not None:
        return "rows"
    if arrays.times is not None:
        return "time"
    return "random" if arrays.groups is None else "group"
