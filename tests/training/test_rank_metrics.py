"""Metrics that rank rows: of all rows of the validation part, on any number of processes."""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training import passes
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import (
    Rows,
    TrainingPlan,
    evaluate_rows,
    train_network,
)
from agebo_hpc.training.network import forward, initial_parameters
from agebo_hpc.training.stream import StreamedRows

SPACE = ArchitectureSpace(num_nodes=1)
HYPERPARAMETERS = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}


def table(number, classes, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    borders = [1.0] if classes == 2 else [-0.5, 0.6]
    return x, np.digitize(x[:, 0] + 0.5 * rng.normal(size=number), borders).astype(np.int32)


def network(classes):
    graph = SPACE.decode((8, 1), 4, classes)
    return graph, initial_parameters(graph, np.random.default_rng(3))


def expected(graph, parameters, x, y):
    logits = forward(graph, parameters, x).numpy().astype(np.float64)
    if graph.num_outputs == 2:
        scores = logits[:, 1] - logits[:, 0]
        return roc_auc_score(y, scores), average_precision_score(y, scores)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    each = [average_precision_score(y == k, shares[:, k]) for k in range(3)]
    return roc_auc_score(y, shares, multi_class="ovr"), np.mean(each)


@pytest.mark.parametrize("classes", [2, 3])
def test_they_are_scikit_learns_over_all_rows(classes, monkeypatch):
    monkeypatch.setattr(passes, "VALIDATION_ROWS", 64)
    (graph, parameters), (x, y) = network(classes), table(301, classes, 1)
    found = [
        evaluate_rows(graph, parameters, "classification", Rows.of(x, y), Recipe(metric=name))
        for name in ("roc_auc", "average_precision")
    ]
    assert found[0]["roc_auc"] == pytest.approx(expected(graph, parameters, x, y)[0], abs=1e-9)
    precision = found[1]["average_precision"]
    assert precision == pytest.approx(expected(graph, parameters, x, y)[1], abs=1e-9)
    plain = evaluate_rows(graph, parameters, "classification", Rows.of(x, y))
    assert found[0]["loss"] == pytest.approx(plain["loss"], rel=1e-6)


def test_streamed_rows_are_ranked_like_those_in_memory(tmp_path):
    graph, parameters = network(2)
    maps = []
    for name, array in zip("xy", table(301, 2, 1), strict=True):
        array.tofile(tmp_path / name)
        maps.append(np.memmap(tmp_path / name, array.dtype, "r", shape=array.shape))
    recipe = Recipe(metric="average_precision")
    streamed, mapped = (
        evaluate_rows(graph, parameters, "classification", rows, recipe)
        for rows in (StreamedRows(*maps, 7, 30), Rows.of(*table(301, 2, 1)))
    )
    assert streamed == pytest.approx(mapped, rel=1e-6)


def test_training_makes_the_chosen_metric_large_and_stops_by_it():
    graph, _ = network(2)
    rows = [Rows.of(*table(600, 2, seed)) for seed in (0, 1)]
    recipe = Recipe(30, 1, metric="average_precision", early_stopping_patience=2)
    plan = TrainingPlan(
        graph, "classification", HYPERPARAMETERS, recipe, keep_best=True,
        class_weights=(0.6, 3.0),
    )  # fmt: skip
    trained = train_network(plan, *rows, SingleProcess())
    metrics = [entry["validation_metric"] for entry in trained.outcome.curve]
    best = int(np.argmax(metrics))
    assert trained.outcome.objective == metrics[best] > 0.6
    assert len(metrics) == min(30, best + 3)
    scores = evaluate_rows(graph, trained.parameters, "classification", rows[1], recipe)
    assert scores["average_precision"] == pytest.approx(trained.outcome.objective, rel=1e-6)


COMMON = """
import json
import numpy as np
from agebo_hpc.training.preload import load_tensorflow
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot
load_tensorflow(with_horovod=False)
configure_tensorflow(Slot(1, 0, with_group=True))
"""


@pytest.mark.mpi
def test_two_ranks_find_the_metric_of_one_process(standing_ranks):
    told = standing_ranks(
        2,
        COMMON
        + """
from agebo_hpc.space.problem import preset
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.data_parallel import start_group
from agebo_hpc.training.engine import Rows, TrainingPlan, evaluate_rows, train_network

attn, combo = preset("attn-like").architecture, preset("combo-like").architecture
found = {}
for metric in ("roc_auc", "average_precision", "accuracy", "r2"):
    task = "regression" if metric == "r2" else "classification"
    rows = []
    for number, seed in ((400, 0), (301, 1)):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(number, 9)).astype(np.float32)
        score = x[:, 0] + x[:, 3] * x[:, 6] + 0.3 * rng.normal(size=number)
        y = (score > 1).astype(np.int32) if task == "classification" else score
        rows.append(Rows.of(x, y if task == "classification" else y.astype(np.float32)))
    if task == "classification":
        graph = attn.decode((3, 1, 4, 0, 1, 0, 0, 0, 0, 8, 1) + (0,) * 7, 9, 2)
    else:
        graph = combo.decode((3, 1, 4, 0, 1, 2) * 3, (3, 3, 3), 1)
    chosen = {"batch_size": 32, "learning_rate": 0.002, "num_processes": 2}
    recipe = Recipe(2, 0, metric=metric, loss="huber" if metric == "r2" else "auto",
                    optimizer="nadam")
    weights = () if metric == "r2" else (0.6, 3.0)
    plan = TrainingPlan(graph, task, chosen, recipe, class_weights=weights)
    group = start_group(world, "mpi")
    trained = train_network(plan, *rows, group)
    group.stop()
    alone = evaluate_rows(graph, trained.parameters, task, rows[1], recipe)
    found[metric] = [trained.outcome.objective, alone[metric],
                     trained.outcome.curve[-1]["validation_loss"], alone["loss"]]
everyone = world.gather(found)
if rank == 0:
    answer(json.dumps(everyone))
""",
    )
    first, second = json.loads(told)
    assert first == second
    for sharded, alone, loss, loss_alone in first.values():
        assert sharded == pytest.approx(alone, abs=1e-6)
        assert loss == pytest.approx(loss_alone, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "classes"), [("neg_log_loss", 3), ("f1_macro", 3), ("neg_mean_absolute_error", 0)]
)
def test_a_metric_is_made_of_the_rows_in_the_users_unit(name, classes, monkeypatch):
    monkeypatch.setattr(passes, "VALIDATION_ROWS", 64)
    task = "classification" if classes else "regression"
    graph, parameters = network(classes or 1)
    x, y = table(301, classes or 2, 1)
    y = y if classes else x[:, 0].copy()
    found = evaluate_rows(
        graph, parameters, task, Rows.of(x, y), Recipe(metric=name), lambda z: 5.0 * z + 2.0
    )
    outputs = forward(graph, parameters, x).numpy().astype(np.float64)
    if not classes:
        assert found[name] == pytest.approx(-5.0 * np.abs(outputs[:, 0] - y).mean(), rel=1e-6)
        return
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    right = {
        "neg_log_loss": -log_loss(y, shares, labels=[0, 1, 2]),
        "f1_macro": f1_score(y, outputs.argmax(axis=1), average="macro"),
    }
    assert found[name] == pytest.approx(right[name], abs=1e-6)


