"""Compiled functions of a network serve its later trainings, and change nothing in them."""

import gc

import numpy as np
import pytest
import tensorflow as tf
from every_operation import everything
from tensorflow.python.framework.func_graph import FuncGraph

from agebo_hpc.errors import NonFiniteLossError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, never_stop, train_network
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import initial_parameters
from agebo_hpc.training.optimizer import Adam
from agebo_hpc.training.precision import ConstantScale
from agebo_hpc.training.programs import Programs
from agebo_hpc.training.step import compile_epoch

SPACE = ArchitectureSpace(num_nodes=2)
GRAPH = SPACE.decode((13, 1, 12, 1, 1), 4, 3)
OTHER = SPACE.decode((14, 1, 12, 1, 1), 4, 3)


def rows(number=200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    return Rows.of(x, np.digitize(x[:, 0], [-0.5, 0.6]).astype(np.int32))


def train(programs, graph=GRAPH, rate=0.01, seed=0, batch=32, n=1, **recipe):
    hyperparameters = {"batch_size": batch, "learning_rate": rate, "num_processes": n}
    settings = {"epochs": 2, "warmup_epochs": 1, **recipe}
    plan = TrainingPlan(graph, "classification", hyperparameters, Recipe(**settings), seed=seed)
    return train_network(plan, rows(), rows(), SingleProcess(), never_stop, programs=programs)


def taken(programs):
    """Return the only program that is kept."""
    [program] = programs._kept
    return program


def test_another_rate_seed_and_length_find_the_network_compiled():
    programs = Programs()
    train(programs)
    first = taken(programs)
    for changes in ({"rate": 0.1}, {"seed": 5}, {"epochs": 4}, {"plateau_patience": 0}):
        again, alone = train(programs, **changes), train(None, **changes)
        assert taken(programs) is first
        assert np.array_equal(again.parameters, alone.parameters)
        assert again.outcome.objective == alone.outcome.objective
    # One process trains on the rows of two together: the shapes are the same.
    train(programs, batch=16, n=2)
    assert taken(programs) is first
    assert first.train.experimental_get_tracing_count() == 1


def test_another_dropout_and_deviation_of_frequencies_find_the_network_compiled():
    graph, x = everything()
    table = Rows.of(x, np.random.default_rng(7).integers(0, 3, len(x)).astype(np.int32))

    def train(programs, **recipe):
        hyperparameters = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
        given = Recipe(**{"epochs": 2, "warmup_epochs": 1, **recipe})
        plan = TrainingPlan(graph, "classification", hyperparameters, given)
        return train_network(plan, table, table, SingleProcess(), programs=programs)

    programs, found = Programs(), []
    for changes in ({}, {"dropout": 0.4}, {"sigma": 1.0}, {"dropout": 0.1, "schedule": "cosine"}):
        found.append(train(programs, **changes).parameters)
        assert np.array_equal(found[-1], train(None, **changes).parameters)
    assert taken(programs).train.experimental_get_tracing_count() == 1
    assert len({one.tobytes() for one in found}) == len(found)


def test_steps_in_several_calls_are_those_of_one():
    """What dropout drops follows from the number of the step, not from where an epoch is cut."""
    graph, x = everything()
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, len(x)).astype(np.int32)
    order = tf.constant(rng.integers(0, len(x), (7, 16)).astype(np.int32))
    rates, key = tf.fill((7,), 0.01), tf.constant([3, 4], tf.int64)
    task, group = make_task("classification"), SingleProcess()
    graph = graph.with_numbers(dropout=0.3, sigma=0.3)
    start = tf.constant(initial_parameters(graph, rng))

    def train(*ends):
        optimizer = Adam(start.numpy(), graph.parameter_shapes())
        state = optimizer, ConstantScale()
        epoch = compile_epoch(graph, task, Recipe(), 16, state, group)
        for first, end in zip((0, *ends), (*ends, 7), strict=True):
            now = key, tf.constant(first, tf.int64), tf.constant(graph.arguments())
            epoch(x, y, order[first:end], rates[first:end], *now)
        return optimizer.parameters.numpy()

    assert np.array_equal(train(), train(3))
    assert np.array_equal(train(), train(1, 2, 6))
    assert not np.array_equal(train(), start)


@pytest.mark.parametrize(
    "recipe", [{"optimizer": "lars"}, {"optimizer": "lamb"}, {"precision": "float16"}]
)
def test_nothing_of_an_earlier_training_is_left_in_the_state(recipe):
    programs = Programs()
    first, again = train(programs, **recipe), train(programs, **recipe)
    assert len(programs) == 1
    assert np.array_equal(first.parameters, again.parameters)


@pytest.mark.parametrize(
    "changes",
    [
        {"graph": OTHER},
        {"batch": 64},
        {"optimizer": "lamb"},
        {"precision": "bfloat16"},
        {"weight_decay": 0.1},
        {"label_smoothing": 0.1},
    ],
)
def test_other_shapes_are_compiled_anew(changes):
    programs = Programs()
    train(programs)
    assert np.array_equal(train(programs, **changes).parameters, train(None, **changes).parameters)
    assert len(programs) == 2


def test_a_training_that_fails_leaves_no_program():
    programs = Programs()
    train(programs)
    with pytest.raises(NonFiniteLossError):
        train(programs, rate=1e30, epochs=5)
    assert len(programs) == 0


def test_the_latest_few_are_kept_and_the_graphs_of_the_others_go():
    programs, graphs = Programs(most=2), []
    for batch in (8, 16, 32, 64, 128):
        train(programs, batch=batch)
        gc.collect()
        graphs.append(sum(isinstance(thing, FuncGraph) for thing in gc.get_objects()))
    assert len(programs) == 2
    assert [program.shapes.batch for program in programs._kept] == [64, 128]
    assert 0 < graphs[0] < graphs[1] == graphs[2] == graphs[3] == graphs[4]
