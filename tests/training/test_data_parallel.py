"""Groups by Horovod and by MPI on real ranks: sizes that change, gradients, sharded validation."""

import json
from pathlib import Path

import pytest

from agebo_hpc.training.ways import WAYS

pytestmark = pytest.mark.mpi

COMMON = """
import json, sys
import numpy as np
from agebo_hpc.training.preload import load_tensorflow
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot
load_tensorflow(with_horovod=WAY == "horovod")
configure_tensorflow(Slot(1, 0, with_group=True))
from functools import partial
import tensorflow as tf
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training import data_parallel
from agebo_hpc.training.engine import *
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import initial_parameters

start_group = partial(data_parallel.start_group, way=WAY)
from mpi4py import MPI
world.Set_errhandler(MPI.ERRORS_RETURN)
SPACE = ArchitectureSpace(num_nodes=1)
DECISIONS = (8, 1)

def rows(number, task, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    score = x[:, 0] - 0.5 * x[:, 1]
    if task == "classification":
        return Rows.of(x, np.digitize(score, [-0.5, 0.6]).astype(np.int32))
    return Rows.of(x, (5 + score).astype(np.float32))

def plan(task, n, batch_size=32, learning_rate=0.01, **recipe):
    graph = SPACE.decode(DECISIONS, 4, 3 if task == "classification" else 1)
    chosen = {"batch_size": batch_size, "learning_rate": learning_rate, "num_processes": n}
    return TrainingPlan(graph, task, chosen, Recipe(**{"epochs": 2, "warmup_epochs": 1, **recipe}))

def first_ranks(size):
    group = world.Get_group().Incl(list(range(size)))
    return world.Create_group(group, size) if rank < size else None

def say(found):
    everyone = world.gather(found)
    if rank == 0:
        answer(json.dumps(everyone))
"""


@pytest.fixture(params=WAYS)
def found(standing_ranks, request):
    """Run a script on real ranks and return what each rank said; each test once for each way."""

    def run(ranks, script, way=request.param):
        return json.loads(standing_ranks(ranks, f"WAY = {way!r}\n{COMMON}{script}"))

    return run


def test_groups_of_changing_sizes_end_with_the_same_weights_on_all_members(found):
    sizes = [1, 2, 3, 2, 1, 3]
    everyone = found(
        3,
        f"""
from zlib import crc32
checksums = []
for size in {sizes}:
    comm = first_ranks(size)
    if comm is None:
        checksums.append(None)
        continue
    group = start_group(comm)
    assert group.size == size
    trained = train_network(
        plan("classification", size), rows(500, "classification", 0),
        rows(101, "classification", 1), group,
    )
    group.stop()
    comm.Free()
    checksums.append([crc32(trained.parameters), trained.outcome.objective])
say(checksums)
""",
    )
    by_size = {}
    for turn, size in enumerate(sizes):
        members = [checksums[turn] for checksums in everyone[:size]]
        assert all(member == members[0] for member in members)
        assert all(checksums[turn] is None for checksums in everyone[size:])
        assert by_size.setdefault(size, members[0]) == members[0], "another result for this size"
    assert len({tuple(result) for result in by_size.values()}) == 3


def test_two_processes_with_half_the_batch_have_the_gradient_of_one_with_all_of_it(found):
    first, second = found(
        2,
        """
table = rows(64, "classification", 0)
graph = plan("classification", 2).graph
task = make_task("classification")
parameters = tf.Variable(initial_parameters(graph, np.random.default_rng(0)))
loss, whole = loss_and_gradient(graph, task, parameters, table.x, table.y)
group = start_group(world)
own = slice(32 * rank, 32 * rank + 32)
half_loss, half = loss_and_gradient(graph, task, parameters, table.x[own], table.y[own])
mean = group.sum(half, "gradient") / 2
scale = float(tf.reduce_max(tf.abs(whole)))
group.stop()

# The same in training: every step has all rows, so nothing depends on the shuffle.
validation = rows(50, "classification", 1)
group = start_group(world)
pair = train_network(plan("classification", 2, 32, 0.005, warmup_epochs=0, epochs=6),
                     table, validation, group)
group.stop()
alone = train_network(plan("classification", 1, 64, 0.01, warmup_epochs=0, epochs=6),
                      table, validation, start_group(None))
say({"difference": float(tf.reduce_max(tf.abs(mean - whole))) / scale,
     "halves": float(tf.reduce_max(tf.abs(half - whole))) / scale,
     "pair": [entry["loss"] for entry in pair.outcome.curve],
     "alone": [entry["loss"] for entry in alone.outcome.curve]})
""",
    )
    for member in (first, second):
        assert member["difference"] < 1e-5
        assert member["halves"] > 1e-3, "the halves alone would have passed"
        assert member["pair"] == pytest.approx(member["alone"], rel=1e-3)
    assert first["pair"] == second["pair"]


