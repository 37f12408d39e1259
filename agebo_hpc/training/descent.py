"""Gradient descent and its adaptive kinds, one step each as in Keras, with Keras's defaults.

The learning rate is the only number that a search chooses. Raw training operations where
TensorFlow's do what Keras does, assignments elsewhere; see `agebo_hpc.training.optimizer` for why
not Keras itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

EPSILON = 1e-7


class VectorOptimizer:
    """What all optimizers have: the parameters, and what a step remembers.

    Parameters
    ----------
    parameters
        ndarray of shape (num_parameters,), float32: the start values.
    shapes
        Shapes of the kernels and biases that the vector holds, in order; not looked at.
    """

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        self._shape = tf.TensorShape(np.shape(parameters))
        self.parameters = make_variable(parameters)
        self._memory: list[tuple[tf.Variable, tf.TensorShape, float]] = []

    def read(self) -> tf.Tensor:
        """Return the parameters' values now, of the shape (num_parameters,) when traced, too."""
        return tf.ensure_shape(self.parameters.read_value(), self._shape)

    def restart(self, parameters: tf.Tensor) -> None:
        """Begin anew from start values of the same shape."""
        self.parameters.assign(parameters)
        for variable, shape, value in self._memory:
            variable.assign(tf.fill(shape, value))

    def state(self) -> tuple[np.ndarray, ...]:
        """Return the parameters, then all that a step remembers, float32."""
        variables = (self.parameters, *(variable for variable, _, _ in self._memory))
        return tuple(variable.numpy() for variable in variables)

    def load_state(self, state: Sequence[np.ndarray]) -> None:
        """Take over what `state` gave."""
        variables = (self.parameters, *(variable for variable, _, _ in self._memory))
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)

    def _slot(self, value: float = 0.0) -> tf.Variable:
        """Return a number for each parameter that a step may remember."""
        return self._remember(self._shape, value)

    def _number(self, value: float) -> tf.Variable:
        """Return one number that a step may remember."""
        return self._remember(tf.TensorShape(()), value)

    def _remember(self, shape: tf.TensorShape, value: float) -> tf.Variable:
        variable = make_variable(tf.fill(shape, value))
        self._memory.append((variable, shape, value))
        return variable


def make_variable(value: Any) -> tf.Variable:
    """Return a variable that says how many dimensions it has and not how long they are.

    TensorFlow compiles the making of a variable for each new shape and keeps that for ever, 70 KiB
    for the vectors of one Adam: a process that trains one network after the other would grow
    without end.

    Parameters
    ----------
    value
        Tensor or ndarray: the start value.
    """
    return tf.Variable(value, shape=tf.TensorShape([None] * np.ndim(value)))


class GradientDescent(VectorOptimizer):
    """Stochastic gradient descent without momentum; for the parameters see `VectorOptimizer`."""

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        tf.raw_ops.ResourceApplyGradientDescent(
            var=self.parameters.handle, alpha=learning_rate, delta=gradient
        )


class RMSprop(VectorOptimizer):
    """RMSprop (Tieleman and Hinton 2012) without momentum; parameters: see `VectorOptimizer`."""

    rho = 0.9

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__(parameters, shapes)
        self._squares, self._momentum = self._slot(), self._slot()

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        tf.raw_ops.ResourceApplyRMSProp(
            var=self.parameters.handle,
            ms=self._squares.handle,
            mom=self._momentum.handle,
            lr=learning_rate,
            rho=self.rho,
            momentum=0.0,
            epsilon=EPSILON,
            grad=gradient,
        )


class Adagrad(VectorOptimizer):
    """Adagrad (Duchi, Hazan and Singer 2011); for the parameters see `VectorOptimizer`."""

    initial = 0.1

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__(parameters, shapes)
        self._squares = self._slot(self.initial)

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        squares = self._squares.assign_add(tf.square(gradient))
        self.parameters.assign_sub(learning_rate * gradient / tf.sqrt(squares + EPSILON))


class Adadelta(VectorOptimizer):
    """Adadelta (Zeiler 2012), steps times the rate; for the parameters see `VectorOptimizer`."""

    rho = 0.95

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__(parameters, shapes)
        self._squares, self._steps = self._slot(), self._slot()

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        tf.raw_ops.ResourceApplyAdadelta(
            var=self.parameters.handle,
            accum=self._squares.handle,
            accum_update=self._steps.handle,
            lr=learning_rate,
            rho=self.rho,
            epsilon=EPSILON,
            grad=gradient,
        )


class Adamax(VectorOptimizer):
    """Adamax (Kingma and Ba 2015, section 7.1); for the parameters see `VectorOptimizer`."""

    beta1 = 0.9
    beta2 = 0.999

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__(parameters, shapes)
        self._moment, self._norm = self._slot(), self._slot()
        self._beta1_power = self._number(self.beta1)

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        tf.raw_ops.ResourceApplyAdaMax(
            var=self.parameters.handle,
            m=self._moment.handle,
            v=self._norm.handle,
            beta1_power=self._beta1_power,
            lr=learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=EPSILON,
            grad=gradient,
        )
        self._beta1_power.assign(self._beta1_power * self.beta1)


class Nadam(VectorOptimizer):
    """Nadam (Dozat 2016): Adam with Nesterov's momentum; parameters: see `VectorOptimizer`."""

    beta1 = 0.9
    beta2 = 0.999
    decay = 0.96

    def __init__(self, parameters: np.ndarray, shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__(parameters, shapes)
        self._first_moment, self._second_moment = self._slot(), self._slot()
        self._product = self._number(1.0)
        self._beta2_power = self._number(1.0)
        self._decay_power = self._number(1.0)

    def apply(self, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Make one step along a gradient of shape (num_parameters,), float32."""
        power = self._decay_power.assign(self._decay_power * self.decay)
        now = self.beta1 * (1.0 - 0.5 * power)
        following = self.beta1 * (1.0 - 0.5 * power * self.decay)
        product = self._product.assign(self._product * now)
        beta2_power = self._beta2_power.assign(self._beta2_power * self.beta2)
        first = self._first_moment.assign(
            self.beta1 * self._first_moment + (1 - self.beta1) * gradient
        )
        second = self._second_moment.assign(
            self.beta2 * self._second_moment + (1 - self.beta2) * tf.square(gradient)
        )
        ahead = following * first / (1 - product * following)
        direction = ahead + (1 - now) * gradient / (1 - product)
        root = tf.sqrt(second / (1 - beta2_power)) + EPSILON
        self.parameters.assign_sub(learning_rate * direction / root)
