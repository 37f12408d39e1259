"""Adam on one flat parameter vector, applied by TensorFlow's fused training operation.

Keras's optimizers register a custom gradient when they are traced, which keeps every traced
network alive; the raw operation does not.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class Adam:
    """Adam (Kingma and Ba 2015) with Keras's defaults.

    Parameters
    ----------
    parameters
        ndarray of shape (num_parameters,), float32: the start values.
    """

    beta1 = 0.9
    beta2 = 0.999
    epsilon = 1e-7

    def __init__(self, parameters: np.ndarray) -> None:
        self.parameters = tf.Variable(parameters, name="parameters")
        self._first_moment = tf.Variable(tf.zeros_like(self.parameters))
        self._second_moment = tf.Variable(tf.zeros_like(self.parameters))
        self._beta1_power = tf.Variable(self.beta1)
        self._beta2_power = tf.Variable(self.beta2)

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
