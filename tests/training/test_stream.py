"""Streamed rows: each row once an epoch, in another order each time, as good as in memory."""

import numpy as np
import pytest

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training import stream
from agebo_hpc.training.engine import evaluate_rows, local_batches
from agebo_hpc.training.network import initial_parameters
from agebo_hpc.training.rows import Rows, shard_of
from agebo_hpc.training.stream import StreamedRows, open_rows
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer
from agebo_hpc.training.trainer import Slot


@pytest.fixture
def numbered(tmp_path):
    """Return a function that maps a file of rows which hold their own number."""

    def make(number):
        x = np.repeat(np.arange(number, dtype=np.float32), 3).reshape(number, 3)
        y = np.arange(number, dtype=np.int32)
        path = tmp_path / f"{number}.bin"
        path.write_bytes(b"header" + x.tobytes() + y.tobytes())
        return (
            np.memmap(path, np.float32, "r", 6, x.shape),
            np.memmap(path, np.int32, "r", 6 + x.nbytes, y.shape),
        )

    return make


def epoch_of(rows, rank, size, batch_size, seed=0):
    """Return the numbers of the rows of each step, and check that x, y and batches fit."""
    batch, steps = local_batches(
        rows.num_rows, {"batch_size": batch_size, "num_processes": size}, size
    )
    shard = shard_of(rows.num_rows, rank, size)
    seen = []
    for x, y, chosen in rows.windows(shard, steps, batch, np.random.default_rng(seed)):
        assert chosen.shape[1] == batch
        numbers = y.numpy()[chosen]
        assert np.array_equal(x.numpy()[chosen], np.repeat(numbers[..., None], 3, axis=2))
        seen += numbers.tolist()
    assert len(seen) == steps
    return seen, shard


@pytest.mark.parametrize("number", [7, 64, 1000, 1003])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 16, 300])
@pytest.mark.parametrize(("chunk", "window"), [(1, 1), (10, 40), (64, 256), (5000, 5000)])
def test_an_epoch_has_every_row_once_and_only_the_last_step_is_filled_up(
    numbered, number, size, batch_size, chunk, window
):
    rows = StreamedRows(*numbered(number), chunk, window)
    everyone = []
    for rank in range(size):
        seen, shard = epoch_of(rows, rank, size, batch_size)
        flat = [row for step in seen for row in step]
        assert sorted(flat[: len(shard)]) == list(shard)
        assert set(flat[len(shard) :]) <= set(shard)
        everyone += flat[: len(shard)]
    assert sorted(everyone) == list(range(number))


def test_the_order_follows_the_seed_and_mixes_rows_of_different_chunks(numbered):
    rows = StreamedRows(*numbered(1000), 10, 200)
    first, again, other = (epoch_of(rows, 0, 1, 20, seed)[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    chunks = [len({row // 10 for row in step}) for step in first]
    assert np.mean(chunks) > 10


@pytest.mark.parametrize(("chunk", "window"), [(1, 1), (10, 40), (5000, 5000)])
def test_slices_give_a_shard_in_order(numbered, chunk, window):
    rows = StreamedRows(*numbered(103), chunk, window)
    found = []
    for x, y, part in rows.slices(range(30, 95)):
        taken = y.numpy()[part.start : part.stop]
        assert np.array_equal(x.numpy()[part.start : part.stop, 0], taken)
        found += taken.tolist()
    assert found == list(range(30, 95))


def test_a_file_that_became_shorter_is_an_error(numbered):
    x, y = numbered(100)
    rows = StreamedRows(x, y, 10, 20)
    with open(x.filename, "rb+") as file:
        file.truncate(50)
    with pytest.raises(OSError, match="shorter"):
        list(rows.slices(range(100)))


def test_large_tables_are_streamed_unless_asked_otherwise(numbered):
    parts = [dict(zip("xy", numbered(number), strict=True)) for number in (100, 50)]
    size = sum(array.nbytes for part in parts for array in part.values())

    def kinds(choice, memory):
        return {type(rows) for rows in open_rows(parts, choice, memory)}

    assert kinds("auto", int(size / stream.LARGEST_SHARE)) == {Rows}
    assert kinds("auto", int(size / stream.LARGEST_SHARE) - 2) == {StreamedRows}
    assert kinds("memory", 1) == {Rows}
    assert kinds("stream", 2**40) == {StreamedRows}
    assert stream.node_memory() > 2**20


def test_streamed_rows_are_evaluated_as_those_in_memory(tiny_dataset):
    part = open_dataset(tiny_dataset).validation
    graph = ArchitectureSpace(num_nodes=2).decode((13, 1, 12, 1, 1), part.x.shape[1], 3)
    parameters = initial_parameters(graph, np.random.default_rng(0))
    expected = evaluate_rows(graph, parameters, "classification", Rows.of(part.x, part.y))
    found = evaluate_rows(graph, parameters, "classification", StreamedRows(part.x, part.y, 7, 30))
    assert found["accuracy"] == expected["accuracy"]
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)


def outcome_of(data, kind, monkeypatch):
    monkeypatch.setattr(stream, "CHUNK_ROWS", 16)
    monkeypatch.setattr(stream, "WINDOW_BYTES", 4096)
    problem = Problem(
        str(data),
        ArchitectureSpace(num_nodes=2),
        recipe=Recipe(epochs=6, warmup_epochs=1, input=kind),
    )
    hyperparameters = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
    evaluation = Evaluation(0, Configuration((13, 1, 12, 1, 1), hyperparameters))
    trainer = TensorFlowTrainer(problem, Slot())
    return trainer.prepare(evaluation, 1).run(None, lambda record=None: False)


def test_a_streamed_training_is_repeatable_and_learns_as_one_in_memory(tiny_dataset, monkeypatch):
    streamed, again, in_memory = (
        outcome_of(tiny_dataset, kind, monkeypatch) for kind in ("stream", "stream", "memory")
    )
    assert streamed.status is Status.DONE
    assert streamed.checksum == again.checksum != in_memory.checksum
    assert streamed.objective == pytest.approx(in_memory.objective, abs=0.1)
    assert len(streamed.curve) == 6


@pytest.mark.parametrize("size", [1, 3])
def test_targets_in_memory_are_read_as_those_of_the_file(numbered, size):
    x, y = numbered(1003)
    for rank in range(size):
        of_file, in_memory = (StreamedRows(x, targets, 10, 200) for targets in (y, np.array(y)))
        assert epoch_of(of_file, rank, size, 16) == epoch_of(in_memory, rank, size, 16)
        shard = shard_of(1003, rank, size)
        # Windows take each other's place in memory: each is copied when it comes.
        read = [targets.numpy()[part].copy() for _, targets, part in in_memory.slices(shard)]
        assert np.concatenate(read).tolist() == list(shard)
