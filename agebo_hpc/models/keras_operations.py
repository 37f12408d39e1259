"""Models with their preprocessing as Keras models: layers and operations of Keras alone."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow import keras

from agebo_hpc.data.target import RealCoding
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.portable import features, input_kinds

ARITHMETIC = {
    "+": keras.ops.add,
    "-": keras.ops.subtract,
    "*": keras.ops.multiply,
    "/": keras.ops.divide,
}


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
        prediction = keras.ops.add(keras.ops.multiply(wide, coding.scale), coding.mean)
        return keras.Model(inputs, {"prediction": prediction})
    return keras.Model(inputs, {"probabilities": outputs})


def input_names(columns: list[str]) -> dict[str, str]:
    """Return the input's name of each column: what is no ASCII letter or digit is ``_`` there.

    TensorFlow's signatures allow few others.
    """
    names: dict[str, str] = {}
    for column in columns:
        name = re.sub("[^A-Za-z0-9]", "_", column)
        name = name if name[:1].isalnum() else f"column{name}"
        while name in names.values():
            name += "_"
        names[column] = name
    return names


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
        # Position 0 is that of any other text.
        positions = keras.layers.StringLookup(vocabulary=list(keys))(x)
        rows = keras.layers.Embedding(
            len(table),
            table.shape[1],
            weights=[np.concatenate([table[-1:], table[:-1]])],
            trainable=False,
        )
        return keras.ops.squeeze(rows(positions), axis=1)

    def concat(self, parts: list[Any]) -> Any:
        return keras.ops.concatenate(parts, axis=1)
