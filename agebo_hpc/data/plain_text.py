"""Text of a file without types as the types that are plain: numbers and booleans.

Only what anybody writes for a number is one here: no leading zeros, no marks between digits, no
digits that a number would lose. All else stays text, as it stands in the file.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from agebo_hpc.data.text_cells import MISSING, among, mask, matches, trimmed

if TYPE_CHECKING:
    import pyarrow

_WHOLE = r"^[+-]?(0|[1-9]\d{0,17})$"
_DIGITS = r"^[+-]?\d+$"
_NUMBER = r"^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_INFINITE = r"^[+-]?inf(inity)?$"
_BOOLEAN = "^(true|false)$"
_TRIED_CELLS = 100
_EXACT = 2**53


def plain_frame(
    table: pyarrow.Table, text: Collection[str] | None, words: bool = False
) -> pd.DataFrame:
    """Return a table of text with the columns of plain numbers and booleans as such.

    Parameters
    ----------
    table
        All columns are text.
    text
        Columns that stay text, cell by cell as they stand there; None: all.
    words
        Whether words for missing cells, such as NA, stay in the other columns of text too.
    """
    columns = {
        name: table.column(name).to_pandas()
        if text is None or name in text
        else plain_column(table.column(name), words)
        for name in table.column_names
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def plain_column(column: pyarrow.ChunkedArray, words: bool = False) -> pd.Series:
    """Return a column of text as numbers or booleans where all its cells are plain ones."""
    import pyarrow
    import pyarrow.compute as compute

    texts = trimmed(column.combine_chunks())
    if isinstance(texts, pyarrow.ChunkedArray):
        texts = pyarrow.concat_arrays(texts.chunks) if texts.num_chunks else texts.chunk(0)
    missing = among(texts, MISSING) | mask(texts.is_null())
    if missing.all():
        return pd.Series(np.full(len(texts), np.nan))
    present = compute.if_else(pyarrow.array(missing), None, texts)
    as_it_stands = column if words else compute.if_else(pyarrow.array(missing), None, column)
    if _all(present, _WHOLE):
        return _whole_numbers(present, missing, as_it_stands)
    if _all(present, _NUMBER, _INFINITE) and not _all(present, _DIGITS):
        return pd.Series(_unsigned(present).cast(pyarrow.float64()).to_numpy(zero_copy_only=False))
    if _all(present, _BOOLEAN):
        truth = compute.equal(compute.utf8_lower(present), "true")
        return truth.to_pandas() if not missing.any() else pd.Series(pd.array(truth, "boolean"))
    return as_it_stands.to_pandas()


def _all(texts: pyarrow.Array, *patterns: str) -> bool:
    """Tell whether every text that is there fits one of the patterns, in any case of letters."""
    pattern = "|".join(patterns)
    # Most columns that do not fit show it at once.
    parts = [texts.slice(0, _TRIED_CELLS), texts] if len(texts) > 10 * _TRIED_CELLS else [texts]
    return all(
        bool((matches(part, pattern, ignore_case=True) | mask(part.is_null())).all())
        for part in parts
    )


def _whole_numbers(texts: Any, missing: Any, column: Any) -> pd.Series:
    import pyarrow

    whole = _unsigned(texts).cast(pyarrow.int64())
    if not missing.any():
        return whole.to_pandas()
    numbers = whole.fill_null(0).to_numpy()
    if np.abs(numbers).max() > _EXACT:
        return column.to_pandas()
    return pd.Series(np.where(missing, np.nan, numbers.astype(np.float64)))


def _unsigned(texts: Any) -> Any:
    import pyarrow.compute as compute

    return compute.utf8_ltrim(texts, characters="+")
