"""Models as ONNX graphs, by the ``onnx`` package's own helpers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from agebo_hpc.data.codes import Values
from agebo_hpc.data.target import RealCoding
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.networks import single_networks
from agebo_hpc.models.onnx_layers import OnnxNodes, add_network
from agebo_hpc.models.portable import (
    Floats,
    features,
    free_names,
    input_kinds,
    prediction,
    told_inputs,
)

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
"""Old enough for every ONNX Runtime since 1.14."""
ARITHMETIC = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div"}


def write_onnx(model: Model, out: Path) -> None:
    """Write a model with its preprocessing as one ONNX file.

    Outputs: ``probabilities`` (rows, classes), float32, and ``prediction`` (rows,), the original
    label; for a regression ``prediction`` (rows,), float64, in the target's own unit.
    """
    kinds = input_kinds(model.preprocessing)
    names = input_names(list(kinds))
    ops = _OnnxOperations(names.values())
    x = features(ops, model.preprocessing, names)
    shares = []
    networks = single_networks(model.members, model.network)
    for member, network in zip(model.members, networks, strict=True):
        raw = add_network(ops, member, network, x)
        if model.class_labels is not None:
            raw = ops.node("Softmax", [raw], axis=1)
        if member.weight != 1:
            share = ops.constant(np.array(member.weight, np.float32))
            raw = ops.node("Mul", [raw, share])
        shares.append(raw)
    last = ops.node("Sum", shares) if len(shares) > 1 else shares[0]
    outputs = _outputs(ops, model, last)
    inputs = [
        helper.make_tensor_value_info(
            names[column],
            TensorProto.STRING if kind == "text" else TensorProto.DOUBLE,
            ["rows", 1],
        )
        for column, kind in kinds.items()
    ]
    graph = helper.make_graph(ops.nodes, "agebo_hpc", inputs, outputs, ops.initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    proto = helper.make_model(
        graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="agebo_hpc"
    )
    helper.set_model_props(proto, {"agebo_hpc": told_inputs(model.description, names)})
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(out))


def input_names(columns: list[str]) -> dict[str, str]:
    """Return the input's name of each column: its own, unless it is empty or an output's.

    Zero bytes, which ONNX Runtime's names end at, are ``_``.
    """
    plain = {column: column.replace("\0", "_") or "column" for column in columns}
    return free_names(plain, ("prediction", "probabilities"))


def label_array(labels: Sequence[Any]) -> NDArray[Any]:
    """Return labels as an array that ONNX has: numbers and booleans, else texts as objects."""
    kind = type(labels[0])
    is_plain = kind in (bool, float) or (kind is int and all(abs(x) < 2**63 for x in labels))
    if is_plain:
        return np.array(labels, np.int64 if kind is int else kind)
    return np.array([str(label) for label in labels], object)


def _outputs(ops: _OnnxOperations, model: Model, last: str) -> list[Any]:
    coding = model.preprocessing.target
    if isinstance(coding, RealCoding):
        wide = ops.node("Cast", [last], to=TensorProto.DOUBLE)
        shape = ops.constant(np.array([-1], np.int64))
        ops.node("Reshape", [prediction(ops, coding, wide), shape], name="prediction")
        return [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["rows"])]
    values = label_array(coding.labels)
    is_text = values.dtype == object
    kind = TensorProto.STRING if is_text else helper.np_dtype_to_tensor_dtype(values.dtype)
    number = ops.node("ArgMax", [last], axis=1, keepdims=0)
    ops.node("Gather", [ops.constant(values), number], name="prediction", axis=0)
    ops.node("Identity", [last], name="probabilities")
    width = len(values)
    return [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", width]),
        helper.make_tensor_value_info("prediction", kind, ["rows"]),
    ]


class _OnnxOperations(OnnxNodes):
    """Operations on names of values; for the parameters see `OnnxNodes`."""

    def is_number(self, x: str, largest: float) -> str:
        return self.node("Less", [self.node("Abs", [x]), self._number(largest)])

    def where(self, condition: str, x: str, other: float) -> str:
        return self.node("Where", [condition, x, self._number(other)])

    def calculate(self, operator: str, x: str, y: Any) -> str:
        other = y if isinstance(y, str) else self._number(y)
        return self.node(ARITHMETIC[operator], [x, other])

    def floor(self, x: str) -> str:
        return self.node("Floor", [x])

    def clip(self, x: str, largest: float) -> str:
        return self.between(x, -largest, largest)

    def between(self, x: str, low: float, high: float) -> str:
        return self.node("Clip", [x, self._number(low), self._number(high)])

    def exp(self, x: str) -> str:
        return self.node("Exp", [x])

    def interpolate(self, x: str, points: Floats, values: Floats, slopes: Floats) -> str:
        place = self._count_at_most(points[1:], x)
        start, value, slope = (
            self.node("Gather", [self.constant(table), place], axis=0)
            for table in (points, values, slopes)
        )
        risen = self.calculate("*", self.calculate("-", x, start), slope)
        return self.calculate("+", value, risen)

    def at_least(self, x: str, bound: float) -> str:
        late = self.node("GreaterOrEqual", [x, self._number(bound)])
        return self.node("Cast", [late], to=TensorProto.DOUBLE)

    def as_float32(self, x: str, negate: bool = False) -> str:
        if negate:
            x = self.node("Not", [x])
        return self.node("Cast", [x], to=TensorProto.FLOAT)

    def lookup(self, x: str, keys: list[str], table: NDArray[np.float32], name: str) -> str:
        flat = self.node("Reshape", [x, self.constant(np.array([-1], np.int64))])
        position = self.node(
            "LabelEncoder",
            [flat],
            domain="ai.onnx.ml",
            keys_strings=keys,
            values_int64s=list(range(len(keys))),
            default_int64=len(keys),
        )
        return self.node("Gather", [self.constant(table), position], axis=0)

    def codes_of_numbers(self, x: str, known: Values, missing: int) -> str:
        place = self._count_at_most(known.bounds, x)
        value, tolerance = (
            self.node("Gather", [self.constant(table), place], axis=0)
            for table in (known.values, known.tolerances)
        )
        distance = self.node("Abs", [self.node("Sub", [x, value])])
        is_known = self.node("LessOrEqual", [distance, tolerance])
        one, none, gone = (self.constant(np.array(n, np.int64)) for n in (1, 0, missing))
        codes = self.node("Where", [is_known, self.node("Add", [place, one]), none])
        codes = self.node("Where", [self.node("IsNaN", [x]), gone, codes])
        return self.node("Cast", [codes], to=TensorProto.FLOAT)

    def concat(self, parts: list[str]) -> str:
        return self.node("Concat", parts, axis=1)

    def _count_at_most(self, bounds: Floats, x: str) -> str:
        """Return how many of some numbers are not above x, (rows, 1), int64."""
        above = self.node("GreaterOrEqual", [x, self.constant(bounds)])
        counted = self.node("Cast", [above], to=TensorProto.INT64)
        axis = self.constant(np.array([1], np.int64))
        return self.node("ReduceSum", [counted, axis], keepdims=1)

    def _number(self, value: float) -> str:
        return self.constant(np.array(value, np.float64))
