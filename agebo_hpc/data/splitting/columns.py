"""The columns of a table that decide its split, and what may be asked for together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.checks import no_column
from agebo_hpc.data.kinds import Wishes, decide
from agebo_hpc.data.reading import LEVEL, TEXT, Reading
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.splitting.arrays import Parts, SplitArrays, group_codes
from agebo_hpc.data.splitting.by_fold import parts_of_folds
from agebo_hpc.data.splitting.record import By
from agebo_hpc.data.splitting.times import time_values
from agebo_hpc.data.values import as_levels, as_numbers, as_times
from agebo_hpc.errors import DataError, UsageError

if TYPE_CHECKING:
    from agebo_hpc.data.preparation import PrepareOptions

WAYS = ("time", "group", "fold")


def split_columns(options: PrepareOptions) -> dict[str, tuple[str, ...]]:
    """Return way -> the columns that were named for it: one, but times may be of several."""
    named = {way: getattr(options, way) for way in WAYS}
    each = {way: (some,) if isinstance(some, str) else tuple(some) for way, some in named.items()}
    return {way: columns for way, columns in each.items() if any(columns)}


def with_time_columns(options: PrepareOptions, columns: Sequence[str]) -> PrepareOptions:
    """Return options whose times are columns: a text that is none is divided at its commas."""
    given = split_columns(options).get("time", ())
    times = [
        name.strip() for text in given for name in ([text] if text in columns else text.split(","))
    ]
    twice = sorted({name for name in times if times.count(name) > 1})
    if twice:
        raise UsageError(f"--time names {twice[0]!r} twice; give each column once.")
    return replace(options, time=tuple(times))


def check_ways(options: PrepareOptions, has_files: bool, has_arrays: bool) -> None:
    """Check that a split is asked for in one way.

    Raises
    ------
    UsageError
        If ways contradict each other.
    """
    given = [*(["--fold"] if options.fold else []), *(["--validation"] if has_files else [])]
    if len(given) > 1:
        raise UsageError("--fold and --validation both say the parts; give one of them.")
    if given and options.split is not None:
        raise UsageError(f"{given[0]} says the parts, so --split cannot; leave one out.")
    if has_arrays and (given or options.time or options.group):
        raise UsageError("arrays say the split, so time, group, fold and files cannot.")


def check_split_columns(
    columns: Sequence[str], target: str, options: PrepareOptions
) -> tuple[str, ...]:
    """Check the columns that decide the split.

    Returns
    -------
    tuple
        Those of them that are no features.

    Raises
    ------
    UsageError
        If one is absent, is the target, or decides in two ways; or if ``keep`` names another one.
    """
    named = [(way, column) for way, some in split_columns(options).items() for column in some]
    for way, column in named:
        if column not in columns:
            raise UsageError(no_column(f"--{way}", column, list(columns)))
        if column == target:
            raise UsageError(f"--{way} names the target {target!r}; give another column.")
        if column == options.weight:
            raise UsageError(f"--{way} and --weight both name {column!r}; give each its own.")
    for number, (way, column) in enumerate(named):
        for other, same in named[number + 1 :]:
            if same == column:
                raise UsageError(f"--{way} and --{other} both name {column!r}; give each its own.")
    allowed = [column for way, column in named if way != "fold"]
    for column in options.keep:
        if column not in allowed:
            known = " or ".join(map(repr, allowed)) or "a column of --time or --group"
            raise UsageError(
                f"--keep is {column!r}; give {known}: all other columns are features anyway, and "
                f"one of folds is none."
            )
        if column in options.drop:
            raise UsageError(f"--keep and --drop both name {column!r}.")
    return tuple(column for _, column in named if column not in options.keep)


def arrays_of(
    frames: Mapping[str, pd.DataFrame], options: PrepareOptions, wishes: Wishes
) -> tuple[By, SplitArrays]:
    """Read the columns that decide the split.

    Parameters
    ----------
    frames
        One table, or part -> its own table; rows are numbered through all of them.
    options, wishes
        What was asked for.

    Returns
    -------
    by
        What decides.
    arrays
        What is known of the rows.

    Raises
    ------
    DataError
        If cells are missing, or cannot be read.
    """
    groups = _groups(frames, options.group, wishes) if options.group else None
    named = split_columns(options).get("time", ())
    times = [_times(frames, column, wishes) for column in named]
    if len(frames) > 1:
        return "files", SplitArrays.of_times(times, groups, _parts_of_files(frames))
    if options.fold:
        [frame] = frames.values()
        parts = _parts_of_column(frame[options.fold], wishes.missing)
        return "fold", SplitArrays.of_times(times, groups, parts)
    by: By = "time" if times else "group" if options.group else "random"
    return by, SplitArrays.of_times(times, groups)


def _parts_of_files(frames: Mapping[str, pd.DataFrame]) -> Parts:
    stops = np.cumsum([len(frame) for frame in frames.values()])
    starts = [0, *stops[:-1]]
    return {
        part: np.arange(start, stop)
        for part, start, stop in zip(frames, starts, stops, strict=True)
    }


def _parts_of_column(column: pd.Series, missing_texts: tuple[str, ...]) -> Parts:
    codes, levels = as_levels(column, replace(LEVEL, missing=missing_texts))
    if None in levels:
        missing = int((codes == levels.index(None)).sum())
        raise DataError(
            f"The column {column.name!r} of --fold is missing in {missing} of {len(column)} rows; "
            f"each row needs its part: fill these cells or remove these rows."
        )
    of_rows = parts_of_folds(codes, levels, str(column.name))
    return {part: np.flatnonzero(of_rows == number) for number, part in enumerate(PARTS)}


def _groups(frames: Mapping[str, pd.DataFrame], column: str, wishes: Wishes) -> NDArray[np.int64]:
    wish = wishes.of(column)
    reading = replace(TEXT if wish.form == "text" else LEVEL, missing=wish.missing)
    first, *others = [frame[column] for frame in frames.values()]
    said = f"The column {column!r} of --group"
    if not others:
        return group_codes(first, said, reading)
    # The same group may be a number in one file and text in another.
    texts = [text for some in (first, *others) for text in _level_texts(some, reading)]
    return group_codes(pd.Series(texts, dtype="str"), said, TEXT)


def _level_texts(column: pd.Series, reading: Reading) -> list[str | None]:
    codes, levels = as_levels(column, reading)
    return [levels[code] for code in codes]


def _times(frames: Mapping[str, pd.DataFrame], column: str, wishes: Wishes) -> NDArray[Any]:
    said = f"The column {column!r} of --time"
    wish = wishes.of(column)
    first, *others = [frame[column] for frame in frames.values()]
    if not others:
        return time_values(first, said, wish)
    reading = decide(first, wish).reading
    if reading.kind == "category":
        # Only together they show whether their texts are of one shape.
        return time_values(pd.concat([first, *others], ignore_index=True), said, wish)
    found = [time_values(first, said, wish)]
    for other in others:
        read: Any = as_times if reading.kind == "datetime" else as_numbers
        values = pd.Series(np.asarray(read(other, reading)))
        found.append(time_values(values, said))
    return np.concatenate(found)
