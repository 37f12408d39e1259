"""Models with their preprocessing as Keras models: layers and operations of Keras alone."""

from __future__ import annotations

import keyword
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow import keras

from agebo_hpc.data.codes import Values
from agebo_hpc.data.target import RealCoding
from agebo_hpc.errors import UsageError
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.portable import Floats, features, free_names, input_kinds, prediction

ARITHMETIC = {
    "+": keras.ops.add,
    "-": keras.ops.subtract,
    "*": keras.ops.multiply,
    "/": keras.ops.divide,
}

RESERVED = (*keyword.kwlist, "self", "prediction", "probabilities")
"""Names that no input has: Python's own, which a signature's call refuses, and outputs'."""


def table_model(model: Model) -> Any:
    """Return a Keras model from the columns of a table, by name, to the outputs.

    Outputs: ``probabilities`` (rows, classes), float32; for a regression ``prediction``
    (rows, 1), float64, in the target's own unit.
    """
    kinds = input_kinds(model.preprocessing)
    columns = {
        column: keras.Input(
            (1,), dtype="string" if kinds[column] == "text" else kinds[column], name=name
        )
        for column, name in input_names(list(kinds)).items()
    }
    inputs = {tensor.name: tensor for tensor in columns.values()}
    outputs = model.network(features(_KerasOperations(), model.preprocessing, columns))
    coding = model.preprocessing.target
    if isinstance(coding, RealCoding):
        wide = keras.ops.cast(outputs, "float64")
        return keras.Model(inputs, {"prediction": prediction(_KerasOperations(), coding, wide)})
    return keras.Model(inputs, {"probabilities": outputs})


def input_names(columns: list[str]) -> dict[str, str]:
    """Return the input's name of each column: what is no ASCII letter or digit is ``_`` there.

    TensorFlow's signatures allow few others, and take names that differ in case for the same.
    """
    plain = {column: re.sub("[^A-Za-z0-9]", "_", column) for column in columns}
    plain = {
        column: name if name[:1].isalpha() else f"column{name}" for column, name in plain.items()
    }
    return free_names(plain, RESERVED)


class _KerasOperations:
    """Operations on Keras's symbolic tensors."""

    def is_number(self, x: Any, largest: float) -> Any:
        # Keras reads the bound of a comparison as float32, which has no 1e100.
        share = keras.ops.multiply(keras.ops.absolute(x), 1 / largest)
        return keras.ops.less(share, 1.0)

    def where(self, condition: Any, x: Any, other: float) -> Any:
        return keras.ops.where(condition, x, other)

    def calculate(self, operator: str, x: Any, y: Any) -> Any:
        return ARITHMETIC[operator](x, y)

    def floor(self, x: Any) -> Any:
        return keras.ops.floor(x)

    def clip(self, x: Any, largest: float) -> Any:
        return keras.ops.clip(x, -largest, largest)

    def at_least(self, x: Any, bound: float) -> Any:
        return keras.ops.cast(keras.ops.greater_equal(x, bound), "float64")

    def as_float32(self, x: Any, negate: bool = False) -> Any:
        return keras.ops.cast(keras.ops.logical_not(x) if negate else x, "float32")

    def lookup(self, x: Any, keys: list[str], table: NDArray[np.float32], name: str) -> Any:
        _check_keys(keys, name)
        # Position 0 is that of any other text; a level with the token's name would move them all.
        token = "[UNK]"
        while token in keys:
            token += "?"
        positions = keras.layers.StringLookup(vocabulary=list(keys), oov_token=token)(x)
        rows = keras.layers.Embedding(
            len(table),
            table.shape[1],
            weights=[np.concatenate([table[-1:], table[:-1]])],
            trainable=False,
        )
        return keras.ops.squeeze(rows(positions), axis=1)

    def codes_of_numbers(self, x: Any, known: Values, missing: int) -> Any:
        above = keras.ops.greater_equal(x, known.bounds)
        place = keras.ops.sum(keras.ops.cast(above, "int32"), axis=1, keepdims=True)
        distance = keras.ops.absolute(x - keras.ops.take(known.values, place))
        is_known = keras.ops.less_equal(distance, keras.ops.take(known.tolerances, place))
        codes = keras.ops.where(is_known, place + 1, 0)
        codes = keras.ops.where(keras.ops.isnan(x), missing, codes)
        return keras.ops.cast(codes, "float32")

    def exp(self, x: Any) -> Any:
        return keras.ops.exp(x)

    def between(self, x: Any, low: float, high: float) -> Any:
        return keras.ops.clip(x, low, high)

    def interpolate(self, x: Any, points: Floats, values: Floats, slopes: Floats) -> Any:
        above = keras.ops.greater_equal(x, points[1:])
        place = keras.ops.sum(keras.ops.cast(above, "int32"), axis=1, keepdims=True)
        start, value, slope = (keras.ops.take(t, place) for t in (points, values, slopes))
        return value + (x - start) * slope

    def concat(self, parts: list[Any]) -> Any:
        return keras.ops.concatenate(parts, axis=1)


def _check_keys(keys: list[str], column: str) -> None:
    """Refuse levels that Keras cannot keep apart: it drops zero bytes at the end."""
    lost = next((key for key in keys if key.endswith("\0")), None)
    if lost is not None:
        raise UsageError(
            f"Column {column!r} has the level {lost!r}, whose last character Keras drops; export "
            f"with --format onnx, or prepare the data without it."
        )
