"""The part of each row as a column of the table says it: by name, or by the number of a fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.splits import PARTS
from agebo_hpc.errors import DataError

NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Name of a part as tables write it, in small letters -> the part."""
ALLOWED = (
    "give the names train, validation and test (the last may lack), or whole numbers 0 to k-1 or "
    "1 to k, of which the greatest is the test part and the one below it validation (of two, the "
    "greater is validation)"
)


def parts_of_folds(
    codes: NDArray[np.intp], levels: Sequence[str | None], column: str
) -> NDArray[np.int64]:
    """Return the part of each row, as its position in `PARTS`.

    Parameters
    ----------
    codes, levels
        The column as `agebo_hpc.data.values.as_levels` reads it; no level is missing.
    column
        Its name, for messages.

    Raises
    ------
    DataError
        If the levels are neither names of parts nor numbers of folds, or no row is left to train
        on or to validate with.
    """
    texts = [str(level) for level in levels]
    if all(text.strip().lower() in NAMES for text in texts):
        table = [PARTS.index(NAMES[text.strip().lower()]) for text in texts]
    elif all(text.isdecimal() for text in texts):
        table = _of_numbers([int(text) for text in texts], column)
    else:
        raise _refused(column, texts)
    lacking = [part for number, part in enumerate(PARTS[:2]) if number not in table]
    if lacking:
        raise DataError(
            f"The column {column!r} of --fold has no row of the {' and the '.join(lacking)} part: "
            f"it holds {_few(texts)}; {ALLOWED}."
        )
    return np.array(table, np.int64)[codes]


def _of_numbers(numbers: list[int], column: str) -> list[int]:
    ordered = sorted(numbers)
    if ordered != list(range(ordered[0], ordered[0] + len(ordered))) or ordered[0] > 1:
        raise _refused(column, [str(number) for number in ordered])
    # How far below the greatest one a fold is says what it is for.
    last = ordered[-1]
    parts = {last: 1} if len(ordered) <= 2 else {last: 2, last - 1: 1}
    return [parts.get(number, 0) for number in numbers]


def _refused(column: str, texts: list[str]) -> DataError:
    return DataError(f"The column {column!r} of --fold holds {_few(texts)}; {ALLOWED}.")


def _few(texts: Sequence[str]) -> str:
    dots = f", ... ({len(texts)} in all)" if len(texts) > 6 else ""
    return ", ".join(map(repr, texts[:6])) + dots
