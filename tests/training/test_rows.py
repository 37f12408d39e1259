"""All ranks of a node compute on one copy of the data: TensorFlow reads the mapped file itself."""

import gc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import TrainingPlan, train_network
from agebo_hpc.training.rows import Rows, aligned_array, shared_tensor

FEATURES = 64


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Return a prepared data set whose training part has about 20 MiB."""
    x = np.random.default_rng(0).standard_normal((100_000, FEATURES), np.float32)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(FEATURES)])
    frame["label"] = np.where(x[:, 0] > x[:, 1], "yes", "no")
    path = tmp_path_factory.mktemp("mapped") / "mapped.h5"
    return prepare_dataset(frame, "label", path, PrepareOptions(split=(0.8, 0.1, 0.1)))


def address(tensor):
    return np.from_dlpack(tensor).ctypes.data


def anonymous_bytes():
    """Return this process's memory that no file backs."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    [kib] = [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
    return 1024 * kib


def train(rows):
    space = ArchitectureSpace(num_nodes=2)
    graph = space.decode(space.random(np.random.default_rng(1)), FEATURES, 2)
    hyperparameters = {"batch_size": 512, "learning_rate": 0.01, "num_processes": 1}
    plan = TrainingPlan(graph, "classification", hyperparameters, Recipe(2, 0))
    return train_network(plan, rows, rows, SingleProcess())


def test_rows_of_a_prepared_data_set_are_the_mapped_pages_themselves(dataset):
    for part in (dataset.train, dataset.validation, dataset.test):
        rows = Rows.of(part.x, part.y)
        assert address(rows.x) == part.x.ctypes.data
        assert address(rows.y) == part.y.ctypes.data


def test_training_on_a_mapped_data_set_does_not_copy_it(dataset):
    part = dataset.train
    few = Rows.of(np.array(part.x[:2000]), np.array(part.y[:2000]))
    train(few)
    before = anonymous_bytes()
    train(Rows.of(part.x, part.y))
    grown = anonymous_bytes() - before
    assert grown < part.x.nbytes / 4, f"{grown} bytes for {part.x.nbytes} bytes of data"


def test_training_on_the_map_and_on_a_copy_gives_the_same_network(dataset):
    part = dataset.validation
    on_map = train(Rows.of(part.x, part.y))
    on_copy = train(Rows.of(np.array(part.x), np.array(part.y)))
    assert np.array_equal(on_map.parameters, on_copy.parameters)


@pytest.mark.parametrize("offset", [0, 1, 4, 8])
def test_arrays_that_tensorflow_cannot_use_in_place_are_copied(offset):
    memory = aligned_array(400 + offset, np.float32)
    memory[:] = np.arange(400 + offset)
    array = memory[offset:].reshape(20, 20)
    tensor = shared_tensor(array)
    assert (address(tensor) == array.ctypes.data) == (offset == 0)
    # A misaligned tensor ends the process in a matrix product.
    assert np.allclose((tensor @ tensor).numpy(), array @ array)


def test_columns_of_a_larger_table_and_empty_tables_are_copied():
    table = aligned_array(64 * 32, np.float32).reshape(64, 32)
    table[:] = 1.0
    for array in (table[:, :16], table.T, table[:0]):
        assert np.array_equal(shared_tensor(array).numpy(), array)


def test_a_tensor_keeps_the_memory_it_lies_on_alive():
    array = aligned_array(1 << 20, np.float32)
    array[:] = 3.0
    tensor = shared_tensor(array)
    del array
    gc.collect()
    aligned_array(1 << 20, np.float32)[:] = 4.0
    assert float(tensor.numpy().min()) == float(tensor.numpy().max()) == 3.0
