"""The operations of a graph as nodes of an ONNX graph.

Each entry adds the nodes of one member of an operation and returns the name of its output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from agebo_hpc.models.networks import EnsembleMember, weights_of
from agebo_hpc.space.operations import Operation, first_rows, pieces_of
from agebo_hpc.training.compiled_operations import NORM_EPSILON
from agebo_hpc.training.network import walk

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


class OnnxNodes:
    """Collects the nodes of a graph; values are known by their names.

    Parameters
    ----------
    inputs
        Names that values computed in the graph must not have.
    """

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        self._prefix = "\u2192"
        while any(name.startswith(self._prefix) for name in inputs):
            self._prefix += "\u2192"
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(
        self, kind: str, inputs: Sequence[str], name: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Add a node and return the name of its output."""
        output = name or f"{self._prefix}{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [output], domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, values: NDArray[Any]) -> str:
        """Add an array and return its name."""
        name = f"{self._prefix}constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values, name))
        return name


def add_network(nodes: OnnxNodes, of: EnsembleMember, network: Any, x: str) -> str:
    """Add a network; parameters that several operations share are stored once.

    Parameters
    ----------
    nodes
        Nodes of the ONNX graph, to which those of the network are added.
    of, network
        What it is, and the Keras model that has its parameters.
    x
        Name of its features, of shape (rows, num_features), float32.

    Returns
    -------
    str
        Name of its outputs: logits, or the standardised target.
    """
    weights = {
        place: [nodes.constant(array) for array in arrays]
        for place, arrays in weights_of(of, network).items()
    }

    def build(op: Operation, member: int, inputs: list[str]) -> str:
        return ONNX[op.kind](nodes, op, inputs, weights.get((op.weights, member), []))

    return walk(of.graph, x, build)


Entry = Callable[[OnnxNodes, Operation, list[str], list[str]], str]
"""(nodes, operation, names of its inputs, of its parameters) -> name of its output."""


def _integers(nodes: OnnxNodes, *values: int) -> str:
    return nodes.constant(np.array(values, np.int64))


def _number(nodes: OnnxNodes, value: float) -> str:
    return nodes.constant(np.array(value, np.float32))


def _activated(nodes: OnnxNodes, activation: str, raw: str) -> str:
    if activation in ("", "linear"):
        return raw
    if activation == "swish":
        return nodes.node("Mul", [raw, nodes.node("Sigmoid", [raw])])
    return nodes.node(ACTIVATIONS[activation], [raw])


def _dense(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    kernel, bias = weights
    raw = nodes.node("Add", [nodes.node("MatMul", [inputs[0], kernel]), bias])
    return _activated(nodes, op.activation, raw)


def _slice(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    bounds = (op.start, op.start + op.width, 1)
    return nodes.node("Slice", [inputs[0], *(_integers(nodes, bound) for bound in bounds)])


def _select(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    return nodes.node("Gather", [inputs[0], _integers(nodes, *op.settings["columns"])], axis=1)


def _merge(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    return nodes.node("Relu", [nodes.node("Sum", inputs)])


def _layer_norm(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    return nodes.node("LayerNormalization", [inputs[0], *weights], axis=-1, epsilon=NORM_EPSILON)


def _average(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    if op.settings["of"] == "values":
        return nodes.node("Mean", inputs)
    axes = _integers(nodes, 0)
    each = [nodes.node("Unsqueeze", [nodes.node("LogSoftmax", [x], axis=1), axes]) for x in inputs]
    total = nodes.node(
        "ReduceLogSumExp", [nodes.node("Concat", each, axis=0)], axes=[0], keepdims=0
    )
    return nodes.node("Sub", [total, _number(nodes, log(len(inputs)))])


def _columns(nodes: OnnxNodes, x: str) -> str:
    """Return columns of shape (rows, columns) as (columns, rows, 1)."""
    return nodes.node("Unsqueeze", [nodes.node("Transpose", [x]), _integers(nodes, 2)])


def _by_column(
    nodes: OnnxNodes, activation: str, values: str, kernel: str, bias: str, width: int
) -> str:
    """Return the layer of each column on values of shape (columns, rows, k), side by side."""
    shift = nodes.node("Unsqueeze", [bias, _integers(nodes, 1)])
    raw = nodes.node("Add", [nodes.node("MatMul", [values, kernel]), shift])
    rows = nodes.node("Transpose", [_activated(nodes, activation, raw)], perm=[1, 0, 2])
    return nodes.node("Reshape", [rows, _integers(nodes, -1, width)])


def _periodic(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    frequencies, kernel, bias = weights
    times = nodes.node("Unsqueeze", [frequencies, _integers(nodes, 1)])
    products = nodes.node("Mul", [_columns(nodes, inputs[0]), times])
    angles = nodes.node("Mul", [products, _number(nodes, 2 * pi)])
    waves = nodes.node(
        "Concat", [nodes.node("Cos", [angles]), nodes.node("Sin", [angles])], axis=2
    )
    passes, size = bool(op.settings.get("pass_through")), op.settings["size"]
    width = op.width * size // (size + passes)
    embedded = _by_column(nodes, "relu", waves, kernel, bias, width)
    return nodes.node("Concat", [inputs[0], embedded], axis=1) if passes else embedded


def _piecewise_linear(
    nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]
) -> str:
    pieces = pieces_of(op.settings["edges"])
    start, slope, least, most = (
        nodes.constant(part[:, None, :])
        for part in (pieces.start, pieces.slope, pieces.least, pieces.most)
    )
    raw = nodes.node("Mul", [nodes.node("Sub", [_columns(nodes, inputs[0]), start]), slope])
    filled = nodes.node("Min", [nodes.node("Max", [raw, least]), most])
    kernel, bias = weights
    return _by_column(nodes, op.activation, filled, kernel, bias, op.width)


def _embed(nodes: OnnxNodes, op: Operation, inputs: list[str], weights: list[str]) -> str:
    levels = op.settings["levels"]
    limits = nodes.constant(np.array(levels, np.float32))
    zero = _number(nodes, 0)
    is_known = nodes.node(
        "And",
        [
            nodes.node("GreaterOrEqual", [inputs[0], zero]),
            nodes.node("Less", [inputs[0], limits]),
        ],
    )
    known = nodes.node("Where", [is_known, inputs[0], zero])
    codes = nodes.node("Cast", [known], to=TensorProto.INT64)
    rows = nodes.node("Add", [codes, nodes.constant(first_rows(levels))])
    found = nodes.node("Gather", [weights[0], rows], axis=0)
    return nodes.node("Reshape", [found, _integers(nodes, -1, op.width)])


ONNX: dict[str, Entry] = {
    "slice": _slice,
    "select": _select,
    "concat": lambda nodes, op, inputs, weights: nodes.node("Concat", inputs, axis=1),
    "merge": _merge,
    "dense": _dense,
    "layer_norm": _layer_norm,
    "dropout": lambda nodes, op, inputs, weights: inputs[0],
    "average": _average,
    "periodic": _periodic,
    "piecewise_linear": _piecewise_linear,
    "embed": _embed,
}
"""The ONNX nodes of each record, by its name, for prediction: without dropout."""
