"""A model from the columns of a table to its outputs, said once for every export format.

The walk is written against a handful of operations; `keras_operations` and `onnx_operations`
have them for the two libraries. An exported model takes one input for each column, of shape
(rows, 1): numbers as float64 (missing: NaN), dates as float64 seconds since 1970 UTC (missing:
NaN), categories as text (missing: see `missing_text`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.codes import CodeColumn, Values
from agebo_hpc.data.encoders import (
    DateEncoder,
    Encoder,
    NumericEncoder,
    OneHotEncoder,
    TargetMeanEncoder,
)
from agebo_hpc.data.levels import level_before, level_of_text
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.scaling import CLIP
from agebo_hpc.data.target import RealCoding
from agebo_hpc.data.target_transform import Logarithm, ToNormal
from agebo_hpc.data.text_cells import MISSING
from agebo_hpc.data.values import LARGEST
from agebo_hpc.models.description import ModelDescription

Floats = NDArray[np.float64]
DAY = 86400.0
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Operations(Protocol):
    """What a format's library computes on values of its own. Scalars are float64."""

    def is_number(self, x: Any, largest: float) -> Any:
        """Tell where |x| < largest, which NaN is not."""
        ...

    def where(self, condition: Any, x: Any, other: float) -> Any:
        """Return x where the condition holds, else the number."""
        ...

    def calculate(self, operator: str, x: Any, y: Any) -> Any:
        """Return x + y, x - y, x * y or x / y, by operator; y is a value or a number."""
        ...

    def floor(self, x: Any) -> Any:
        """Return the largest whole numbers that are not above x."""
        ...

    def clip(self, x: Any, largest: float) -> Any:
        """Keep x between -largest and largest."""
        ...

    def at_least(self, x: Any, bound: float) -> Any:
        """Return 1.0 where x >= bound, else 0.0, as float64."""
        ...

    def as_float32(self, x: Any, negate: bool = False) -> Any:
        """Return numbers, or conditions as 0 and 1 (negated: 1 and 0), as float32."""
        ...

    def lookup(self, x: Any, keys: list[str], table: NDArray[np.float32], name: str) -> Any:
        """Return the table's row of each text's key; the last row for any other text."""
        ...

    def codes_of_numbers(self, x: Any, known: Values, missing: int) -> Any:
        """Return 1 + the place of each known number, `missing` of NaN, else 0, as float32."""
        ...

    def exp(self, x: Any) -> Any:
        """Return e to the power of x."""
        ...

    def between(self, x: Any, low: float, high: float) -> Any:
        """Keep x between two numbers."""
        ...

    def interpolate(self, x: Any, points: Floats, values: Floats, slopes: Floats) -> Any:
        """Return what lies on lines from points, increasing, of which none is above x."""
        ...

    def concat(self, parts: list[Any]) -> Any:
        """Put columns side by side."""
        ...


def missing_text(encoder: Encoder) -> str:
    """Return the text that stands for a missing cell of a category in an exported model."""
    levels = encoder.levels if isinstance(encoder, OneHotEncoder | TargetMeanEncoder) else ()
    text = ""
    while text in levels:
        text += "?"
    return text


def features(ops: Operations, preprocessing: Preprocessing, columns: dict[str, Any]) -> Any:
    """Compute what a network takes from the inputs by column: features, then codes, float32."""
    parts: list[Any] = []
    dates: dict[str, dict[str, Any]] = {}
    for encoder in preprocessing.encoders:
        x = columns[encoder.column]
        if isinstance(encoder, NumericEncoder):
            parts += _numeric(ops, encoder, x)
        elif isinstance(encoder, DateEncoder):
            dates[encoder.column] = _date_parts(ops, x)
            for part, numbers in dates[encoder.column].items():
                if part in encoder.parts:
                    parts += _numeric(ops, encoder.parts[part], numbers)
        else:
            keys, table = _level_table(encoder)
            parts.append(ops.lookup(x, keys, table, encoder.column))
    encoders = {encoder.column: encoder for encoder in preprocessing.encoders}
    for code in preprocessing.codes:
        x = dates[code.column][code.part] if code.part else columns[code.column]
        parts.append(_codes(ops, encoders[code.column], code, x))
    return ops.concat(parts)


