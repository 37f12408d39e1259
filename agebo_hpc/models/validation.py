"""Whether a model's description makes sense, and whether its network is the one described.

Checksums tell accidents. Here is told what is wrong in itself: shapes, positions, names, numbers
that another program, an older one or somebody on purpose wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.stored import is_number
from agebo_hpc.errors import AgeboError, DataError
from agebo_hpc.space.graph import Graph, GraphBuilder

if TYPE_CHECKING:
    from agebo_hpc.models.description import ModelDescription

ACTIVATIONS = ("", "linear", "identity", "relu", "tanh", "sigmoid", "swish")
LARGEST_WIDTH = 2**24


def check_description(file: Path, description: ModelDescription) -> None:
    """Check a description that was read from a file; knows no TensorFlow.

    Raises
    ------
    DataError
        If parts of it are nonsense, or contradict each other; one line.
    """
    _checked(file, lambda: _check(description))


def check_network(file: Path, description: ModelDescription, network: Any) -> None:
    """Check that a Keras model has the layers, shapes and finite numbers that are described.

    Raises
    ------
    DataError
        If not; one line.
    """
    _checked(file, lambda: _check_network(description, network))


def _checked(file: Path, check: Callable[[], None]) -> None:
    try:
        check()
    # Whatever nonsense leads to, it is nonsense.
    except Exception as error:
        said = str(error).strip().splitlines() or [""]
        kind = "" if isinstance(error, AgeboError | ValueError) else f"{type(error).__name__}: "
        raise DataError(
            f"{file} makes no sense ({kind}{said[0].rstrip('.')[:300]}); restore it from a copy "
            f"or retrain."
        ) from error


def _check(description: ModelDescription) -> None:
    for name in ("configuration", "training", "data", "provenance", "scores", "schema", "graph"):
        if not isinstance(getattr(description, name), Mapping):
            raise ValueError(f"{name} is no object")
    if not isinstance(description.provenance.get("versions", {}), Mapping):
        raise ValueError("versions is no object")
    members = description.training.get("members", [])
    if not isinstance(members, list) or not all(isinstance(m, Mapping) for m in members):
        raise ValueError("members of the training are no objects")
    preprocessing = Preprocessing.from_dict(description.preprocessing)
    labels = description.class_labels
    expected = {
        "target": preprocessing.target.name,
        "columns": list(preprocessing.columns),
        "feature_names": list(preprocessing.feature_names),
        "class_labels": list(getattr(preprocessing.target, "labels", ())) or None,
    }
    for name, value in expected.items():
        if name in description.schema and description.schema[name] != value:
            raise ValueError(f"{name} of the schema are not those of the preprocessing")
    if description.task != preprocessing.task:
        raise ValueError(f"the task is {description.task!r}, the target's {preprocessing.task!r}")
    decision = description.training.get("decision")
    if decision is not None:
        threshold = decision["threshold"]
        if not is_number(threshold) or not 0 < threshold < 1 or len(labels or ()) != 2:
            raise ValueError("the threshold is no probability of the second of two classes")
    for member in _members(description.graph):
        check_graph(member)
        graph = Graph.from_dict(member)
        # A network of features alone leaves the codes aside.
        codes = len(preprocessing.codes) if graph.num_codes else 0
        sizes = codes + len(preprocessing.feature_names), codes, len(labels) if labels else 1
        found = graph.num_features, graph.num_codes, graph.num_outputs
        if found != sizes:
            raise ValueError(
                f"the graph has {found[0]} inputs, {found[1]} of them codes, and {found[2]} "
                f"outputs, the preprocessing {sizes[0]}, {sizes[1]} and {sizes[2]}"
            )


def _members(graph: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "members" not in graph:
        return [graph]
    members = list(graph["members"])
    weights = [member["weight"] for member in members]
    if not all(is_number(weight) and 0 < weight <= 1 for weight in weights):
        raise ValueError("a member's weight is not between 0 and 1")
    if abs(sum(weights) - 1) > 1e-6:
        raise ValueError(f"the weights of the members have the sum {sum(weights):g}, not 1")
    return members


def check_graph(data: Mapping[str, Any]) -> None:
    """Raise ValueError or another error if a stored graph is not one that can be built."""
    first, *others = data["operations"]
    widths = [op["width"] for op in data["operations"]]
    if not all(type(width) is int and 0 < width <= LARGEST_WIDTH for width in widths):
        raise ValueError("an operation has no width")
    names = [op["name"] for op in data["operations"]]
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ValueError("the names of operations are not different texts")
    builder = GraphBuilder(first["width"], first.get("settings", {}).get("codes", 0))
    graph = Graph.from_dict(data)
    for position, op in enumerate(graph.operations[1:], start=1):
        inputs_exist = all(type(i) is int and 0 <= i < position for i in op.inputs)
        if op.kind == "input" or not inputs_exist or op.activation not in ACTIVATIONS:
            raise ValueError(f"the operation {op.name} has inputs or an activation that cannot be")
        _check_shared(graph, position)
        builder.add(
            op.kind,
            op.inputs,
            name=op.name,
            width=op.width,
            activation=op.activation,
            start=op.start,
            shares=op.shares,
            members=op.members,
            **op.settings,
        )
    head, *built = builder.finish().operations
    if not others or tuple(built) != graph.operations[1:]:
        raise ValueError("the widths of operations do not follow from their inputs")
    if replace(graph.operations[0], name=head.name) != head:
        raise ValueError("the first operation is not the input")


def _check_shared(graph: Graph, position: int) -> None:
    op = graph.operations[position]
    if not op.shares:
        return
    owner = next((o for o in graph.operations[:position] if o.name == op.shares), None)
    shapes = [
        [p.shape for p in o.record.parameters(o, graph.input_widths(o))]
        for o in (op, owner)
        if o is not None
    ]
    if owner is None or owner.kind != op.kind or owner.shares or shapes[0] != shapes[1]:
        raise ValueError(f"the operation {op.name} shares the weights of no earlier one like it")


def _check_network(description: ModelDescription, network: Any) -> None:
    from agebo_hpc.models.networks import members_of, single_networks, weights_of

    members = members_of(description.graph)
    shape = (None, members[0].graph.num_features)
    if len(network.inputs) != 1 or tuple(network.inputs[0].shape) != shape:
        raise ValueError(f"the network's input has another shape than {shape}")
    for member, single in zip(members, single_networks(members, network), strict=True):
        single.get_layer(member.graph.operations[-1].name)
        outputs = tuple(single.outputs[0].shape)
        if outputs != (None, member.graph.num_outputs):
            raise ValueError(f"the network's outputs have the shape {outputs}")
        weights = weights_of(member, single)
        for op, parameters in member.graph.parameters():
            for number in range(op.members):
                _check_arrays(op.name, parameters, weights[op.name, number])


def _check_arrays(name: str, parameters: Any, arrays: Any) -> None:
    expected = [parameter.shape for parameter in parameters]
    found = [array.shape for array in arrays]
    if expected != found:
        raise ValueError(f"the weights of {name} have the shapes {found}, not {expected}")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"the weights of {name} are not all finite")
