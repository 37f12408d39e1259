"""Optimizers on one flat parameter vector: Adam, LARS and LAMB with layer-wise rates, by name.

Keras's optimizers register a custom gradient when they are traced, which keeps every traced
network alive; raw training operations and assignments do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Protocol

import numpy as np
import tensorflow as tf

from agebo_hpc.training.descent import (
    Adadelta,
    Adagrad,
    Adamax,
    GradientDescent,
    Nadam,
    RMSprop,
    VectorOptimizer,
)


class Adam(VectorOptimizer):
    """Adam (Kingma and Ba 2015) with Keras's defaults.

    Parameters
    ----------
    parameters
        ndarray of shape (num_parameters,), float32: the start values.
    shapes
        Shapes of the kernels and biases that the vector holds, in order; not looked at.
    """

    beta1 = 0.9
    beta2 = 0.999
    epsilon = 1e-7

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__(parameters, shapes)
        self._first_moment = self._slot()
        self._second_moment = self._slot()
        self._beta1_power = self._number(self.beta1)
        self._beta2_power = self._number(self.beta2)

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        tf.raw_ops.ResourceApplyAdam(
            var=self.parameters.handle,
            m=self._first_moment.handle,
            v=self._second_moment.handle,
            beta1_power=self._beta1_power,
            beta2_power=self._beta2_power,
            lr=learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            grad=gradient,
        )
        self._beta1_power.assign(self._beta1_power * self.beta1)
        self._beta2_power.assign(self._beta2_power * self.beta2)


class LayerNorms:
    """Euclidean norms of the parts of a flat vector, one for each kernel and bias.

    Parameters
    ----------
    shapes
        Shapes of the parts, in order.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        sizes = [prod(shape) for shape in shapes]
        self._part = tf.constant(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))

    def trust_ratios(self, parameters: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
        """Return norm of the part over norm of its direction, for every parameter.

        A part that is zero, as a bias at the start, or whose direction is, has the ratio 1.
        """
        squares = [
            tf.math.segment_sum(tf.square(vector), self._part)
            for vector in (parameters, direction)
        ]
        length, along = (tf.sqrt(square) for square in squares)
        both = tf.logical_and(length > 0, along > 0)
        ratio = tf.where(both, length / tf.where(both, along, 1.0), 1.0)
        return tf.gather(ratio, self._part)


class Lars(VectorOptimizer):
    """LARS (You, Gitman and Ginsburg 2017): momentum with a rate for each kernel and bias.

    A step changes each part by its own length times the learning rate (the trust coefficient
    is 1: the ranges of rates of the problems are then of use as they are).

    Parameters
    ----------
    parameters
        ndarray of shape (num_parameters,), float32: the start values.
    shapes
        Shapes of the kernels and biases that the vector holds, in order.
    """

    momentum = 0.9

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__(parameters, shapes)
        self._velocity = self._slot()
        self._norms = LayerNorms(shapes)

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        ratios = self._norms.trust_ratios(self.read(), gradient)
        step = learning_rate * ratios * gradient
        self.parameters.assign_sub(self._velocity.assign(self.momentum * self._velocity + step))


class Lamb(VectorOptimizer):
    """LAMB (You et al. 2020) without weight decay: Adam's direction, rates as in LARS.

    Parameters
    ----------
    parameters
        ndarray of shape (num_parameters,), float32: the start values.
    shapes
        Shapes of the kernels and biases that the vector holds, in order.
    """

    beta1 = 0.9
    beta2 = 0.999
    epsilon = 1e-6

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__(parameters, shapes)
        self._first_moment = self._slot()
        self._second_moment = self._slot()
        self._beta1_power = self._number(1.0)
        self._beta2_power = self._number(1.0)
        self._norms = LayerNorms(shapes)

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        first = self._first_moment.assign(
            self.beta1 * self._first_moment + (1 - self.beta1) * gradient
        )
        second = self._second_moment.assign(
            self.beta2 * self._second_moment + (1 - self.beta2) * tf.square(gradient)
        )
        beta1_power = self._beta1_power.assign(self._beta1_power * self.beta1)
        beta2_power = self._beta2_power.assign(self._beta2_power * self.beta2)
        root = tf.sqrt(second / (1 - beta2_power)) + self.epsilon
        direction = first / (1 - beta1_power) / root
        ratios = self._norms.trust_ratios(self.read(), direction)
        self.parameters.assign_sub(learning_rate * ratios * direction)


class Optimizer(Protocol):
    """Changes one flat vector of parameters, step by step."""

    parameters: tf.Variable

    def read(self) -> tf.Tensor:
        """Return the parameters' values now, of shape (num_parameters,)."""
        ...

    def restart(self, parameters: tf.Tensor) -> None:
        """Begin anew from start values of the same shape."""
        ...

    def state(self) -> tuple[np.ndarray, ...]:
        """Return the parameters, then all that a step remembers, float32."""
        ...

    def load_state(self, state: Sequence[np.ndarray]) -> None:
        """Take over what `state` gave."""
        ...

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        ...


OPTIMIZERS: dict[str, Callable[[np.ndarray, Sequence[tuple[int, ...]]], Optimizer]] = {
    "sgd": GradientDescent,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adadelta": Adadelta,
    "adamax": Adamax,
    "nadam": Nadam,
    "lars": Lars,
    "lamb": Lamb,
}
"""By the names that a recipe may give; the same as `agebo_hpc.space.recipe.OPTIMIZERS`.

Each takes the start values of shape (num_parameters,) and the shapes of kernels and biases.
"""
