"""The optimizers do what their papers say, as computed by NumPy layer by layer."""

import numpy as np
import pytest
import tensorflow as tf

from agebo_hpc.space import problem
from agebo_hpc.training.optimizer import OPTIMIZERS

SHAPES = ((4, 3), (3,), (3, 2), (2,))
SIZES = (12, 3, 6, 2)
STEPS = 6


def parts(vector):
    return np.split(vector, np.cumsum(SIZES)[:-1])


def start():
    """Biases are zero at the start: their norms have no ratio."""
    rng = np.random.default_rng(0)
    made = [rng.normal(size=size) * (size not in (3, 2)) for size in SIZES]
    return np.concatenate(made).astype(np.float32)


def gradients():
    rng = np.random.default_rng(1)
    drawn = [rng.normal(size=sum(SIZES)).astype(np.float32) for _ in range(STEPS)]
    # A layer without a gradient must stay where it is.
    drawn[0][:12] = 0
    return drawn


def rates():
    return np.linspace(0.01, 0.05, STEPS).astype(np.float32)


def adam(weights, history):
    first = second = 0.0
    for step, (gradient, rate) in enumerate(history, start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weights = weights - corrected * first / (np.sqrt(second) + 1e-7)
    return weights


def ratio(weights, direction):
    length, along = np.linalg.norm(weights), np.linalg.norm(direction)
    return length / along if length > 0 and along > 0 else 1.0


def lars(weights, history):
    velocity = 0.0
    for gradient, rate in history:
        velocity = 0.9 * velocity + rate * ratio(weights, gradient) * gradient
        weights = weights - velocity
    return weights


def lamb(weights, history):
    first = second = 0.0
    for step, (gradient, rate) in enumerate(history, start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        direction = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-6)
        weights = weights - rate * ratio(weights, direction) * direction
    return weights


@pytest.mark.parametrize(("name", "by_hand"), [("adam", adam), ("lars", lars), ("lamb", lamb)])
def test_the_steps_are_those_of_the_paper(name, by_hand):
    optimizer = OPTIMIZERS[name](start(), SHAPES)
    apply = tf.function(optimizer.apply, autograph=False)
    for gradient, rate in zip(gradients(), rates(), strict=True):
        apply(tf.constant(gradient), tf.constant(rate))
    layers = zip(parts(start()), zip(*map(parts, gradients()), strict=True), strict=True)
    expected = [
        by_hand(weights.astype(np.float64), list(zip(history, rates(), strict=True)))
        for weights, history in layers
    ]
    np.testing.assert_allclose(
        optimizer.parameters.numpy(), np.concatenate(expected), rtol=2e-4, atol=2e-6
    )


@pytest.mark.parametrize(
    "name", ["sgd", "rmsprop", "adagrad", "adam", "adadelta", "adamax", "nadam"]
)
def test_the_steps_are_those_of_keras(name):
    ours = OPTIMIZERS[name](start(), SHAPES)
    apply = tf.function(ours.apply, autograph=False)
    theirs, variable = tf.keras.optimizers.get(name), tf.Variable(start())
    for gradient, rate in zip(gradients(), rates(), strict=True):
        apply(tf.constant(gradient), tf.constant(rate))
        theirs.learning_rate = float(rate)
        theirs.apply([tf.constant(gradient)], [variable])
    moved = np.abs(variable.numpy() - start()).max()
    np.testing.assert_allclose(
        ours.parameters.numpy(), variable.numpy(), rtol=1e-5, atol=1e-4 * moved
    )


def test_every_optimizer_that_a_recipe_may_name_is_there():
    assert tuple(OPTIMIZERS) == problem.OPTIMIZERS
