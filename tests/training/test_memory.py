"""Nothing of a finished training stays alive, so that a rank can live for thousands of them."""

import gc

import numpy as np
import psutil
import pytest
from every_operation import everything
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.recipe import LOSSES, OPTIMIZERS, Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, train_network
from agebo_hpc.training.optimizer import Adam

SPACE = ArchitectureSpace(num_nodes=6)
MIB = 2**20


def train_once(number):
    """Train a random network of the space for a few steps; swish is in most of them."""
    rng = np.random.default_rng(number)
    rows = Rows.of(
        rng.normal(size=(256, 8)).astype(np.float32), rng.integers(0, 3, 256).astype(np.int32)
    )
    graph = SPACE.decode(SPACE.random(rng), 8, 3)
    hyperparameters = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
    plan = TrainingPlan(graph, "classification", hyperparameters, Recipe(1, 0), seed=number)
    trained = train_network(plan, rows, rows, SingleProcess())
    assert trained.parameters.size == graph.num_parameters


def living_graphs():
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, FuncGraph)]


def registered_gradients():
    return len(ops.gradient_registry._registry)


def train_for_ranks():
    """Train a network for a metric that needs the scores of all rows, with class weights."""
    rng = np.random.default_rng(6)
    rows = Rows.of(
        rng.normal(size=(128, 8)).astype(np.float32), rng.integers(0, 2, 128).astype(np.int32)
    )
    graph = SPACE.decode(SPACE.random(rng), 8, 2)
    hyperparameters = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
    recipe = Recipe(1, 0, metric="average_precision")
    plan = TrainingPlan(graph, "classification", hyperparameters, recipe, class_weights=(0.5, 2.0))
    train_network(plan, rows, rows, SingleProcess())


def train_everything():
    """Train a network of all operations for a few steps."""
    graph, x = everything()
    rows = Rows.of(x, np.random.default_rng(7).integers(0, 3, len(x)).astype(np.int32))
    hyperparameters = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
    recipe = Recipe(1, schedule="cosine", dropout=0.1, weight_decay=0.1, label_smoothing=0.1)
    plan = TrainingPlan(graph, "classification", hyperparameters, recipe)
    train_network(plan, rows, rows, SingleProcess())


def train_otherwise(optimizer, loss):
    """Train a network of three inputs for a few steps by another optimizer and loss."""
    rng = np.random.default_rng(5)
    rows = Rows.of(
        rng.normal(size=(128, 8)).astype(np.float32), rng.normal(size=128).astype(np.float32)
    )
    space = ArchitectureSpace(2, merge="concat", last_merge=False, inputs=(0, 1, 1), num_joint=1)
    graph = space.decode((2, 1, 7, 3, 1, 8, 4, 0, 5), (2, 3, 3), 1)
    hyperparameters = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}
    recipe = Recipe(1, 0, optimizer=optimizer, loss=loss)
    train_network(
        TrainingPlan(graph, "regression", hyperparameters, recipe), rows, rows, SingleProcess()
    )


def test_after_a_training_no_traced_graph_is_alive_and_no_gradient_was_registered():
    # Tests before this one may have left some: exported models, for example.
    earlier = {id(graph): graph for graph in living_graphs()}
    train_once(0)
    gradients = registered_gradients()
    for number in range(1, 4):
        train_once(number)
    for optimizer, loss in zip(OPTIMIZERS[:7], (*LOSSES["regression"], "mse"), strict=True):
        train_otherwise(optimizer, loss)
    train_for_ranks()
    train_everything()
    assert not [graph for graph in living_graphs() if id(graph) not in earlier]
    assert registered_gradients() == gradients


@pytest.mark.slow
def test_resident_memory_does_not_grow_with_the_number_of_trainings():
    process = psutil.Process()

    def train(numbers):
        for number in numbers:
            train_once(number)
            gc.collect()  # as a trainer does
        return process.memory_info().rss

    early = train(range(10))
    grown = (train(range(10, 30)) - early) / 20
    # What TensorFlow keeps of a network with one custom gradient is ten times as much.
    assert grown < MIB, f"{grown / MIB:.2f} MiB for each training"


def test_parameters_of_ever_new_sizes_leave_nothing_behind():
    process = psutil.Process()

    def make_and_drop(sizes):
        for size in sizes:
            Adam(np.zeros(size, np.float32))
        gc.collect()
        return process.memory_info().rss

    early = make_and_drop(range(100, 150))
    grown = (make_and_drop(range(150, 450)) - early) / 300
    # A variable that has its size in its type costs about 70 KiB for each new one.
    assert grown < 10 * 1024, f"{grown / 1024:.1f} KiB for each size"
