"""A network that predicts the same for every validation row is known as such, on any shards."""

import numpy as np
import pytest

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training import passes
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainingPlan, shard_of, train_network
from agebo_hpc.training.metrics import SAME_NUMBER, make_task
from agebo_hpc.training.network import forward, initial_parameters
from agebo_hpc.training.passes import compile_sums

SPACE = ArchitectureSpace(num_nodes=3)
DECISIONS = (8, 1, 9, 1, 1, 13, 1, 0, 1)
CHOSEN = {"batch_size": 32, "learning_rate": 0.02, "num_processes": 1}


def learnable(number, task, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    if task == "classification":
        return x, (x[:, 0] > 0).astype(np.int32)
    return x, x[:, 0].copy()


def trained(task, validation, metric="auto", best=False, epochs=3):
    graph = SPACE.decode(DECISIONS, 4, 2 if task == "classification" else 1)
    recipe = Recipe(epochs, 0, metric=metric)
    plan = TrainingPlan(graph, task, CHOSEN, recipe, keep_best=best)
    rows = Rows.of(*learnable(256, task)), Rows.of(*validation)
    return train_network(plan, *rows, SingleProcess())


@pytest.mark.parametrize("best", [False, True])
@pytest.mark.parametrize(
    ("task", "metric", "word"),
    [
        ("classification", "accuracy", "class"),
        ("classification", "roc_auc", "class"),
        ("classification", "average_precision", "class"),
        ("regression", "r2", "number"),
    ],
)
def test_rows_that_look_alike_are_all_predicted_alike_and_others_are_not(task, metric, word, best):
    x, y = learnable(100, task, 1)
    assert trained(task, (x, y), metric, best).outcome.predicts_one == ""
    assert trained(task, (np.zeros_like(x), y), metric, best).outcome.predicts_one == word


def test_numbers_closer_than_a_thousandth_of_the_deviation_are_one():
    task = make_task("regression")
    assert task.predicts_one(5.0, 5.0 + SAME_NUMBER / 2) == "number"
    assert task.predicts_one(5.0, 5.0 + SAME_NUMBER * 2) == ""
    assert make_task("classification").predicts_one(3, 4) == ""


PROBABILITIES = ["roc_auc", "average_precision", "log_loss", "brier"]
CLASSES_ALONE = ["accuracy", "balanced_accuracy", "f1_macro", "matthews_corrcoef"]


@pytest.mark.parametrize("outputs", [2, 3, 39])
@pytest.mark.parametrize(
    ("metric", "word"), [*((m, "") for m in PROBABILITIES), *((m, "class") for m in CLASSES_ALONE)]
)
def test_rare_classes_are_told_apart_by_probabilities_though_all_rows_go_to_one(
    outputs, metric, word
):
    task = make_task("classification", outputs, Recipe(metric=metric))
    rare = np.random.default_rng(outputs).normal(-6, 1, (50, outputs))
    rare[:, 0] = 0.0
    assert task.predicts_one(*bounds(task, rare)) == word
    assert task.predicts_one(*bounds(task, rare[:1].repeat(50, axis=0))) == "class"


def bounds(task, logits):
    decisions = task.decision(logits.astype(np.float32)).numpy()
    assert decisions.dtype == np.float64 and decisions.shape == (len(logits),)
    return decisions.min(), decisions.max()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
@pytest.mark.parametrize("odd", [None, 0, 50, 99])
def test_one_row_of_another_class_is_seen_in_whatever_shard_and_slice_it_lies(
    size, metric, odd, monkeypatch
):
    monkeypatch.setattr(passes, "VALIDATION_ROWS", 16)
    logits = np.zeros((100, 4), np.float32)
    logits[:, 0] = 1.0
    if odd is not None:
        logits[odd, 1] = 2.0
    graph = SPACE.decode(DECISIONS, 4, 4)
    task = make_task("classification", 4, Recipe(metric=metric))
    sum_over = compile_sums(task, graph, lambda x: x)
    rows = Rows.of(logits, np.arange(100, dtype=np.int32) % 4)
    found = [sum_over(rows, shard_of(100, rank, size)) for rank in range(size)]
    lowest, highest = min(f.lowest for f in found), max(f.highest for f in found)
    assert task.predicts_one(lowest, highest) == ("class" if odd is None else "")


def test_a_shard_without_rows_says_nothing():
    graph = SPACE.decode(DECISIONS, 4, 2)
    for metric in ("accuracy", "roc_auc"):
        task = make_task("classification", 2, Recipe(metric=metric))
        parameters = initial_parameters(graph, np.random.default_rng(0))
        sum_over = compile_sums(task, graph, lambda x, p=parameters: forward(graph, p, x))
        found = sum_over(Rows.of(*learnable(3, "classification")), range(1, 1))
        assert (found.lowest, found.highest) == (np.inf, -np.inf)
