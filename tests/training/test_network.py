"""The network that is trained and the Keras model that is taken home are the same."""

import numpy as np
import pytest
import tensorflow as tf

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.training.compiled_operations import ACTIVATIONS
from agebo_hpc.training.engine import loss_and_gradient
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import (
    forward,
    initial_parameters,
    keras_model,
    split_parameters,
)

FEATURES = 7
# Nodes: linear 16, swish 32, relu 16, tanh 48, sigmoid 16, every skip taken.
EVERY_ACTIVATION = (1, 1, 7, 1, 1, 3, 1, 1, 1, 14, 1, 1, 1, 5, 1, 1, 1)


def every_activation(num_outputs=3):
    return ArchitectureSpace(num_nodes=5).decode(EVERY_ACTIVATION, FEATURES, num_outputs)


def several_inputs(merge="concat"):
    """Two inputs of the same three features share a sub-graph; every skip is taken."""
    space = ArchitectureSpace(
        num_nodes=2, last_merge=merge == "sum", merge=merge, inputs=(0, 1, 1), num_joint=1
    )
    per_node = {"node": iter((3, 7, 14, 5, 9, 4)), "skip": iter((1,) * 9)}
    decisions = [next(per_node[variable.kind]) for variable in space.variables]
    return space.decode(decisions, (1, 3, 3), 3)


def random_networks(count=6):
    rng = np.random.default_rng(4)
    space = ArchitectureSpace(num_nodes=10)
    return [space.decode(space.random(rng), FEATURES, 4) for _ in range(count)]


def parameters_of(graph, seed=1):
    """Draw parameters whose biases are not zero, so that a bias in a wrong place shows."""
    rng = np.random.default_rng(seed)
    drawn = initial_parameters(graph, rng)
    return drawn + rng.normal(0, 0.1, drawn.shape).astype(np.float32)


def rows(number=50, seed=2):
    return np.random.default_rng(seed).normal(size=(number, FEATURES)).astype(np.float32)


def by_hand(graph, parameters, x):
    """Compute the outputs with NumPy alone, in float64."""
    functions = {
        "": lambda z: z,
        "linear": lambda z: z,
        "swish": lambda z: z / (1 + np.exp(-z)),
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    }
    given = iter(split_parameters(graph, parameters.astype(np.float64)))
    weights = {}
    values = [x.astype(np.float64)]
    for op in graph.operations[1:]:
        inputs = [values[position] for position in op.inputs]
        if op.kind == "dense":
            if not op.shares:
                weights[op.name] = next(given), next(given)
            kernel, bias = weights[op.shares or op.name]
            values.append(functions[op.activation](inputs[0] @ kernel + bias))
        elif op.kind == "slice":
            values.append(inputs[0][:, op.start : op.start + op.width])
        elif op.kind == "concat":
            values.append(np.concatenate(inputs, axis=1))
        else:
            values.append(np.maximum(sum(inputs), 0))
    return values[-1]


def test_the_network_of_every_activation_uses_each_of_them():
    used = {op.activation for op in every_activation().dense_operations}
    assert used >= set(ACTIVATIONS) - {""}


SEVERAL = [several_inputs(), several_inputs("sum")]