def prediction(ops: Operations, coding: RealCoding, outputs: Any) -> Any:
    """Compute numbers in the target's own unit of a network's outputs, (rows, 1), float64."""
    transform = coding.transform
    if isinstance(transform, Logarithm):
        kept = ops.between(outputs, transform.low, transform.high)
        logs = ops.calculate("+", ops.calculate("*", kept, transform.scale), transform.centre)
        powers = ops.exp(logs)
        return ops.calculate("-", powers, transform.shift) if transform.shift else powers
    if isinstance(transform, ToNormal):
        points, values = np.array(transform.scores), np.array(transform.numbers)
        kept = ops.between(outputs, transform.scores[0], transform.scores[-1])
        slopes = np.append(np.diff(values) / np.diff(points), 0.0)
        return ops.interpolate(kept, points, values, slopes)
    if transform is not None:
        return outputs
    return ops.calculate("+", ops.calculate("*", outputs, coding.scale), coding.mean)


def _codes(ops: Operations, encoder: Encoder, code: CodeColumn, x: Any) -> Any:
    if isinstance(encoder, OneHotEncoder | TargetMeanEncoder):
        keys, rows = _texts(encoder)
        return ops.lookup(x, keys, code.table[rows, None].astype(np.float32), code.column)
    # What is too large to be a number is missing.
    present = ops.where(ops.is_number(x, LARGEST), x, float("nan"))
    return ops.codes_of_numbers(present, Values.of(code.values), code.missing)


def _numeric(ops: Operations, encoder: NumericEncoder, x: Any) -> list[Any]:
    present = ops.is_number(x, LARGEST)
    filled = ops.where(present, x, encoder.median)
    centred = ops.calculate("-", filled, encoder.mean)
    scaled = ops.clip(ops.calculate("/", centred, encoder.scale), CLIP)
    parts = [ops.as_float32(scaled)]
    return parts + [ops.as_float32(present, negate=True)] * encoder.indicator


def _level_table(
    encoder: OneHotEncoder | TargetMeanEncoder,
) -> tuple[list[str], NDArray[np.float32]]:
    """Return the levels as text and the features of each, and of an unseen one, in a table."""
    keys, rows = _texts(encoder)
    if isinstance(encoder, OneHotEncoder):
        number = len(encoder.levels)
        table = np.eye(number + 1, number, dtype=np.float32)
    else:
        means = np.array([*encoder.means, encoder.default])
        scaled = (means - np.array(encoder.center)) / np.array(encoder.scale)
        table = np.clip(scaled, -CLIP, CLIP).astype(np.float32)
    return keys, table[rows]


def _texts(encoder: OneHotEncoder | TargetMeanEncoder) -> tuple[list[str], list[int]]:
    """Return all texts of the levels, and the row of each and of an unseen one in a table."""
    missing = missing_text(encoder)
    keys = [missing if level is None else level for level in encoder.levels]
    others = _other_texts(encoder, set(keys))
    return [*keys, *others], [*range(len(keys)), *others.values(), len(keys)]


def _other_texts(encoder: OneHotEncoder | TargetMeanEncoder, keys: set[str]) -> dict[str, int]:
    """Return other texts of the levels, as programs write such values, and the levels' rows."""
    form, excluded = encoder.reading.form, encoder.reading.missing
    level_of = level_before if form == "before" else level_of_text
    others: dict[str, int] = {}
    for row, level in enumerate(encoder.levels):
        if level is None:
            texts = (*excluded, *(MISSING if form == "level" else ()))
        else:
            ways = () if form == "text" else _ways_to_write(level)
            texts = tuple(text for text in ways if level_of(text) == level)
        others |= {text: row for text in texts if text not in keys}
    return others


