"""Networks from graphs: the one that is trained and the Keras model that is taken home.

Both are made by the same walk over the graph's operations, so they are the same network. The
trained one keeps all its parameters in one flat vector: one optimizer update and one gradient
buffer to average for the whole network. It holds no traced custom gradient: TensorFlow keeps
the graph of a traced network alive for ever if one was in it, so swish is x * sigmoid(x) here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Protocol, TypeVar

import numpy as np
import tensorflow as tf

from agebo_hpc.space.graph import Graph, Operation

Value = TypeVar("Value")

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "linear": lambda x: x,
    "swish": lambda x: x * tf.sigmoid(x),
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
}


class Layers(Protocol[Value]):
    """What a library makes of the operations of a graph."""

    def dense(self, op: Operation, value: Value) -> Value:
        """Apply the dense layer with the weights of the operation ``op.weights``."""
        ...

    def merge(self, op: Operation, values: list[Value]) -> Value:
        """Return the ReLU of a sum."""
        ...

    def concat(self, op: Operation, values: list[Value]) -> Value:
        """Put columns side by side."""
        ...

    def slice(self, op: Operation, value: Value) -> Value:
        """Return ``op.width`` columns from ``op.start`` on."""
        ...


def walk(graph: Graph, x: Value, layers: Layers[Value]) -> Value:
    """Build a graph's output from its input with a library's layers."""
    values = [x]
    for op in graph.operations[1:]:
        inputs = [values[position] for position in op.inputs]
        if op.kind == "dense":
            values.append(layers.dense(op, inputs[0]))
        elif op.kind == "slice":
            values.append(layers.slice(op, inputs[0]))
        else:
            values.append((layers.merge if op.kind == "merge" else layers.concat)(op, inputs))
    return values[-1]


def initial_parameters(graph: Graph, rng: np.random.Generator) -> np.ndarray:
    """Draw a network's parameters: Glorot-uniform kernels, zero biases.

    Returns
    -------
    ndarray of shape (num_parameters,), float32
        Kernel and bias of each dense operation in order.
    """
    parts = []
    for shape in graph.parameter_shapes():
        if len(shape) == 1:
            parts.append(np.zeros(shape, np.float32))
        else:
            limit = np.sqrt(6 / sum(shape))
            parts.append(rng.uniform(-limit, limit, shape).astype(np.float32).ravel())
    return np.concatenate(parts)


def split_parameters(graph: Graph, parameters: np.ndarray) -> list[np.ndarray]:
    """Cut the flat vector into kernel and bias of each dense operation, in order."""
    shapes = graph.parameter_shapes()
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]
    parts = np.split(parameters, ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def forward(
    graph: Graph, parameters: tf.Tensor, x: tf.Tensor, compute_type: tf.DType = tf.float32
) -> tf.Tensor:
    """Compute a network's outputs.

    Parameters
    ----------
    graph
        The network.
    parameters
        Tensor of shape (num_parameters,), float32.
    x
        Tensor of shape (rows, num_features), float32.
    compute_type
        Of all layers.

    Returns
    -------
    Tensor of shape (rows, num_outputs), float32
        Logits, or regression targets.
    """
    if compute_type != tf.float32:
        parameters, x = tf.cast(parameters, compute_type), tf.cast(x, compute_type)
    shapes = graph.parameter_shapes()
    pieces = iter(tf.split(parameters, [prod(shape) for shape in shapes]))
    weights = {
        op.name: (tf.reshape(next(pieces), (-1, op.width)), next(pieces))
        for op in graph.dense_operations
    }

    return tf.cast(walk(graph, x, _TensorFlowLayers(weights)), tf.float32)


class _TensorFlowLayers:
    """Layers of plain TensorFlow; kernel and bias by the name of a dense operation."""

    def __init__(self, weights: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> None:
        self._weights = weights

    def dense(self, op: Operation, value: tf.Tensor) -> tf.Tensor:
        kernel, bias = self._weights[op.weights]
        return ACTIVATIONS[op.activation](tf.nn.bias_add(tf.matmul(value, kernel), bias))

    def merge(self, op: Operation, values: list[tf.Tensor]) -> tf.Tensor:
        return tf.nn.relu(tf.add_n(values))

    def concat(self, op: Operation, values: list[tf.Tensor]) -> tf.Tensor:
        return tf.concat(values, axis=1)

    def slice(self, op: Operation, value: tf.Tensor) -> tf.Tensor:
        return value[:, op.start : op.start + op.width]


def keras_model(graph: Graph, parameters: np.ndarray, task: str) -> Any:
    """Return the Keras model of a trained network, made of Keras's own layers.

    Parameters
    ----------
    graph
        The network.
    parameters
        ndarray of shape (num_parameters,), float32.
    task
        ``"classification"``: the model ends with a softmax; ``"regression"``: it does not.
    """
    from tensorflow import keras

    inputs = keras.Input((graph.num_features,), name="features")
    outputs = walk(graph, inputs, _KerasLayers(keras))
    if task == "classification":
        outputs = keras.layers.Softmax(name="probabilities")(outputs)
    model = keras.Model(inputs, outputs)
    weights = iter(split_parameters(graph, parameters))
    for op in graph.dense_operations:
        model.get_layer(op.name).set_weights([next(weights), next(weights)])
    return model


class _KerasLayers:
    """Keras's own layers; operations that share weights are one layer called several times."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras
        self._dense: dict[str, Any] = {}

    def dense(self, op: Operation, value: Any) -> Any:
        if not op.shares:
            layer = self._keras.layers.Dense(op.width, op.activation or None, name=op.name)
            self._dense[op.name] = layer
        return self._dense[op.weights](value)

    def merge(self, op: Operation, values: Sequence[Any]) -> Any:
        added = self._keras.layers.Add(name=f"{op.name}_add")(values)
        return self._keras.layers.ReLU(name=op.name)(added)

    def concat(self, op: Operation, values: Sequence[Any]) -> Any:
        return self._keras.layers.Concatenate(name=op.name)(values)

    def slice(self, op: Operation, value: Any) -> Any:
        return value[:, op.start : op.start + op.width]