@pytest.mark.parametrize("size", [2, 3])
def test_validation_over_shards_is_that_of_one_process_with_the_same_weights(found, size):
    everyone = found(
        size,
        """
differences = []
for task in ("classification", "regression"):
    # Shards of different lengths.
    validation = rows(4097 * world.Get_size() + 1, task, 1)
    group = start_group(world)
    given = plan(task, world.Get_size())
    trained = train_network(given, rows(500, task, 0), validation, group)
    group.stop()
    scores = evaluate_rows(given.graph, trained.parameters, task, validation)
    differences.append(trained.outcome.objective - scores[make_task(task).metric])
    differences.append(trained.outcome.curve[-1]["validation_loss"] - scores["loss"])
say(differences)
""",
    )
    for accuracy, loss, r2, squared_error in everyone:
        assert accuracy == 0.0
        assert max(abs(loss), abs(r2), abs(squared_error)) < 1e-7


def test_a_loss_that_is_no_number_on_one_member_is_an_error_on_all(found):
    everyone = found(
        2,
        """
from agebo_hpc.errors import NonFiniteLossError
table = rows(200, "classification", 0)
x = table.x.numpy()
x[-1] = np.inf  # a row of the last member's shard
group = start_group(world)
try:
    train_network(plan("classification", 2), Rows.of(x, table.y.numpy()),
                  rows(50, "classification", 1), group)
    said = "no error"
except NonFiniteLossError as error:
    said = str(error)
finally:
    group.stop()
say(said)
""",
    )
    assert everyone[0] == everyone[1]
    assert "after epoch 1" in everyone[0]


def test_when_one_member_has_a_reason_to_stop_all_stop_after_the_same_epoch(found):
    everyone = found(
        2,
        """
group = start_group(world)
def stop(record):
    return "order" if rank == 1 and record["epoch"] == 2 else ""
trained = train_network(plan("classification", 2, epochs=6), rows(200, "classification", 0),
                        rows(50, "classification", 1), group, stop)
group.stop()
say([len(trained.outcome.curve), trained.outcome.status])
""",
    )
    assert everyone == [[2, "cut"], [2, "cut"]]


def test_streamed_shards_train_the_same_weights_on_all_members(found):
    first, second = found(
        2,
        """
import tempfile
from zlib import crc32
from agebo_hpc.training.stream import StreamedRows
table = rows(501, "classification", 0)
with tempfile.TemporaryDirectory() as place:
    np.save(f"{place}/x.npy", table.x.numpy())
    np.save(f"{place}/y.npy", table.y.numpy())
    maps = [np.load(f"{place}/{name}.npy", mmap_mode="r") for name in "xy"]
    streamed = StreamedRows(*maps, 10, 40)
    group = start_group(world)
    trained = train_network(
        plan("classification", 2, epochs=4), streamed, streamed, group,
    )
    group.stop()
in_memory = evaluate_rows(plan("classification", 2).graph, trained.parameters,
                          "classification", table)
say([crc32(trained.parameters), trained.outcome.objective, in_memory["accuracy"]])
""",
    )
    assert first == second
    _, streamed, in_memory = first
    assert streamed == in_memory > 0.6