@pytest.mark.mpi
def test_every_metric_over_two_and_three_real_ranks_is_that_of_one_process(standing_ranks):
    told = standing_ranks(
        3,
        COMMON
        + """
import tensorflow as tf
from agebo_hpc.metrics.record import Shards
from agebo_hpc.metrics.table import METRICS, find
from agebo_hpc.training.data_parallel import start_group
from agebo_hpc.training.rows import shard_of

rng = np.random.default_rng(0)
sizes = {"binary": 2, "multiclass": 4, "regression": 1}
found = {}
for size in (2, 3):
    comm = world.Split(world.rank < size, world.rank)
    if world.rank >= size:
        continue
    group = start_group(comm, "mpi")
    for kind, classes in sizes.items():
        rng = np.random.default_rng(classes)
        outputs = rng.normal(0, 2, (301, classes)).astype(np.float32)
        y = rng.integers(0, max(2, classes), 301).astype(np.int32)
        if kind == "regression":
            y = (outputs[:, 0] + rng.normal(size=301)).astype(np.float32)
        names = [m.name for m in METRICS if kind in m.kinds]
        weights = rng.integers(0, 3, 301).astype(np.float32)
        names += ["pinball:0.3"] * (kind == "regression")
        for name, weighted in [(name, w) for name in names for w in (False, find(name).weighs)]:
            decode = lambda z: 9.0 + np.asarray(z, np.float64)
            shards = Shards(find(name), classes, decode, weighted)
            mine = shard_of(301, comm.rank, size)
            vector = shards.start(301)
            part = slice(mine.start, mine.stop)
            shards.add(vector, mine.start, outputs[part], y[part], weights[part])
            summed = group.sum(tf.constant(vector), "metric").numpy()
            whole = shards.start(301)
            shards.add(whole, 0, outputs, y, weights)
            found[f"{name} {kind} {size} {weighted}"] = [shards.score(summed), shards.score(whole)]
    group.stop()
everyone = world.gather(found)
if rank == 0:
    answer(json.dumps(everyone))
""",
    )
    first, second, third = json.loads(told)
    assert first == second and len(third) == len(first) / 2 > 50
    for sharded, alone in first.values():
        assert sharded == pytest.approx(alone, rel=1e-9, abs=1e-9)