@pytest.mark.parametrize("graph", [every_activation(), *random_networks(), *SEVERAL])
def test_the_trained_network_computes_what_numpy_computes(graph):
    parameters, x = parameters_of(graph), rows()
    outputs = forward(graph, tf.constant(parameters), tf.constant(x)).numpy()
    np.testing.assert_allclose(outputs, by_hand(graph, parameters, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("graph", [every_activation(), *random_networks(3), *SEVERAL])
def test_the_keras_model_gives_the_probabilities_of_the_trained_network(graph):
    parameters, x = parameters_of(graph), rows()
    logits = forward(graph, tf.constant(parameters), tf.constant(x))
    model = keras_model(graph, parameters, "classification")
    probabilities = model(x).numpy()
    np.testing.assert_allclose(probabilities, tf.nn.softmax(logits).numpy(), atol=1e-5)
    assert model.count_params() == graph.num_parameters == parameters.size


def test_the_keras_model_of_a_regression_gives_the_outputs_themselves():
    graph = every_activation(num_outputs=1)
    parameters, x = parameters_of(graph), rows()
    outputs = forward(graph, tf.constant(parameters), tf.constant(x)).numpy()
    model = keras_model(graph, parameters, "regression")
    np.testing.assert_allclose(model(x).numpy(), outputs, rtol=1e-5, atol=1e-5)


def test_kernels_start_glorot_uniform_and_biases_at_zero():
    graph = every_activation()
    parts = split_parameters(graph, initial_parameters(graph, np.random.default_rng(3)))
    for kernel, bias in zip(parts[::2], parts[1::2], strict=True):
        limit = np.sqrt(6 / sum(kernel.shape))
        assert np.abs(kernel).max() <= limit
        assert np.abs(kernel).max() > 0.8 * limit
        assert not bias.any()


def test_the_same_generator_gives_the_same_start_and_another_seed_another():
    graph = every_activation()
    first, again, other = (
        initial_parameters(graph, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_inputs_that_share_a_sub_graph_go_through_the_same_function(tmp_path):
    graph = several_inputs()
    parameters, x = parameters_of(graph), rows()
    model = keras_model(graph, parameters, "classification")
    # Exchanged inputs leave the sub-graph exchanged: the joint one sees the same columns swapped.
    join = [op.name for op in graph.operations].index("join")
    inner = tf.keras.Model(model.inputs[0], model.get_layer("join").output)
    swapped = x[:, [0, 4, 5, 6, 1, 2, 3]]
    before, after = inner(x).numpy(), inner(swapped).numpy()
    own, first, second = (graph.operations[p].width for p in graph.operations[join].inputs)
    assert first == second and own + first + second == before.shape[1]
    np.testing.assert_allclose(before[:, own : own + first], after[:, own + first :], atol=1e-6)
    assert np.abs(before[:, own : own + first] - before[:, own + first :]).max() > 0.01
    model.save(tmp_path / "n.keras")
    again = tf.keras.models.load_model(tmp_path / "n.keras")
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


@pytest.mark.parametrize("graph", [every_activation(), *SEVERAL])
def test_the_gradient_is_that_of_the_keras_model(graph):
    parameters, x = parameters_of(graph), rows()
    y = np.random.default_rng(8).integers(0, 3, len(x)).astype(np.int32)
    variable = tf.Variable(parameters)
    loss, gradient = loss_and_gradient(
        graph, make_task("classification"), variable, tf.constant(x), tf.constant(y)
    )
    model = keras_model(graph, parameters, "classification")
    with tf.GradientTape() as tape:
        losses = tf.keras.losses.sparse_categorical_crossentropy(y, model(x))
        expected_loss = tf.reduce_mean(losses)
    order = [model.get_layer(op.name) for op in graph.dense_operations]
    weights = [weight.value for layer in order for weight in (layer.kernel, layer.bias)]
    expected = [tf.reshape(part, [-1]) for part in tape.gradient(expected_loss, weights)]
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-4)
    np.testing.assert_allclose(gradient.numpy(), tf.concat(expected, 0).numpy(), atol=2e-5)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_gradient_is_the_slope_of_the_loss(task):
    graph = every_activation(num_outputs=3 if task == "classification" else 1)
    parameters, x = parameters_of(graph), rows(20)
    rng = np.random.default_rng(9)
    if task == "classification":
        y = rng.integers(0, 3, len(x)).astype(np.int32)
    else:
        y = rng.normal(size=len(x)).astype(np.float32)

    def loss_by_hand(values):
        outputs = by_hand(graph, values, x)
        if task == "regression":
            return np.mean((outputs[:, 0] - y) ** 2)
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(shifted).sum(axis=1))
        return np.mean(log_sums - shifted[np.arange(len(y)), y])

    variable = tf.Variable(parameters)
    loss, gradient = loss_and_gradient(
        graph, make_task(task), variable, tf.constant(x), tf.constant(y)
    )
    assert float(loss) == pytest.approx(loss_by_hand(parameters), rel=1e-4)
    for _ in range(5):
        direction = rng.normal(size=parameters.shape)
        direction /= np.linalg.norm(direction)
        step = 1e-5 * direction
        start = parameters.astype(np.float64)
        slope = (loss_by_hand(start + step) - loss_by_hand(start - step)) / 2e-5
        assert float(gradient.numpy() @ direction) == pytest.approx(slope, rel=2e-2, abs=2e-4)
