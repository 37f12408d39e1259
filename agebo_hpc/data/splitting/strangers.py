"""Rows of parts that somebody gave: copies of training rows, and what training never had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.own_files import of_table
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.unfamiliar import Unfamiliar

BLOCK_ROWS = 65_536
NONE = np.zeros(0, np.uint64)


class GivenRows(Protocol):
    """Rows of a table, and their encoded target."""

    @property
    def frame(self) -> pd.DataFrame:
        """The table."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """Which of its rows."""

    @property
    def y(self) -> NDArray[Any]:
        """Their target, shape (rows,)."""


def strangers(parts: Mapping[str, GivenRows], preprocessing: Preprocessing) -> list[str]:
    """Return lines about rows of validation and test parts; none where they are as they should be.

    Parameters
    ----------
    parts
        The rows of each part.
    preprocessing
        Fitted to the training rows. Rows are copies if all features, codes and the target are
        equal.

    Raises
    ------
    DataError
        If a cell cannot be read as those of its column in the training rows.
    """
    lines = []
    seen: dict[str, NDArray[np.uint64]] = {}
    own = {id(some.frame) for some in parts.values()}
    for part, some in parts.items():
        unfamiliar = Unfamiliar()
        with of_table(part if len(own) > 1 else ""):
            found = np.concatenate([NONE, *_hashes(some, preprocessing, unfamiliar)])
        for other, known in seen.items():
            copies = int(np.isin(found, known).sum())
            if copies:
                lines.append(_copied(copies, len(found), part, other))
        if unfamiliar.text and part != "train":
            lines.append(f"In the {part} part: {unfamiliar.text}.")
        seen[part] = found
    return lines


def _copied(copies: int, rows: int, part: str, other: str) -> str:
    harm = "they were learnt by heart and scores flatter" if other == "train" else "no row is new"
    return (
        f"{copies:,} of {rows:,} rows of the {part} part are equal to rows of the {other} part, "
        f"the target too: if they are the same cases, {harm}; take them out of one of the two."
    )


def _hashes(
    part: GivenRows, preprocessing: Preprocessing, unfamiliar: Unfamiliar
) -> Iterator[NDArray[np.uint64]]:
    """Yield a number for each row, equal where all of it is."""
    for start in range(0, len(part.rows), BLOCK_ROWS):
        cut = slice(start, start + BLOCK_ROWS)
        x, codes = preprocessing.encode(part.frame.iloc[part.rows[cut]], notice=unfamiliar.note)
        whole = pd.concat([pd.DataFrame(x), pd.DataFrame(codes)], axis=1)
        # -0.0 and 0.0 are equal and have other bytes.
        yield pd.util.hash_pandas_object(
            (whole + 0.0).assign(y=part.y[cut]), index=False
        ).to_numpy()
