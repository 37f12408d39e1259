"""Probabilities that can be believed: one temperature, fitted on validation rows.

Guo et al. (2017), "On Calibration of Modern Neural Networks": logits are divided by a number that
makes the cross-entropy of rows small which were not trained on. The last layer is divided by it,
so that the network itself gives these probabilities, in every export too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from agebo_hpc.data.dataset import Part
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.metrics.predictions import Classes
from agebo_hpc.metrics.table import find
from agebo_hpc.models.bundle import BATCH_ROWS
from agebo_hpc.models.quality import calibration_error, reliability
from agebo_hpc.space.graph import Graph
from agebo_hpc.training.network import forward

LARGEST = 20.0
"""Bound of the temperature, and of what divides 1."""


@dataclass(frozen=True)
class Believed:
    """How far probabilities can be believed.

    Attributes
    ----------
    log_loss
        Mean cross-entropy, in nats.
    calibration_error
        See `agebo_hpc.models.quality.calibration_error`.
    """

    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it made of the probabilities of the rows that it was fitted on."""

    temperature: float
    before: Believed
    after: Believed

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


def calibrate(
    graph: Graph, parameters: NDArray[np.float32], rows: Part
) -> tuple[NDArray[np.float32], Calibration]:
    """Fit a temperature.

    Parameters
    ----------
    graph, parameters
        A network of classes and its flat vector.
    rows
        Rows that it was not trained on.

    Returns
    -------
    parameters : ndarray
        The vector with the last layer divided by the temperature; as it was where none helps.
    calibration : Calibration
    """
    last = _last_layer(graph)
    outputs = _outputs(graph, rows)
    y = np.asarray(rows.y)
    weights = None if rows.weights is None else np.asarray(rows.weights, np.float64)

    def at(temperature: float) -> NDArray[np.float32]:
        changed = parameters.copy()
        changed[last] /= np.float32(temperature)
        return changed

    def given(temperature: float) -> Classes:
        return Classes.of_logits(outputs(at(temperature)), y, weights)

    def believed(temperature: float) -> Believed:
        some = given(temperature)
        right = some.predicted == y
        table = reliability(some.probabilities.astype(np.float32), right, weights)
        return Believed(_log_loss(some), calibration_error(table))

    bound = np.log(LARGEST)
    found = minimize_scalar(
        lambda logarithm: _log_loss(given(float(np.exp(logarithm)))),
        bounds=(-bound, bound),
        method="bounded",
        options={"xatol": 1e-4},
    )
    before, temperature = believed(1.0), float(np.exp(found.x))
    after = believed(temperature)
    if after.log_loss >= before.log_loss:
        return parameters, Calibration(1.0, before, before)
    return at(temperature), Calibration(temperature, before, after)


def _log_loss(given: Classes) -> float:
    return -float(find("neg_log_loss").score(given) or 0.0)


def _last_layer(graph: Graph) -> slice:
    """Return where the parameters of the layer of the logits lie in the flat vector."""
    last = graph.operations[-1]
    if last.record.joins_members:
        last = graph.operations[last.inputs[0]]
    start = 0
    for op, own in graph.parameters():
        size = op.members * sum(prod(parameter.shape) for parameter in own)
        if op.name == last.name:
            return slice(start, start + size)
        start += size
    raise ValueError(f"the last layer {last.name} has no parameters of its own")


def _outputs(graph: Graph, rows: Part) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what computes the outputs for all rows from parameters."""
    x = network_rows(rows, bool(graph.num_codes))

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((graph.num_parameters,), tf.float32),
            tf.TensorSpec((None, graph.num_features), tf.float32),
        ],
    )
    def of_slice(parameters: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
        return forward(graph, parameters, features)

    def of_all(parameters: NDArray[np.float32]) -> NDArray[np.float32]:
        tensor = tf.constant(parameters)
        starts = range(0, len(x), BATCH_ROWS)
        pieces = [of_slice(tensor, np.asarray(x[s : s + BATCH_ROWS])).numpy() for s in starts]
        return np.concatenate(pieces)

    return of_all
