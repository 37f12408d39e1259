"""Networks from graphs: the one that is trained and the Keras model that is taken home.

Both are made by the same walk over the graph's operations, so they are the same network. The
trained one keeps all its parameters in one flat vector: one optimizer update and one gradient
buffer to average for the whole network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import tensorflow as tf

from agebo_hpc.space.graph import Graph
from agebo_hpc.space.operations import Operation
from agebo_hpc.training.compiled_operations import COMPILED, Moment

if TYPE_CHECKING:
    from agebo_hpc.training.keras_layers import Block

Value = TypeVar("Value")


def walk(graph: Graph, x: Value, build: Callable[[Operation, int, list[Value]], Value]) -> Value:
    """Build a graph's output from its input.

    Parameters
    ----------
    graph
        Graph of the network.
    x
        Its input, in a library's own kind of value.
    build
        (operation, member, inputs of this member) -> output of this member; called once for each
        member in turn. What joins members gets the inputs of all.
    """
    values: list[tuple[Value, ...]] = [(x,)]
    for op in graph.operations[1:]:
        inputs = [values[position] for position in op.inputs]
        if op.record.joins_members:
            values.append((build(op, 0, list(inputs[0])),))
            continue
        of_members = [[v[m if len(v) > 1 else 0] for v in inputs] for m in range(op.members)]
        values.append(tuple(build(op, m, own) for m, own in enumerate(of_members)))
    return values[-1][0]


def initial_parameters(graph: Graph, rng: np.random.Generator) -> np.ndarray:
    """Draw a network's parameters, each by its own law.

    Returns
    -------
    ndarray of shape (num_parameters,), float32
        The parameters of each operation in order, those of its members one after the other.
    """
    return np.concatenate(
        [
            parameter.draw(rng, parameter.shape).ravel()
            for op, own in graph.parameters()
            for parameter in own
            for _ in range(op.members)
        ]
    )


def decaying(graph: Graph) -> np.ndarray:
    """Return 1 for each number that weight decay makes smaller, else 0, float32."""
    parts = [
        np.full(op.members * prod(parameter.shape), parameter.decays, np.float32)
        for op, own in graph.parameters()
        for parameter in own
    ]
    return np.concatenate(parts)


def split_parameters(graph: Graph, parameters: np.ndarray) -> list[np.ndarray]:
    """Cut the flat vector into the parameters of each operation, see `Graph.parameter_shapes`."""
    shapes = graph.parameter_shapes()
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]
    parts = np.split(parameters, ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


@dataclass(frozen=True)
class TrainingStep:
    """What a step of training has beside its rows.

    Attributes
    ----------
    key
        int64 tensor of shape (2,): of the training and the process. From it and the number of
        the step follow all draws, so that a training that is cut and continued has the same.
    number
        int64 scalar: of the step, counted from the training's begin.
    arguments
        float32 tensor: `Graph.arguments`.
    """

    key: tf.Tensor
    number: tf.Tensor
    arguments: tf.Tensor

    @classmethod
    def of(cls, graph: Graph, number: int = 0) -> TrainingStep:
        """Return a step with the graph's own numbers and some key."""
        key = tf.zeros(2, tf.int64)
        arguments = tf.constant(graph.arguments(), tf.float32, (len(graph.arguments()),))
        return cls(key, tf.constant(number, tf.int64), arguments)


def forward(
    graph: Graph,
    parameters: tf.Tensor,
    x: tf.Tensor,
    compute_type: tf.DType = tf.float32,
    step: TrainingStep | None = None,
) -> tf.Tensor:
    """Compute a network's outputs.

    Parameters
    ----------
    graph
        Graph of the network.
    parameters
        Tensor of shape (num_parameters,), float32.
    x
        Tensor of shape (rows, num_features), float32.
    compute_type
        Type in which all layers compute that are not exact.
    step
        Step of the training; None: a prediction.

    Returns
    -------
    Tensor of shape (rows, num_outputs), float32
        Logits, or regression targets; in training of a network that averages its members those
        of each, of shape (rows, members, num_outputs).
    """
    weights = {tf.float32: _weights(graph, parameters)}
    if compute_type != tf.float32:
        weights[compute_type] = _weights(graph, tf.cast(parameters, compute_type))
    moments = {} if step is None else _moments(graph, step)

    def build(op: Operation, member: int, inputs: list[tf.Tensor]) -> tf.Tensor:
        kind = tf.float32 if op.record.is_exact else compute_type
        values = [tf.cast(value, kind) for value in inputs]
        own = weights[kind].get((op.weights, member), [])
        moment = None if step is None else replace(moments[op.name], member=member)
        return COMPILED[op.kind](op, values, own, moment)

    return tf.cast(walk(graph, x, build), tf.float32)


def _weights(graph: Graph, parameters: tf.Tensor) -> dict[tuple[str, int], list[tf.Tensor]]:
    """Cut the vector into the parameters of each member of each operation, by both."""
    found: dict[tuple[str, int], list[tf.Tensor]] = {}
    places = [
        (op.name, member, parameter.shape)
        for op, own in graph.parameters()
        for parameter in own
        for member in range(op.members)
    ]
    pieces = tf.split(parameters, [prod(shape) for _, _, shape in places])
    for (name, member, shape), piece in zip(places, pieces, strict=True):
        part = piece if len(shape) == 1 else tf.reshape(piece, shape)
        found.setdefault((name, member), []).append(part)
    return found


def _moments(graph: Graph, step: TrainingStep) -> dict[str, Moment]:
    """Return the moment of each operation's first member."""
    found: dict[str, Moment] = {}
    count = 0
    for position, op in enumerate(graph.operations):
        number = len(op.record.arguments)
        own = [step.arguments[count + i] for i in range(number)]
        count += number
        # Only what has arguments draws: others need no seed in their graph.
        seed = step.key + tf.stack([step.number, position]) if own else step.key
        found[op.name] = Moment(seed, own, members=op.members)
    return found


def keras_model(graph: Graph, parameters: np.ndarray, task: str) -> Any:
    """Return the Keras model of a trained network, made of Keras's own layers.

    Parameters
    ----------
    graph
        Graph of the network.
    parameters
        ndarray of shape (num_parameters,), float32.
    task
        ``"classification"``: the model ends with a softmax; ``"regression"``: it does not.
    """
    from tensorflow import keras

    # A rank that only trains need not load Keras.
    from agebo_hpc.training.keras_layers import KERAS

    inputs = keras.Input((graph.num_features,), name="features")
    blocks: dict[tuple[str, int], Block] = {}

    def build(op: Operation, member: int, values: list[Any]) -> Any:
        # Operations that share weights are one block called several times.
        if not op.shares:
            blocks[op.name, member] = KERAS[op.kind](op, graph.input_widths(op), member)
        return blocks[op.weights, member](values)

    outputs = walk(graph, inputs, build)
    if task == "classification":
        outputs = keras.layers.Softmax(name="probabilities")(outputs)
    model = keras.Model(inputs, outputs)
    parts = iter(split_parameters(graph, parameters))
    for op, own in graph.parameters():
        arrays = [next(parts).reshape(op.members, *parameter.shape) for parameter in own]
        for member in range(op.members):
            blocks[op.name, member].set_weights([array[member] for array in arrays])
    return model
