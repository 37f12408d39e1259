"""Several inputs of one data set: groups of columns, some of which hold the same kind of thing.

A prepared data set keeps one table of features; an input is a range of its columns. Inputs that
are alike (two drugs, two molecules) have the same columns in the same order under other names;
they are encoded alike, by what was fitted to the cells of all of them, and so have equal shape:
a network can send them through one shared part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from agebo_hpc.errors import DataError, UsageError

WHOLE = "features"
"""Name of the one input of a data set without declared ones."""


@dataclass(frozen=True)
class InputRange:
    """An input as a range of features.

    Attributes
    ----------
    name
        Name of the input.
    start, stop
        First feature, and the one after the last.
    alike
        Name of the first input that it is encoded like; its own where it stands alone.
    """

    name: str
    start: int
    stop: int
    alike: str


@dataclass(frozen=True)
class Division:
    """Which input each column belongs to, and which columns are encoded by one encoder.

    Attributes
    ----------
    inputs
        Name -> its columns in order.
    leaders
        Column of an input -> the column of the first input alike that it is encoded like.
    alike
        Name of an input -> name of the first one that it is like.
    """

    inputs: Mapping[str, tuple[str, ...]]
    leaders: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, input after input."""
        return tuple(column for columns in self.inputs.values() for column in columns)

    def together(self, column: str) -> list[str]:
        """Return the columns whose cells one encoder is fitted to, ``column`` first."""
        return [column, *(name for name, leader in self.leaders.items() if leader == column)]

    def input_of(self, column: str) -> str:
        """Return the name of the input that a column belongs to."""
        return next(name for name, columns in self.inputs.items() if column in columns)


def parse_input(text: str) -> tuple[str, str]:
    """Read ``NAME=PATTERN``.

    Raises
    ------
    UsageError
        If there is no name or no pattern.
    """
    name, _, pattern = text.partition("=")
    if not name or not pattern:
        raise UsageError(f"--input is {text!r}; write NAME=COLUMN or NAME=PATTERN, as in cell=*.")
    return name, pattern


def divide(
    columns: Sequence[str],
    inputs: Sequence[tuple[str, str]] = (),
    alike: Iterable[Sequence[str]] = (),
) -> Division:
    """Divide columns into inputs.

    Parameters
    ----------
    columns
        Names, without the target.
    inputs
        (name of an input, name of a column or pattern with ``*``, ``?`` and ``[...]``) pairs;
        a name may come several times. A column that is named in full belongs there, whatever
        the patterns say. None: one input with all columns.
    alike
        Groups of inputs that hold the same kind of columns in the same order.

    Raises
    ------
    UsageError
        If a column fits none or several, an input has no column, or inputs that are to be alike
        have different numbers of columns.
    """
    groups = [list(group) for group in alike]
    if not inputs:
        if groups:
            raise UsageError(f"--alike is {','.join(groups[0])}, but there is no --input.")
        return Division({WHOLE: tuple(columns)})
    chosen: dict[str, list[str]] = {name: [] for name, _ in inputs}
    for column in columns:
        chosen[_input_for(column, inputs)].append(column)
    empty = [name for name, found in chosen.items() if not found]
    if empty:
        patterns = ", ".join(pattern for name, pattern in inputs if name == empty[0])
        raise UsageError(
            f"--input {empty[0]} has no column: none is left that fits {patterns}. The table has "
            f"{', '.join(map(repr, columns[:30]))}."
        )
    order = {name: tuple(found) for name, found in chosen.items()}
    leaders, firsts = _alike(order, groups)
    return Division(order, leaders, firsts)


def _input_for(column: str, inputs: Sequence[tuple[str, str]]) -> str:
    exact = {name for name, pattern in inputs if pattern == column}
    found = exact or {name for name, pattern in inputs if fnmatchcase(column, pattern)}
    if len(found) != 1:
        said = f"fits the inputs {', '.join(sorted(found))}" if found else "fits no --input"
        raise UsageError(
            f"Column {column!r} {said}; name it in one of them, or leave it out with --drop."
        )
    return found.pop()


def _alike(
    inputs: Mapping[str, tuple[str, ...]], groups: Sequence[Sequence[str]]
) -> tuple[dict[str, str], dict[str, str]]:
    leaders: dict[str, str] = {}
    firsts: dict[str, str] = {}
    for group in groups:
        unknown = [name for name in group if name not in inputs]
        if unknown or len(set(group)) < 2:
            raise UsageError(
                f"--alike is {','.join(group)}; give two or more of the inputs "
                f"{', '.join(inputs)}, with commas between."
            )
        twice = [name for name in group if name in firsts]
        if twice:
            raise UsageError(f"--alike names {twice[0]} twice; put all that are alike in one.")
        # In the order of the columns: an encoder comes before those that follow it.
        first, *others = [name for name in inputs if name in group]
        firsts.update(dict.fromkeys(group, first))
        for other in others:
            if len(inputs[other]) != len(inputs[first]):
                raise UsageError(
                    f"--alike is {','.join(group)}, but {first} has {len(inputs[first])} columns "
                    f"and {other} {len(inputs[other])}; they must be the same columns under "
                    "other names, in the same order."
                )
            leaders.update(zip(inputs[other], inputs[first], strict=True))
    return leaders, firsts


def check_kinds(division: Division, kinds: Mapping[str, str]) -> None:
    """Check that columns which are to be encoded alike are of one kind.

    Raises
    ------
    DataError
        If not.
    """
    for column, leader in division.leaders.items():
        if kinds[column] != kinds[leader]:
            raise DataError(
                f"Column {leader!r} is {kinds[leader]} and {column!r} is {kinds[column]}, but "
                "their inputs are alike; name both with --categorical, or correct the cells."
            )


def input_ranges(
    division: Division, features: Sequence[tuple[str, int]]
) -> tuple[InputRange, ...]:
    """Return where the features of each input lie.

    Parameters
    ----------
    division
        What was asked for.
    features
        (column, number of its features) of each encoder, in order.

    Raises
    ------
    DataError
        If no column of an input is used.
    """
    ranges = []
    start = 0
    for name, columns in division.inputs.items():
        stop = start + sum(number for column, number in features if column in set(columns))
        if stop == start:
            raise DataError(
                f"No column of the input {name!r} is used: none tells training rows apart; leave "
                "it out with --drop."
            )
        ranges.append(InputRange(name, start, stop, division.alike.get(name, name)))
        start = stop
    return tuple(ranges)
