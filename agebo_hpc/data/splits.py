"""Which row goes to which part: stratified, seeded, shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.errors import DataError, UsageError

PARTS = ("train", "validation", "test")
SPLIT = (0.42, 0.25, 0.33)
"""Shares of the parts in AgEBO-Tabular, section 4."""

Split = tuple[float, float, float]


def parse_split(text: str) -> Split:
    """Read the shares of the three parts.

    Parameters
    ----------
    text
        Shares of training, validation and test, as in ``"0.42,0.25,0.33"``; a test share of 0
        makes no test part.

    Raises
    ------
    UsageError
        If these are not three numbers of sum 1 (within 1e-6), positive but for the last, which
        may be 0.
    """
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    return check_split(numbers, text)


def check_split(numbers: tuple[float, ...], given: object = None) -> Split:
    """Return three shares, or raise UsageError if they do not divide all rows."""
    positive = len(numbers) == 3 and min(numbers[:2]) > 0 and numbers[2] >= 0
    if not positive or not abs(sum(numbers) - 1) <= 1e-6:
        raise UsageError(
            f"--split is {given if given is not None else numbers!r}; give three numbers of sum 1 "
            f"for training, validation and test, as in 0.42,0.25,0.33; the last may be 0, which "
            f"makes no test part."
        )
    return numbers[0], numbers[1], numbers[2]


def split_rows(
    rows: int, split: Split, seed: int, classes: NDArray[np.int32] | None = None
) -> dict[str, NDArray[np.int64]]:
    """Divide rows among the parts, each in random order.

    Parameters
    ----------
    rows
        Number of rows.
    split
        Share of each part, sum 1; the last may be 0.
    seed
        Seed of the NumPy generator that is used, >= 0.
    classes
        Class index of each row, shape (rows,): every class is divided by the same shares, and
        every part gets a row at least of each class that has one for each. None: all rows are
        alike.

    Returns
    -------
    dict
        Part -> ndarray of row numbers, int64; empty for a share of 0.

    Raises
    ------
    DataError
        If a part with a share would have fewer than two rows.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(rows, dtype=np.int32) if classes is None else classes
    parts: list[list[NDArray[np.int64]]] = [[], [], []]
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        pieces = np.split(members, np.cumsum(share_out(len(members), split))[:-1])
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece)
    result = {
        name: generator.permutation(np.concatenate(part))
        for name, part in zip(PARTS, parts, strict=True)
    }
    check_sizes(result, rows, split)
    return result


def check_sizes(parts: Mapping[str, NDArray[np.int64]], rows: int, split: Split) -> None:
    """Raise DataError if a part that has a share has fewer than two rows."""
    short = [
        f"{name} {len(parts[name])}"
        for name, share in zip(PARTS, split, strict=True)
        if share > 0 and len(parts[name]) < 2
    ]
    if short:
        raise DataError(
            f"{rows} rows are too few for a split of {','.join(f'{s:g}' for s in split)}: "
            f"{', '.join(short)}; each part needs 2 rows: give more rows or another --split."
        )


def share_out(count: int, split: Sequence[float]) -> list[int]:
    """Divide `count` rows by largest remainder; each part with a share gets one if there are."""
    shares = np.array(split)
    exact = shares * count
    counts = np.floor(exact).astype(int)
    for part in np.argsort(counts - exact, kind="stable")[: count - counts.sum()]:
        counts[part] += 1
    wanted = np.flatnonzero(shares > 0)
    while count >= len(wanted) and counts[wanted].min() < 1:
        counts[counts.argmax()] -= 1
        counts[wanted[counts[wanted].argmin()]] += 1
    return [int(number) for number in counts]