def test_compiled_functions_serve_later_groups_whatever_each_member_has_seen_between(found):
    everyone = found(
        3,
        """
from zlib import crc32
from agebo_hpc.training.programs import Programs
programs = Programs()
checksums = []
for size in (2, 3, 2, 1, 3, 2):
    comm = first_ranks(size)
    if comm is None:
        # Meanwhile this rank trains alone: what it keeps is not what the others keep.
        train_network(plan("classification", 1, batch_size=16), rows(500, "classification", 0),
                      rows(101, "classification", 1), start_group(None), programs=programs)
        checksums.append(None)
        continue
    group = start_group(comm)
    trained = train_network(
        plan("classification", size), rows(500, "classification", 0),
        rows(101, "classification", 1), group, programs=programs,
    )
    group.stop()
    comm.Free()
    checksums.append(crc32(trained.parameters))
from tensorflow.python.ops import script_ops
# TensorFlow keeps whatever a graph calls in Python: that must not be one for each network.
assert script_ops._py_funcs.size() <= 1
say([checksums, [program.shapes.group_size for program in programs._kept],
     [program.train.experimental_get_tracing_count() for program in programs._kept]])
""",
    )
    turns = list(zip(*(checksums for checksums, _, _ in everyone), strict=True))
    by_size = {}
    for size, members in zip((2, 3, 2, 1, 3, 2), turns, strict=True):
        assert members == (*[members[0]] * size, *[None] * (3 - size))
        assert by_size.setdefault(size, members[0]) == members[0]
    assert sorted(everyone[0][1]) == [1, 2, 3]
    assert all(count == 1 for _, _, counts in everyone for count in counts)


def test_all_operations_train_on_two_processes_as_on_one(found):
    here = str(Path(__file__).parents[1] / "support")
    first, second = found(
        2,
        f"""
from zlib import crc32
sys.path.insert(0, {here!r})
from every_operation import everything
graph, x = everything()
table = Rows.of(x[:64], np.random.default_rng(7).integers(0, 3, 64).astype(np.int32))

def train(n, batch_size, group, dropout):
    chosen = dict(batch_size=batch_size, learning_rate=0.01 / n, num_processes=n)
    recipe = Recipe(epochs=6, schedule="cosine", weight_decay=0.1, dropout=dropout)
    given = TrainingPlan(graph, "classification", chosen, recipe)
    trained = train_network(given, table, table, group)
    group.stop()
    return trained

# Every step has all rows, so nothing depends on the shuffle.
pair, alone = (train(2, 32, start_group(world), 0.0), train(1, 64, start_group(None), 0.0))
dropped = train(2, 32, start_group(world), 0.5)
say({{"pair": [entry["loss"] for entry in pair.outcome.curve],
      "alone": [entry["loss"] for entry in alone.outcome.curve],
      "distance": float(np.abs(pair.parameters - alone.parameters).max()),
      "moved": float(np.abs(pair.parameters - dropped.parameters).max()),
      "dropped": crc32(dropped.parameters)}})
""",
    )
    assert first == second
    assert first["pair"] == pytest.approx(first["alone"], rel=1e-4)
    assert first["distance"] < 1e-3 < first["moved"]


