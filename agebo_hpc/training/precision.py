"""Mixed precision: products in 16 bits, parameters and updates in 32.

float16 has few exponents: small gradients vanish in it. So the loss is multiplied before the
backward pass and the gradient divided after it, by a number that is halved when a gradient is
not finite (that step is left out) and doubled after many that were. bfloat16 needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

COMPUTE_TYPES = {"float32": tf.float32, "bfloat16": tf.bfloat16, "float16": tf.float16}
"""TensorFlow's type for each name in `agebo_hpc.space.recipe.PRECISIONS`."""


class ConstantScale:
    """The loss as it is: every step counts."""

    def restart(self) -> None:
        """Do nothing."""

    def state(self) -> tuple[float, ...]:
        """Return nothing: it never changes."""
        return ()

    def load_state(self, state: tuple[float, ...]) -> None:
        """Take over nothing."""

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the loss."""
        return loss

    def apply(self, gradient: tf.Tensor, update: Callable[[tf.Tensor], None]) -> None:
        """Update with a gradient of shape (num_parameters,), float32."""
        update(gradient)


class LossScale:
    """A scale of the loss that follows what the gradients allow."""

    start = 2.0**15
    growth_steps = 2000

    def __init__(self) -> None:
        self.value = tf.Variable(self.start)
        self._good_steps = tf.Variable(0)

    def restart(self) -> None:
        """Begin anew."""
        self.value.assign(self.start)
        self._good_steps.assign(0)

    def state(self) -> tuple[float, ...]:
        """Return the scale, and the steps since it last changed."""
        return float(self.value.numpy()), float(self._good_steps.numpy())

    def load_state(self, state: tuple[float, ...]) -> None:
        """Take over what `state` gave."""
        scale, steps = state
        self.value.assign(scale)
        self._good_steps.assign(int(steps))

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the loss times the scale."""
        return loss * self.value

    def apply(self, gradient: tf.Tensor, update: Callable[[tf.Tensor], None]) -> None:
        """Update with the gradient of a scaled loss where it is finite, and set the scale.

        Parameters
        ----------
        gradient
            Gradient of the scaled loss, shape (num_parameters,), float32; the same on all
            processes, so that all leave out the same steps.
        update
            Called with the gradient of the loss.
        """
        scale = self.value.read_value()
        steps = self._good_steps + 1
        grows = steps >= self.growth_steps

        def good() -> tf.Tensor:
            update(gradient / scale)
            self._good_steps.assign(tf.where(grows, 0, steps))
            return tf.where(grows, 2 * scale, scale)

        def bad() -> tf.Tensor:
            self._good_steps.assign(0)
            return tf.maximum(scale / 2, 1.0)

        is_finite = tf.reduce_all(tf.math.is_finite(gradient))
        self.value.assign(tf.cond(is_finite, good, bad))