def _ways_to_write(level: str) -> tuple[str, ...]:
    if level in ("True", "False"):
        return level.lower(), level.upper()
    if _WHOLE.fullmatch(level):
        return (f"{level}.0",)
    if _DAY.fullmatch(level):
        return f"{level} 00:00:00", f"{level}T00:00:00"
    return ()


def _date_parts(ops: Operations, seconds: Any) -> dict[str, Any]:
    """Return the parts of dates; years and months by the civil calendar's 400-year cycle.

    The year is counted from March here, so that the leap day is its last; float64 holds whole
    numbers exactly, so the divisions are exact where they are rounded down.
    """
    do = ops.calculate

    def whole(x: Any, divisor: float) -> Any:
        return ops.floor(do("/", x, divisor))

    days = do("/", seconds, DAY)
    number = ops.floor(days)
    shifted = do("+", number, 719468.0)
    era = whole(shifted, 146097.0)
    day_of_era = do("-", shifted, do("*", era, 146097.0))
    leap_days = do(
        "-",
        do("-", whole(day_of_era, 36524.0), whole(day_of_era, 1460.0)),
        whole(day_of_era, 146096.0),
    )
    year_of_era = whole(do("+", day_of_era, leap_days), 365.0)
    before = do(
        "-",
        do("+", do("*", year_of_era, 365.0), whole(year_of_era, 4.0)),
        whole(year_of_era, 100.0),
    )
    day_of_year = do("-", day_of_era, before)
    march_month = whole(do("+", do("*", day_of_year, 5.0), 2.0), 153.0)
    begun = whole(do("+", do("*", march_month, 153.0), 2.0), 5.0)
    late = ops.at_least(march_month, 10.0)
    month = do("-", do("+", march_month, 3.0), do("*", late, 12.0))
    year = do("+", do("+", year_of_era, do("*", era, 400.0)), late)
    weekday = do("+", number, 3.0)
    weekday = do("-", weekday, do("*", whole(weekday, 7.0), 7.0))
    second = ops.floor(do("-", seconds, do("*", number, DAY)))
    return {
        "days": days,
        "year": year,
        "month": month,
        "day": do("+", do("-", day_of_year, begun), 1.0),
        "weekday": weekday,
        "minute of day": do("/", second, 60.0),
    }


def free_names(wanted: Mapping[str, str], taken: Iterable[str]) -> dict[str, str]:
    """Return column -> a name that no other column has, and nothing else, whatever the case.

    Parameters
    ----------
    wanted
        Column -> the name it has if that is free; else ``_`` is added until it is.
    taken
        Names that no column may have.
    """
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    for column, name in wanted.items():
        while name.casefold() in used:
            name += "_"
        used.add(name.casefold())
        names[column] = name
    return names


def input_kinds(preprocessing: Preprocessing) -> dict[str, str]:
    """Return for each column ``"text"`` or ``"float64"``."""
    return {
        encoder.column: "text" if encoder.kind == "category" else "float64"
        for encoder in preprocessing.encoders
    }


def told_inputs(description: ModelDescription, names: Mapping[str, str]) -> str:
    """Return the inputs and outputs of an exported model as JSON, which is stored in it.

    Parameters
    ----------
    description
        Description of the model.
    names
        Column -> its input's name.
    """
    preprocessing = Preprocessing.from_dict(description.preprocessing)
    threshold = description.threshold
    columns = [
        {
            "name": encoder.column,
            "input": names[encoder.column],
            "kind": encoder.kind,
            **({"missing": missing_text(encoder)} if encoder.kind == "category" else {}),
        }
        for encoder in preprocessing.encoders
    ]
    return json.dumps(
        {
            "task": description.task,
            "target": preprocessing.target.name,
            "columns": columns,
            "class_labels": description.schema["class_labels"],
            **({} if threshold is None else {"threshold": threshold}),
        }
    )
