"""Text cells of a column: the distinct ones, cleaned, and which of them stand for missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

MISSING = (
    "", "?", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "None", "NULL", "null", "NaT",
    "NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
"""Text cells that are missing, blanks around them aside."""


@dataclass(frozen=True)
class TextCells:
    """The cells of a text column as distinct texts and where each of them stands.

    Attributes
    ----------
    raw
        Distinct cells as they came, in order of appearance; Arrow text without nulls.
    codes
        Index into `raw` of each cell, -1 where there is none; shape (rows,).
    """

    raw: Any
    codes: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, column: pd.Series) -> TextCells:
        """Collect the distinct cells of a column of text and missing cells."""
        encoded = arrow_text(column).dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return cls(encoded.dictionary, codes)

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """How often each distinct cell is there."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.raw))

    @cached_property
    def folded(self) -> pyarrow.Array:
        """The distinct cells without blanks around, in the plain characters of numbers."""
        return folded(self.raw)

    def missing(self, extra: Iterable[str] = (), known: Iterable[str] = MISSING) -> NDArray[Any]:
        """Tell which distinct cells stand for a missing one."""
        return among(trimmed(self.raw), (*known, *(text.strip() for text in extra)))

    def spread(self, values: NDArray[Any], none: Any) -> NDArray[Any]:
        """Return a value for each cell from one for each distinct cell."""
        table = np.append(values, np.array([none], dtype=values.dtype))
        return np.asarray(table[self.codes])

    def row(self, position: int) -> int:
        """Return the first row, from 1, of a distinct cell."""
        return int(np.argmax(self.codes == position)) + 1

    def text(self, position: int) -> str:
        """Return a distinct cell as it came."""
        return str(self.raw[int(position)].as_py())


def arrow_text(column: pd.Series) -> pyarrow.Array:
    """Return a column of text and missing cells as one Arrow array."""
    import pyarrow

    array = pyarrow.array(column, from_pandas=True)
    chunks = array.chunks if isinstance(array, pyarrow.ChunkedArray) else [array]
    texts = [chunk.cast(pyarrow.large_string()) for chunk in chunks]
    return pyarrow.concat_arrays(texts) if texts else pyarrow.array([], pyarrow.large_string())


def trimmed(texts: pyarrow.Array) -> pyarrow.Array:
    """Return texts without blanks around them, of whatever kind."""
    import pyarrow.compute

    return pyarrow.compute.utf8_trim_whitespace(texts)


def folded(texts: pyarrow.Array) -> pyarrow.Array:
    """Return trimmed texts in plain characters: digits, blanks, minus signs and apostrophes."""
    import pyarrow
    import pyarrow.compute as compute

    texts = compute.utf8_trim_whitespace(texts)
    if compute.all(compute.string_is_ascii(texts)).as_py() is not False:
        return texts
    # Raised digits and fractions are not the digits that they would become: 1² is not 12.
    apart = matches(texts, r"\p{No}")
    texts = compute.if_else(pyarrow.array(apart), texts, compute.utf8_normalize(texts, "NFKC"))
    for strange, plain in (("[\u2212\u2010-\u2013]", "-"), ("[\u2019\u02bc`\u00b4]", "'")):
        texts = compute.replace_substring_regex(texts, strange, plain)
    return compute.utf8_trim_whitespace(texts)


def among(texts: pyarrow.Array, words: Iterable[str]) -> NDArray[np.bool_]:
    """Tell which texts are among the words."""
    import pyarrow
    import pyarrow.compute

    found = pyarrow.compute.is_in(texts, value_set=pyarrow.array(list(words), texts.type))
    return mask(found)


def mask(conditions: Any) -> NDArray[np.bool_]:
    """Return Arrow's conditions as an array; an unknown one is False."""
    found: NDArray[np.bool_] = conditions.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def matches(texts: pyarrow.Array, pattern: str, ignore_case: bool = False) -> NDArray[np.bool_]:
    """Tell which texts fit a pattern."""
    import pyarrow.compute

    return mask(pyarrow.compute.match_substring_regex(texts, pattern, ignore_case=ignore_case))
