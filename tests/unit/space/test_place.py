"""Which of two results is the better one, and what is remarked on it."""

import itertools
import json

import numpy as np
import pytest

from agebo_hpc.analysis.tables import best_first, top_configurations
from agebo_hpc.run.run_log import best_line, log_line
from agebo_hpc.run.tally import Tally
from agebo_hpc.space.configuration import (
    Configuration,
    Evaluation,
    Result,
    Status,
    loss_of,
    said_of,
)
from agebo_hpc.storage.rows import columns_of, frame_of

CHOSEN = {"batch_size": 64, "learning_rate": 0.01, "num_processes": 1}


def result(number, objective, loss=None, predicts_one=None, status=Status.DONE):
    curve = [{"epoch": 1, "validation_metric": objective, "validation_loss": 9.0}]
    if loss is not None:
        curve.append({"epoch": 2, "validation_metric": objective, "validation_loss": loss})
    return Result(
        Evaluation(number, Configuration((1, 2), CHOSEN)),
        status,
        objective,
        curve=tuple(curve if loss is not None else ()),
        started=0.0,
        ended=1.0,
        ranks=(1,),
        predicts_one=predicts_one,
    )


RESULTS = [
    result(0, 0.5, 0.7, "class"),
    result(1, 0.5, 0.6, ""),
    result(2, 0.5),
    result(3, -1.0, 0.1),
    result(4, 0.4, 0.2, ""),
    result(5, 0.5, 0.6, ""),
]
ORDER = [1, 5, 0, 2, 4, 3]


@pytest.mark.parametrize("order", list(itertools.permutations(range(6)))[::97])
def test_equal_objectives_are_ordered_by_loss_then_by_id_whatever_came_first(order):
    shuffled = [RESULTS[i] for i in order]
    assert [r.id for r in sorted(shuffled, key=lambda r: r.place)] == ORDER
    frame = frame_of(columns_of(shuffled))
    assert best_first(frame)["evaluation_id"].tolist() == ORDER
    assert top_configurations(frame, 3)["evaluation_id"].tolist() == ORDER[:3]
    tally = Tally(1)
    for each in shuffled:
        tally.add(each)
    assert tally.best.id == 1


def test_all_objectives_below_zero_have_a_best_too():
    tally = Tally(1)
    for each in (result(0, -3.0), result(1, -2.0), result(2, -4.0)):
        tally.add(each)
    assert tally.best.id == 1


def test_the_loss_is_that_of_the_epoch_whose_metric_counts():
    curve = [
        {"validation_metric": 0.9, "validation_loss": 0.3},
        {"validation_metric": 0.8, "validation_loss": 0.2},
    ]
    assert loss_of(0.9, curve) == 0.3
    assert loss_of(0.8, curve) == 0.2
    assert loss_of(0.7, curve) == np.inf
    assert loss_of(0.9, [{"validation_metric": 0.9}]) == np.inf
    assert loss_of(0.9, [{"validation_metric": 0.9, "validation_loss": np.nan}]) == np.inf


def test_a_network_that_predicts_one_class_is_never_silently_the_best():
    tally = Tally(1)
    tally.add(result(3, 0.5, 0.7, "class"))
    said = "predicts one class for every row"
    assert said in tally.line(0) and said in best_line(tally.best)
    assert said in log_line(tally.best, ["batch_size"])
    assert (tally.known, tally.constant, tally.kind) == (1, 1, "class")


@pytest.mark.parametrize("predicts_one", [None, "", "class", "number"])
def test_a_result_keeps_what_is_known_through_the_journal_and_the_table(predicts_one):
    before = result(0, 0.5, 0.6, predicts_one)
    stored = json.loads(json.dumps(before.to_dict()))
    assert ("predicts_one" in stored) == (predicts_one is not None)
    assert Result.from_dict(stored).predicts_one == predicts_one
    frame = frame_of(columns_of([before]))
    assert said_of(frame["predicts_one"].iloc[0]) == said_of(predicts_one)
    assert frame["predicts_one"].isna().iloc[0] == (predicts_one is None)
    assert frame["predicts_one"].dtype == frame["status"].dtype


def test_the_table_of_the_best_names_constant_networks_where_there_are_any():
    assert "predicts_one" not in top_configurations(frame_of(columns_of(RESULTS[1:3])))
    assert top_configurations(frame_of(columns_of(RESULTS)))["predicts_one"].tolist() == [
        "", "", "class", "", "",
    ]  # fmt: skip
