"""The operations of a graph as Keras's own layers, which Keras alone can load.

Each entry makes one member of an operation. The layers with weights are named after it, see
`layer_names`; they hold its parameters in the order of its record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow import keras

from agebo_hpc.space.operations import Operation, Widths, first_rows, pieces_of
from agebo_hpc.training.compiled_operations import NORM_EPSILON


@dataclass(frozen=True)
class Block:
    """The layers of one member of an operation.

    Attributes
    ----------
    call
        Function from its inputs to its output; it may be called several times.
    layers
        Those with weights, in order.
    """

    call: Callable[[list[Any]], Any]
    layers: Sequence[Any] = ()

    def __call__(self, inputs: list[Any]) -> Any:
        """Return the output, as Keras's symbolic tensor."""
        return self.call(inputs)

    def set_weights(self, arrays: list[NDArray[np.float32]]) -> None:
        """Give the layers their parameters, in order; they have been called before."""
        given = iter(arrays)
        for layer in self.layers:
            layer.set_weights([next(given) for _ in layer.weights])


SUFFIXES = {"periodic": ("_frequencies", "")}
"""Where a member has several layers with weights: what their names end with, by record."""


def layer_names(op: Operation, member: int) -> list[str]:
    """Return the names of the layers with weights of a member, in order."""
    return [member_name(op, member) + suffix for suffix in SUFFIXES.get(op.kind, ("",))]


def member_name(op: Operation, member: int) -> str:
    """Return what the layers of a member are named after."""
    return op.name if op.members == 1 else f"{op.name}_member_{member}"


Entry = Callable[[Operation, Widths, int], Block]
"""(operation, widths of its inputs, member) -> its layers."""


def _dense(op: Operation, widths: Widths, member: int) -> Block:
    [name] = layer_names(op, member)
    layer = keras.layers.Dense(op.width, op.activation or None, name=name)
    return Block(lambda inputs: layer(inputs[0]), [layer])


def _merge(op: Operation, widths: Widths, member: int) -> Block:
    name = member_name(op, member)
    add = keras.layers.Add(name=f"{name}_add")
    relu = keras.layers.ReLU(name=name)
    return Block(lambda inputs: relu(add(inputs)))


def _concat(op: Operation, widths: Widths, member: int) -> Block:
    layer = keras.layers.Concatenate(name=member_name(op, member))
    return Block(lambda inputs: layer(inputs))


def _layer_norm(op: Operation, widths: Widths, member: int) -> Block:
    [name] = layer_names(op, member)
    layer = keras.layers.LayerNormalization(epsilon=NORM_EPSILON, name=name)
    return Block(lambda inputs: layer(inputs[0]), [layer])


def _average(op: Operation, widths: Widths, member: int) -> Block:
    # Its layer has the operation's name: what comes before the softmax is found by it.
    if op.settings["of"] == "values":
        mean = keras.layers.Average(name=op.name)
        return Block(lambda inputs: mean(inputs if len(inputs) > 1 else inputs * 2))
    named = keras.layers.Identity(name=op.name)

    def call(inputs: list[Any]) -> Any:
        each = keras.ops.stack([keras.ops.log_softmax(x) for x in inputs], axis=1)
        return named(keras.ops.logsumexp(each, axis=1) - log(len(inputs)))

    return Block(call)


def _periodic(op: Operation, widths: Widths, member: int) -> Block:
    columns, number, size = widths[0], op.settings["frequencies"], op.settings["size"]
    first, second = layer_names(op, member)
    flat = keras.layers.Flatten(name=f"{second}_flat")
    joined = keras.layers.Concatenate(name=f"{second}_with_numbers")
    times = keras.layers.EinsumDense("rm,mk->rmk", (columns, number), name=first)
    products = keras.layers.EinsumDense(
        "rmk,mkd->rmd", (columns, size), activation="relu", bias_axes="md", name=second
    )

    def call(inputs: list[Any]) -> Any:
        angles = times(inputs[0]) * (2 * pi)
        waves = keras.ops.concatenate([keras.ops.cos(angles), keras.ops.sin(angles)], axis=2)
        embedded = flat(products(waves))
        if op.settings.get("pass_through"):
            return joined([inputs[0], embedded])
        return embedded

    return Block(call, [times, products])


def _piecewise_linear(op: Operation, widths: Widths, member: int) -> Block:
    [name] = layer_names(op, member)
    pieces = pieces_of(op.settings["edges"])
    flat = keras.layers.Flatten(name=f"{name}_flat")
    layer = keras.layers.EinsumDense(
        "rmk,mkd->rmd",
        (widths[0], op.settings["size"]),
        activation=op.activation or None,
        bias_axes="md",
        name=name,
    )

    def call(inputs: list[Any]) -> Any:
        raw = (keras.ops.expand_dims(inputs[0], 2) - pieces.start) * pieces.slope
        filled = keras.ops.minimum(keras.ops.maximum(raw, pieces.least), pieces.most)
        return flat(layer(filled))

    return Block(call, [layer])


def _embed(op: Operation, widths: Widths, member: int) -> Block:
    levels = op.settings["levels"]
    [name] = layer_names(op, member)
    table = keras.layers.Embedding(sum(levels), op.settings["size"], name=name)
    flat = keras.layers.Flatten(name=f"{name}_flat")

    def call(inputs: list[Any]) -> Any:
        codes = inputs[0]
        limits = np.array(levels, np.float32)
        is_known = keras.ops.logical_and(codes >= 0.0, codes < limits)
        known = keras.ops.cast(keras.ops.where(is_known, codes, 0.0), "int32")
        rows = known + first_rows(levels).astype(np.int32)
        return flat(table(rows))

    return Block(call, [table])


def _select(op: Operation, widths: Widths, member: int) -> Block:
    columns = list(op.settings["columns"])
    return Block(lambda inputs: keras.ops.take(inputs[0], columns, axis=1))


KERAS: dict[str, Entry] = {
    "slice": lambda op, widths, member: Block(
        lambda inputs: inputs[0][:, op.start : op.start + op.width]
    ),
    "select": _select,
    "concat": _concat,
    "merge": _merge,
    "dense": _dense,
    "layer_norm": _layer_norm,
    "dropout": lambda op, widths, member: Block(lambda inputs: inputs[0]),
    "average": _average,
    "periodic": _periodic,
    "piecewise_linear": _piecewise_linear,
    "embed": _embed,
}
"""The Keras layers of each record, by its name, for prediction: without dropout."""
