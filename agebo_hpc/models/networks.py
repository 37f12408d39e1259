"""The Keras network of a model: one network, or the weighted mean of several.

An ensemble is one Keras model whose layers are the members' models, so that all that takes a
model takes an ensemble.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from agebo_hpc.space.graph import Graph
from agebo_hpc.training.keras_layers import layer_names


@dataclass(frozen=True)
class EnsembleMember:
    """One network of a model.

    Attributes
    ----------
    graph
        What it computes.
    weight
        Share of its probabilities, or of its predicted target, in the model's; > 0, the weights
        of all members have the sum 1.
    """

    graph: Graph
    weight: float = 1.0


def members_of(graph: Mapping[str, Any]) -> tuple[EnsembleMember, ...]:
    """Return the networks that a description's ``graph`` tells of."""
    if "members" not in graph:
        return (EnsembleMember(Graph.from_dict(dict(graph))),)
    return tuple(EnsembleMember(Graph.from_dict(m), float(m["weight"])) for m in graph["members"])


def join_networks(members: Sequence[EnsembleMember], networks: Sequence[Any], task: str) -> Any:
    """Return the Keras model of an ensemble from those of its members.

    Parameters
    ----------
    members, networks
        Members and their networks in the same order; networks as made by
        `agebo_hpc.training.network.keras_model`.
    task
        ``"classification"`` or ``"regression"``.
    """
    from tensorflow import keras

    inputs = keras.Input((members[0].graph.num_features,), name="features")
    shares = []
    for number, (member, network) in enumerate(zip(members, networks, strict=True)):
        inner = keras.Model(network.inputs[0], network.outputs[0], name=_name(number))
        share = keras.layers.Rescaling(member.weight, name=f"share_{number}")
        shares.append(share(inner(inputs)))
    name = "probabilities" if task == "classification" else "target"
    outputs = keras.layers.Add(name=name)(shares) if len(shares) > 1 else shares[0]
    return keras.Model(inputs, outputs)


def single_networks(members: Sequence[EnsembleMember], network: Any) -> list[Any]:
    """Return the Keras models of the members, in order."""
    if len(members) == 1 and network.layers[-1].name != "share_0":
        return [network]
    return [network.get_layer(_name(number)) for number in range(len(members))]


def weights_of(member: EnsembleMember, network: Any) -> dict[tuple[str, int], list[NDArray[Any]]]:
    """Return the parameters of a network, by operation and the number of its own members."""
    return {
        (op.name, number): [
            array
            for name in layer_names(op, number)
            for array in network.get_layer(name).get_weights()
        ]
        for op, _ in member.graph.parameters()
        for number in range(op.members)
    }


def compiled(members: Sequence[EnsembleMember], network: Any, task: str) -> Any:
    """Return a function from features to (raw outputs, probabilities), compiled by TensorFlow.

    The raw outputs are taken before the softmax: a loss from probabilities would lose small ones.
    """
    pairs = []
    for member, single in zip(members, single_networks(members, network), strict=True):
        raw = single.get_layer(member.graph.operations[-1].name).output
        pairs.append(tf.keras.Model(single.inputs, [raw, single.outputs[0]]))

    def both(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = [pair(x, training=False) for pair in pairs]
        if len(outputs) == 1:
            return outputs[0][0], outputs[0][1]
        weights = [member.weight for member in members]
        mean = tf.add_n([w * out[1] for w, out in zip(weights, outputs, strict=True)])
        if task != "classification":
            return mean, mean
        logs = [
            np.log(w) + tf.nn.log_softmax(out[0]) for w, out in zip(weights, outputs, strict=True)
        ]
        return tf.reduce_logsumexp(tf.stack(logs), axis=0), mean

    signature = [tf.TensorSpec((None, members[0].graph.num_features), tf.float32)]
    return tf.function(both, signature, autograph=False)


def _name(number: int) -> str:
    return f"member_{number}"