def test_a_member_that_fails_in_the_midst_of_an_epoch_leaves_no_other_waiting(found):
    everyone = found(
        3,
        """
from agebo_hpc.execution.evaluate import is_echo
said, group = [], None
for size in (3, 2, 3):
    comm = first_ranks(size)
    if comm is None:
        continue
    for fails in (True, False):
        group = start_group(comm)
        # Rows that are not there: the last member's steps fail on them, one after another epoch.
        table = rows(300, "classification", 0)
        shown = []
        class Failing:
            num_rows = table.num_rows
            def windows(self, shard, steps, batch, rng):
                for x, y, numbers in table.windows(shard, steps, batch, rng):
                    shown.append(1)
                    if fails and rank == size - 1 and len(shown) == 2:
                        numbers[len(numbers) // 2] = 10**6
                    yield x, y, numbers
        try:
            train_network(plan("classification", size, batch_size=8, epochs=3), Failing(),
                          rows(50, "classification", 1), group)
            said.append("trained")
        except Exception as error:
            said.append(["echo" if is_echo(error) else "cause", len(shown)])
        finally:
            group.stop()
    comm.Free()
say(said)
""",
    )
    first, second, third = everyone
    assert first == [["echo", 2], "trained"] * 3
    assert second == [["echo", 2], "trained", ["cause", 2], "trained", ["echo", 2], "trained"]
    assert third == [["cause", 2], "trained"] * 2


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("found", ["horovod"], indirect=True)
def test_both_ways_train_to_the_same_weights_but_for_rounding(found, size):
    script = """
from agebo_hpc.training.network import initial_parameters
results = []
for task, weights, recipe in [
    ("classification", (), {}),
    ("classification", (0.5, 1.0, 2.0), {"optimizer": "lamb", "accumulate_steps": 2}),
    ("classification", (), {"precision": "bfloat16", "optimizer": "lars"}),
    ("classification", (), {"precision": "float16"}),
    ("regression", (), {"loss": "huber"}),
]:
    from dataclasses import replace
    given = replace(plan(task, world.Get_size(), **recipe), class_weights=weights, keep_best=True)
    group = start_group(world)
    trained = train_network(given, rows(500, task, 0), rows(101, task, 1), group)
    group.stop()
    results.append([trained.parameters.tolist(), trained.outcome.objective])
say(results)
"""
    by_way = [found(size, script, way) for way in WAYS]
    for members in by_way:
        assert all(member == members[0] for member in members)
    tolerances = {2: 2e-2, 3: 2e-2}  # a product of 16 bits may round the other way
    for number, (horovod, mpi) in enumerate(zip(by_way[0][0], by_way[1][0], strict=True)):
        tolerance = tolerances.get(number, 1e-4)
        assert mpi[0] == pytest.approx(horovod[0], rel=tolerance, abs=tolerance)
        assert mpi[1] == pytest.approx(horovod[1], abs=0.02)


def test_every_member_knows_of_the_one_row_that_is_predicted_otherwise(found):
    everyone = found(
        3,
        """
training = rows(90, "classification", 1)
told = []
for odd in (False, True):
    x = np.zeros((50, 4), np.float32)
    if odd:
        x[-1] = 50.0, -50.0, 0.0, 0.0
    validation = Rows.of(x, np.arange(50, dtype=np.int32) % 3)
    for size in (1, 2, 3):
        comm = first_ranks(size)
        if comm is None:
            continue
        group = start_group(comm)
        rows_of_both = training, validation
        trained = train_network(plan("classification", size, epochs=4), *rows_of_both, group)
        group.stop()
        told.append([odd, trained.outcome.predicts_one])
say(told)
""",
    )
    assert all(word == ("" if odd else "class") for told in everyone for odd, word in told)
    assert [len(told) for told in everyone] == [6, 4, 2]


def test_a_training_in_pieces_is_the_unbroken_one_also_on_another_number_of_processes(found):
    first, second = found(
        2,
        """
from agebo_hpc.training.training_state import TrainingState
given = plan("classification", 2, epochs=6)
table, validation = rows(500, "classification", 0), rows(101, "classification", 1)

def piece(comm, end=None, state=None):
    group = start_group(comm)
    trained = train_network(given, table, validation, group, end=end, state=state)
    group.stop()
    return trained

def stored(state):
    # As by the first member's file.
    data = world.bcast(state.to_bytes(given.key) if rank == 0 else None)
    return TrainingState.from_bytes(data, given.key)

whole = piece(world)
half = piece(world, 2)
rest = piece(world, state=stored(piece(world, 4, stored(half.state)).state))
difference = float(np.abs(rest.parameters - whole.parameters).max())
# The rest on one process, with the same rows in a step.
alone = piece(None, state=stored(half.state))
say({"difference": difference, "pieces": rest.outcome.objective, "whole": whole.outcome.objective,
     "losses": [entry["loss"] for entry in whole.outcome.curve],
     "alone": [entry["loss"] for entry in alone.outcome.curve]})
""",
    )
    for member in (first, second):
        assert member["difference"] < 1e-6 and member["pieces"] == member["whole"]
        assert len(member["alone"]) == 6 and member["alone"][:2] == member["losses"][:2]
        # It goes on learning; the rows come in other batches.
        assert member["alone"][-1] < 0.8 * member["alone"][1]
