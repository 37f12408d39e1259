"""Validation and test rows in files of their own, read as the training file says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from agebo_hpc.data.cells import is_number_dtype
from agebo_hpc.data.tables import check_unique, read_table
from agebo_hpc.errors import DataError, UsageError

Source: TypeAlias = "str | Path | pd.DataFrame"


def read_others(
    others: Mapping[str, Source | None], train: pd.DataFrame, text: Iterable[str] | None
) -> dict[str, pd.DataFrame]:
    """Read the tables of the parts that have one.

    Parameters
    ----------
    others
        ``"validation"`` and ``"test"`` -> table file or data frame; None: there is none.
    train
        The training table: what is text there stays text, also where its cells look like numbers.
    text
        Columns that are text besides; None: all, see `agebo_hpc.data.tables.read_table`.

    Raises
    ------
    UsageError
        If there is a test table and none for validation.
    InputMissingError, DataError
        If a file cannot be read.
    """
    given = {part: source for part, source in others.items() if source is not None}
    if given and "validation" not in given:
        raise UsageError("--test is given without --validation; a search needs validation rows.")
    if text is not None:
        text = (*text, *(name for name in train.columns if not _is_typed(train[name].dtype)))
    return {part: read_one(source, part, text) for part, source in given.items()}


def _is_typed(dtype: Any) -> bool:
    kinds = pd.api.types
    return bool(is_number_dtype(dtype) or kinds.is_datetime64_any_dtype(dtype))


def read_one(source: Source, name: str, text: Iterable[str] | None) -> pd.DataFrame:
    """Read a table file, or take a data frame, with columns of different names that are text."""
    if isinstance(source, pd.DataFrame):
        check_unique(source.columns, f"The data frame of {name}" if name else "The data frame")
        return source.rename(columns=str)
    return read_table(source, text, words=True)


def check_schema(
    train: pd.DataFrame, others: Mapping[str, pd.DataFrame], drop: Iterable[str], target: str
) -> None:
    """Check that the other tables have the columns of the training table.

    Raises
    ------
    DataError
        If columns lack or are too many; those of `drop` may. Above all if it is the target.
    """
    left_out = set(drop)
    wanted = [str(name) for name in train.columns if name not in left_out]
    for part, frame in others.items():
        found = [str(name) for name in frame.columns if name not in left_out]
        if target not in found:
            raise DataError(
                f"The {part} table has no column {target!r}, the target, which it must be "
                f"scored by: add it, or leave the table out and predict it later."
            )
        lacking = [name for name in wanted if name not in set(found)]
        added = [name for name in found if name not in set(wanted)]
        said = [
            f"{verb} {_few(names)}"
            for verb, names in (("lacks", lacking), ("has besides", added))
            if names
        ]
        if said:
            raise DataError(
                f"The {part} table differs from the training table: it {' and '.join(said)}; give "
                f"all tables the same columns, or leave some out with --drop."
            )


def _few(names: list[str]) -> str:
    dots = f", ... ({len(names)} in all)" if len(names) > 10 else ""
    return f"{', '.join(map(repr, names[:10]))}{dots}"


@contextmanager
def of_table(part: str) -> Iterator[None]:
    """Say in an error about cells which table has them; an empty name says nothing."""
    try:
        yield
    except DataError as error:
        if not part:
            raise
        raise DataError(f"In the {part} table: {error}") from error


def file_names(train: Source, others: Mapping[str, Source | None]) -> dict[str, str]:
    """Return part -> name of its file; a data frame has none."""
    sources = {"train": train, **others}
    return {
        part: Path(source).name
        for part, source in sources.items()
        if isinstance(source, str | Path)
    }
