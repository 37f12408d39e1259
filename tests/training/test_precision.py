"""Products in 16 bits: close to those in 32, and the loss scale follows the gradients."""

import numpy as np
import pytest
import tensorflow as tf

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.recipe import PRECISIONS
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import initial_parameters
from agebo_hpc.training.precision import COMPUTE_TYPES, LossScale
from agebo_hpc.training.step import loss_and_gradient


@pytest.mark.parametrize(("name", "tolerance"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_the_gradient_is_close_to_that_in_32_bits_and_not_the_same(name, tolerance):
    rng = np.random.default_rng(0)
    graph = ArchitectureSpace(num_nodes=2).decode((13, 1, 12, 1, 1), 6, 3)
    parameters = tf.constant(initial_parameters(graph, rng))
    x = tf.constant(rng.normal(size=(64, 6)).astype(np.float32))
    y = tf.constant(rng.integers(0, 3, 64).astype(np.int32))
    task = make_task("classification")
    _, exact = loss_and_gradient(graph, task, parameters, x, y)
    _, rounded = loss_and_gradient(graph, task, parameters, x, y, COMPUTE_TYPES[name])
    assert rounded.dtype == tf.float32
    error = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
    assert 0 < error < tolerance


def test_a_gradient_that_is_not_finite_is_left_out_and_halves_the_scale():
    scale, updates = LossScale(), tf.Variable([0.0, 0.0])
    step = tf.function(lambda gradient: scale.apply(gradient, updates.assign_add))
    step(tf.constant([1.0, np.inf]))
    assert updates.numpy().tolist() == [0, 0]
    assert float(scale.value) == LossScale.start / 2
    step(tf.constant([1.0, 2.0]) * scale.value)
    np.testing.assert_allclose(updates.numpy(), [1, 2])
    assert float(scale.value) == LossScale.start / 2


def test_the_scale_doubles_after_many_steps_that_were_finite(monkeypatch):
    monkeypatch.setattr(LossScale, "growth_steps", 3)
    scale = LossScale()
    step = tf.function(lambda gradient: scale.apply(gradient, lambda _: None))
    seen = []
    for value in (1.0, 1.0, np.nan, 1.0, 1.0, 1.0, 1.0):
        step(tf.constant([value]))
        seen.append(float(scale.value) / LossScale.start)
    assert seen == [1, 1, 0.5, 0.5, 0.5, 1, 1]


def test_every_precision_that_a_recipe_may_name_is_there():
    assert tuple(COMPUTE_TYPES) == PRECISIONS
