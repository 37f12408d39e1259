"""How a prepared data set was split, as its file says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        against them. Several columns of times stand in one text.
    time_columns
        Where times were made of several columns, these, of which the first counts most.
    groups
        Part -> number of its groups, where there are groups.
    first, last
        Part -> its oldest and newest time as text, where there are times.
    files
        Part -> name of the file that it is from.
    num_times
        Different times in all parts; 0: the file keeps no time of each row.
    left_out
        Rows in no part, as others of their group are on another side of a border in time.
    """

    by: By = "random"
    time: str = ""
    group: str = ""
    fold: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    first: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    time_columns: tuple[str, ...] = ()
    num_times: int = 0
    left_out: int = 0

    @classmethod
    def of(
        cls,
        by: By,
        rows: Parts,
        arrays: SplitArrays,
        columns: Mapping[str, Sequence[str]],
        files: Any,
    ) -> SplitRecord:
        """Describe a split that was made: `rows` of each part, and the names of columns."""
        parts = {part: some for part, some in rows.items() if len(some)}
        groups, times = arrays.groups, arrays.times
        named = columns.get("time", ())
        return cls(
            by,
            **{way: ", ".join(some) for way, some in columns.items()},
            groups={}
            if groups is None
            else {part: len(np.unique(groups[some])) for part, some in parts.items()},
            first={} if times is None else _shown(arrays, parts, np.argmin),
            last={} if times is None else _shown(arrays, parts, np.argmax),
            files=files or {},
            time_columns=tuple(named) if len(named) > 1 else (),
            num_times=0
            if times is None
            else len(np.unique(times[np.concatenate(list(parts.values()))])),
            left_out=0
            if times is None or groups is None or arrays.parts is not None
            else len(times) - sum(map(len, parts.values())),
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
        group = f" {self.group!r}" if self.group else ""
        of_groups = f" and group{group}, seed {seed}" if self.by == "time" and self.groups else ""
        kept = ", no group is in two parts" if of_groups else ""
        ways = {
            "random": f"{said}, seed {seed}",
            "time": f"{said} by time{column}{of_groups}: the oldest rows train{kept}",
            "group": f"{said} by group{column}, seed {seed}: no group is in two parts",
            "fold": f"as the column{column} says",
            "files": self._files_text(),
            "rows": "as it was given",
        }
        return ways[self.by] + self._held()

    def _files_text(self) -> str:
        named = ", ".join(f"{part} {name}" for part, name in self.files.items())
        return f"files of their own: {named}" if named else "tables of their own"

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
        if self.left_out:
            lines.append(
                f"{self.left_out:,} row{'s are' if self.left_out > 1 else ' is'} left out, of "
                f"groups with rows in the time of more than one part: each keeps those of one"
            )
        if self.groups:
            lines.append(", ".join(f"{p} {n:,}" for p, n in self.groups.items()) + " groups")
        if self.first:
            spans = (f"{p} {self.first[p]} to {self.last[p]}" for p in self.first)
            lines.append(", ".join(spans))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data; what a split by chance, or an older file, has not is absent."""
        told = asdict(self)
        later = ("time_columns", "num_times", "left_out")
        return {name: x for name, x in told.items() if x or name not in later}

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
        told = dict(data or {})
        record = cls(**{**told, "time_columns": tuple(told.get("time_columns", ()))})
        texts = [record.time, record.group, record.fold, *record.time_columns]
        for mapping in (record.first, record.last, record.files):
            texts += mapping.values()
        keys = {*record.groups, *record.first, *record.last, *record.files}
        numbers = all(type(n) is int and n > 0 for n in record.groups.values())
        numbers &= all(type(n) is int and n >= 0 for n in (record.num_times, record.left_out))
        if record.by not in get_args(By) or not all(isinstance(text, str) for text in texts):
            raise ValueError("split_by is of no known kind")
        if not keys <= set(PARTS) or not numbers or set(record.first) != set(record.last):
            raise ValueError("split_by tells of other parts")
        return record


def _shown(arrays: SplitArrays, parts: Parts, place: Callable[..., Any]) -> dict[str, str]:
    """Return part -> the time of a row of it; `place` finds that among the times of the part."""
    assert arrays.times is not None
    columns = arrays.time_columns or (arrays.times,)
    found = {part: some[place(arrays.times[some])] for part, some in parts.items()}
    return {part: " ".join(_text(c[row]) for c in columns) for part, row in found.items()}


def _text(time: Any) -> str:
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
