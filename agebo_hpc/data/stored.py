"""Whether a stored preprocessing makes sense: checks of what anybody may have written.

A description comes from a file. Its checksum tells accidents; what is wrong in itself, by another
program or on purpose, is told here, before it becomes a traceback or a wrong number elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, get_args

from agebo_hpc.data.codes import CodeColumn
from agebo_hpc.data.date_notation import ORDERS
from agebo_hpc.data.encoders import (
    DateEncoder,
    Encoder,
    NumericEncoder,
    OneHotEncoder,
    TargetMeanEncoder,
)
from agebo_hpc.data.reading import Form, Reading
from agebo_hpc.data.target import ClassCoding, TargetCoding

PARTS_OF_DATES = ("days", "year", "month", "day", "weekday", "minute of day")


LARGEST_CODE = 2**24
"""A network takes codes as float32, which holds whole numbers up to this one."""


def check_stored(
    encoders: Iterable[Encoder],
    target: TargetCoding,
    dropped: Mapping[Any, Any],
    codes: Iterable[CodeColumn] = (),
) -> None:
    """Raise ValueError if a part of a preprocessing is not what fitting gives."""
    encoders = list(encoders)
    names = [encoder.column for encoder in encoders]
    _require(bool(names) and len(set(map(repr, names))) == len(names), "columns", "different ones")
    for encoder in encoders:
        _require(isinstance(encoder.column, str), "column", "text")
        _check_reading(encoder.reading, encoder.column)
        _require(encoder.reading.kind == encoder.kind, encoder.column, f"a {encoder.kind} reading")
        _check_encoder(encoder)
    _check_target(target)
    outputs = len(target.labels) if isinstance(target, ClassCoding) else 1
    for encoder in encoders:
        if isinstance(encoder, TargetMeanEncoder):
            width = len(encoder.default)
            fits = width == (1 if outputs <= 2 else outputs)
            _require(fits, encoder.column, f"means for {outputs} outputs")
    for name, reason in dropped.items():
        _require(isinstance(name, str) and isinstance(reason, str), "dropped", "texts")
    by_column = {encoder.column: encoder for encoder in encoders}
    for column in codes:
        _require(column.column in by_column, "codes", "columns that are used")
        _check_codes(column, by_column[column.column])


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _require(is_right: bool, what: str, wanted: str) -> None:
    if not is_right:
        raise ValueError(f"{what!r} lacks {wanted}")


def _check_reading(reading: Reading, column: str) -> None:
    texts = (reading.decimal, reading.thousands, reading.affix, *reading.missing)
    known = reading.form in get_args(Form) and reading.order in ORDERS
    _require(known and all(isinstance(text, str) for text in texts), column, "a known reading")
    _require(reading.decimal in (".", ","), column, "a decimal mark")


def _check_encoder(encoder: Encoder) -> None:
    if isinstance(encoder, NumericEncoder):
        _check_numbers(encoder)
    elif isinstance(encoder, DateEncoder):
        known = bool(encoder.parts) and set(encoder.parts) <= set(PARTS_OF_DATES)
        _require(known, encoder.column, "known parts of dates")
        for part in encoder.parts.values():
            _require(isinstance(part, NumericEncoder), encoder.column, "numbers for each part")
            _check_numbers(part)
    else:
        _check_levels(encoder)


def _check_numbers(encoder: NumericEncoder) -> None:
    fitted = (encoder.median, encoder.mean, encoder.scale)
    _require(isinstance(encoder.column, str), "column", "text")
    _require(all(map(is_number, fitted)), encoder.column, "finite median, mean and scale")
    _require(encoder.scale > 0, encoder.column, "a scale above 0")
    _require(isinstance(encoder.indicator, bool), encoder.column, "an indicator, true or false")


def _check_levels(encoder: OneHotEncoder | TargetMeanEncoder) -> None:
    levels, column = encoder.levels, encoder.column
    are_texts = isinstance(levels, tuple) and all(x is None or isinstance(x, str) for x in levels)
    _require(are_texts and bool(levels), column, "levels that are texts")
    _require(len(set(levels)) == len(levels), column, "levels that differ")
    if isinstance(encoder, OneHotEncoder):
        return
    rows = (encoder.default, encoder.center, encoder.scale, *encoder.means)
    width = len(encoder.default)
    _require(len(encoder.means) == len(levels), column, "means for each level")
    for row in rows:
        right = isinstance(row, tuple) and len(row) == width > 0 and all(map(is_number, row))
        _require(right, column, "rows of finite means")
    _require(min(encoder.scale) > 0, column, "scales above 0")


def _check_codes(column: CodeColumn, encoder: Encoder) -> None:
    name, size = column.column, column.size
    _require(type(size) is int and 1 < size < LARGEST_CODE, name, "a number of codes")
    if isinstance(encoder, NumericEncoder | DateEncoder):
        parts = encoder.parts if isinstance(encoder, DateEncoder) else ("",)
        _require(column.part in parts, name, "a part that is used")
        values = column.values
        right = bool(values) and all(map(is_number, values))
        _require(right and all(a < b for a, b in pairwise(values)), name, "increasing values")
        _require(column.missing in (0, len(values) + 1), name, "a code of missing cells")
        _require(size == len(values) + 1 + bool(column.missing), name, "codes for its values")
        _require(not column.ranks, name, "codes of values alone")
        return
    _require(not (column.values or column.part or column.missing), name, "codes of levels alone")
    ranks = column.ranks or tuple(range(1, size))
    _require(len(ranks) == len(encoder.levels), name, "a code for each level")
    whole = all(type(rank) is int and 0 <= rank < size for rank in ranks)
    _require(whole, name, f"codes from 0 to {size - 1}")


def _check_target(target: TargetCoding) -> None:
    _require(isinstance(target.name, str), "target", "a name")
    _check_reading(target.reading, "target")
    if not isinstance(target, ClassCoding):
        _require(is_number(target.mean) and is_number(target.scale), "target", "finite numbers")
        _require(target.scale > 0, "target", "a scale above 0")
        return
    kinds = {type(label) for label in target.labels}
    plain = len(kinds) == 1 and kinds <= {str, int, float, bool}
    _require(plain, "target", "labels of one kind: texts, numbers or booleans")
    finite = all(is_number(label) for label in target.labels) or kinds <= {str, bool}
    _require(finite, "target", "finite labels")
    different = len(set(target.labels)) == len(target.labels) > 1
    _require(different, "target", "two labels or more that differ")
