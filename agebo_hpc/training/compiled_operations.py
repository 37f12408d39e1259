"""The operations of a graph in plain TensorFlow, as they are compiled for training.

Each entry computes one member of an operation from that member's inputs and parameters. None
holds a traced custom gradient: TensorFlow keeps the graph of a traced network alive for ever if
one was in it, so swish is x * sigmoid(x) here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi

import numpy as np
import tensorflow as tf

from agebo_hpc.space.operations import Operation, first_rows, pieces_of

Tensors = list[tf.Tensor]

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "": lambda x: x,
    "linear": lambda x: x,
    "swish": lambda x: x * tf.sigmoid(x),
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
}
NORM_EPSILON = 1e-3
"""Keras's own."""


@dataclass(frozen=True)
class Moment:
    """What a member of an operation may look at in a training step beside its inputs.

    Attributes
    ----------
    seed
        int64 tensor of shape (2,): of the draws of this operation in this step.
    arguments
        float32 scalars, in the order of the record's ``arguments``.
    member, members
        Which it is, and of how many.
    shared
        What members have made for all of them: fewer operations to trace.
    """

    seed: tf.Tensor
    arguments: Tensors
    member: int = 0
    members: int = 1
    shared: Tensors = field(default_factory=list)


Entry = Callable[[Operation, Tensors, Tensors, Moment | None], tf.Tensor]
"""(operation, its inputs, its parameters, the moment of training; None: prediction) -> output."""


def _dense(op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None) -> tf.Tensor:
    kernel, bias = weights
    return ACTIVATIONS[op.activation](tf.nn.bias_add(tf.matmul(inputs[0], kernel), bias))


def _select(op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None) -> tf.Tensor:
    return tf.gather(inputs[0], np.array(op.settings["columns"], np.int32), axis=1)


def _layer_norm(
    op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None
) -> tf.Tensor:
    scale, shift = weights
    mean = tf.reduce_mean(inputs[0], axis=1, keepdims=True)
    centred = inputs[0] - mean
    variance = tf.reduce_mean(tf.square(centred), axis=1, keepdims=True)
    return centred * tf.math.rsqrt(variance + NORM_EPSILON) * scale + shift


def _dropout(op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None) -> tf.Tensor:
    if moment is None:
        return inputs[0]
    if not moment.shared:
        moment.shared.extend(_masks(inputs[0], moment))
    return inputs[0] * moment.shared[moment.member]


def _masks(like: tf.Tensor, moment: Moment) -> Tensors:
    """Draw what each member's numbers are multiplied with.

    A byte is drawn for each number: a third of the time that uniform numbers take. So the rate
    counts in steps of 1/256, and what stays is scaled by exactly that share.
    """
    shape = tf.concat([[moment.members], tf.shape(like)], axis=0)
    number = tf.reduce_prod(shape)
    drawn = tf.random.stateless_uniform(
        [(number + 7) // 8], moment.seed, minval=None, maxval=None, dtype=tf.uint64
    )
    octets = tf.reshape(tf.reshape(tf.bitcast(drawn, tf.uint8), [-1])[:number], shape)
    bound = tf.minimum(tf.round(256.0 * moment.arguments[0]), 255.0)
    stays = octets >= tf.cast(tf.cast(bound, tf.int32), tf.uint8)
    masks = tf.cast(stays, like.dtype) * tf.cast(256.0 / (256.0 - bound), like.dtype)
    masks.set_shape([moment.members, *like.shape])
    return tf.unstack(masks)


def _average(op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None) -> tf.Tensor:
    """Return the mean; in training all members, shape (rows, members, outputs): the loss means."""
    if moment is not None:
        return tf.stack(inputs, axis=1)
    if op.settings["of"] == "values":
        return tf.add_n(inputs) / float(len(inputs))
    logarithms = tf.stack([tf.nn.log_softmax(x) for x in inputs])
    return tf.reduce_logsumexp(logarithms, axis=0) - float(np.log(len(inputs)))


def _periodic(
    op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None
) -> tf.Tensor:
    [x], (frequencies, kernel, bias) = inputs, weights
    angles = tf.transpose(x)[:, :, None] * frequencies[:, None, :] * (2 * pi)
    waves = tf.concat([tf.cos(angles), tf.sin(angles)], axis=2)
    embedded = _by_column(tf.nn.relu(tf.matmul(waves, kernel) + bias[:, None, :]), op)
    return tf.concat([x, embedded], axis=1) if op.settings.get("pass_through") else embedded


def _by_column(embedded: tf.Tensor, op: Operation) -> tf.Tensor:
    """Put what each column gives, shape (columns, rows, size), side by side in each row."""
    width = embedded.shape[0] * op.settings["size"]
    return tf.reshape(tf.transpose(embedded, (1, 0, 2)), (-1, width))


def _piecewise_linear(
    op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None
) -> tf.Tensor:
    [x], (kernel, bias) = inputs, weights
    pieces = pieces_of(op.settings["edges"])
    start, slope, least, most = (
        tf.constant(part[:, None, :])
        for part in (pieces.start, pieces.slope, pieces.least, pieces.most)
    )
    raw = (tf.transpose(x)[:, :, None] - start) * slope
    filled = tf.minimum(tf.maximum(raw, least), most)
    embedded = tf.matmul(filled, kernel) + bias[:, None, :]
    return _by_column(ACTIVATIONS[op.activation](embedded), op)


def _embed(op: Operation, inputs: Tensors, weights: Tensors, moment: Moment | None) -> tf.Tensor:
    [codes], [table] = inputs, weights
    levels = op.settings["levels"]
    limits = tf.constant(np.array(levels, np.float32))
    known = tf.where((codes >= 0) & (codes < limits), codes, 0.0)
    rows = tf.cast(known, tf.int32) + tf.constant(first_rows(levels).astype(np.int32))
    return tf.reshape(tf.gather(table, rows), (-1, op.width))


COMPILED: dict[str, Entry] = {
    "slice": lambda op, inputs, weights, moment: inputs[0][:, op.start : op.start + op.width],
    "select": _select,
    "concat": lambda op, inputs, weights, moment: tf.concat(inputs, axis=1),
    "merge": lambda op, inputs, weights, moment: tf.nn.relu(tf.add_n(inputs)),
    "dense": _dense,
    "layer_norm": _layer_norm,
    "dropout": _dropout,
    "average": _average,
    "periodic": _periodic,
    "piecewise_linear": _piecewise_linear,
    "embed": _embed,
}
"""The compiled operation of each record in `agebo_hpc.space.operations`, by its name."""
