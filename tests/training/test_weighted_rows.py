"""Rows that count differently: in the loss, in every metric, streamed and in memory."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, evaluate_rows, train_network
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import forward, initial_parameters
from agebo_hpc.training.stream import StreamedRows

SPACE = ArchitectureSpace(num_nodes=1)
HYPERPARAMETERS = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}


def arrays(number, task, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    score = x[:, 0] + 0.5 * rng.normal(size=number)
    y = (score > 0).astype(np.int32) if task == "classification" else score.astype(np.float32)
    weights = rng.integers(0, 3, number).astype(np.float32)
    return x, y, weights / weights.mean()


def graph_of(task):
    return SPACE.decode((8, 1), 4, 2 if task == "classification" else 1)


def trained(task, rows, recipe, **more):
    plan = TrainingPlan(graph_of(task), task, HYPERPARAMETERS, recipe, **more)
    return train_network(plan, *rows, SingleProcess())


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("metric", ["auto", "log_loss", "mae"])
def test_metric_and_loss_weigh_the_rows_as_scikit_learn_does(task, metric):
    if metric == ("mae" if task == "classification" else "log_loss"):
        return
    graph, (x, y, weights) = graph_of(task), arrays(301, task)
    parameters = initial_parameters(graph, np.random.default_rng(3))
    rows = Rows.of(x, y, weights=weights)
    found = evaluate_rows(graph, parameters, task, rows, Recipe(metric=metric), is_weighted=True)
    outputs = forward(graph, parameters, x).numpy().astype(np.float64)
    if task == "classification":
        shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        loss = log_loss(y, shares, sample_weight=weights)
        value = -loss
        if metric == "auto":
            value = accuracy_score(y, outputs.argmax(axis=1), sample_weight=weights)
    else:
        # The loss is that of the metric.
        loss = mean_absolute_error(y, outputs[:, 0], sample_weight=weights)
        value = -loss
        if metric == "auto":
            loss = np.average((outputs[:, 0] - y) ** 2, weights=weights)
            value = r2_score(y, outputs[:, 0], sample_weight=weights)
    assert list(found.values()) == pytest.approx([loss, value], rel=1e-5)


def test_rows_of_weight_two_count_as_two_rows():
    x, y, _ = arrays(64, "classification")
    weights = np.where(np.arange(64) < 20, 2.0, 1.0).astype(np.float32)
    twice = np.concatenate([np.arange(64), np.arange(20)])
    graph, task = graph_of("classification"), make_task("classification", is_weighted=True)
    parameters = tf.constant(initial_parameters(graph, np.random.default_rng(3)))
    outputs = forward(graph, parameters, x)
    losses = task.losses(outputs, (tf.constant(y), tf.constant(weights)))
    plain = make_task("classification").losses(tf.gather(outputs, twice), tf.constant(y[twice]))
    assert float(tf.reduce_sum(losses)) == pytest.approx(float(tf.reduce_sum(plain)), rel=1e-5)


def test_rows_without_weight_teach_nothing():
    x, y, _ = arrays(600, "classification")
    wrong = np.arange(600) % 2 == 0
    labels = np.where(wrong, 1 - y, y).astype(np.int32)
    weights = np.where(wrong, 0.0, 2.0).astype(np.float32)
    validation = arrays(300, "classification", 1)
    rows = Rows.of(x, labels, weights=weights), Rows.of(*validation[:2], weights=validation[2])
    recipe = Recipe(8, 0)
    assert trained("classification", rows, recipe, is_weighted=True).outcome.objective > 0.8
    plain = Rows.of(x, labels), Rows.of(*validation[:2])
    assert trained("classification", plain, recipe).outcome.objective < 0.7


def test_weights_and_class_weights_multiply():
    x, y, weights = arrays(50, "classification")
    outputs = tf.constant(np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32))
    both = make_task("classification", class_weights=(0.5, 3.0), is_weighted=True)
    found = both.losses(outputs, (tf.constant(y), tf.constant(weights))).numpy()
    plain = make_task("classification").losses(outputs, tf.constant(y)).numpy()
    np.testing.assert_allclose(found, plain * weights * np.where(y == 1, 3.0, 0.5), rtol=1e-5)


def test_training_takes_the_steps_that_keras_takes_with_sample_weights():
    x, y, weights = arrays(64, "regression")
    graph = graph_of("regression")
    task = make_task("regression", 1, Recipe(loss="huber"), is_weighted=True)
    outputs = forward(graph, tf.constant(initial_parameters(graph, np.random.default_rng(3))), x)
    ours = tf.reduce_mean(task.losses(outputs, (tf.constant(y), tf.constant(weights))))
    keras = tf.keras.losses.Huber()(y[:, None], outputs, sample_weight=weights)
    assert float(ours) == pytest.approx(float(keras), rel=1e-5)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_streamed_rows_are_trained_on_like_those_in_memory(task, tmp_path):
    maps = []
    for name, array in zip("xyw", arrays(301, task), strict=True):
        array.tofile(tmp_path / name)
        maps.append(np.memmap(tmp_path / name, array.dtype, "r", shape=array.shape))
    x, y, weights = maps
    validation = Rows.of(x, y, weights=weights)
    # A shard of one chunk is shuffled alike.
    streamed = StreamedRows(x, y, weights=weights)
    ends = [
        trained(task, (rows, validation), Recipe(2, 0), is_weighted=True).outcome
        for rows in (streamed, validation)
    ]
    assert ends[0].objective == pytest.approx(ends[1].objective, rel=1e-6)
    few = StreamedRows(x, y, 7, 30, weights=weights)
    recipe = Recipe(metric="log_loss" if task == "classification" else "mae")
    parameters = initial_parameters(graph_of(task), np.random.default_rng(3))
    found = [
        evaluate_rows(graph_of(task), parameters, task, rows, recipe, is_weighted=True)
        for rows in (few, validation)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
