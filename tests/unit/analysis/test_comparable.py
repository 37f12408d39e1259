"""Runs of other data or another metric are never in one ranking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agebo_hpc.analysis.comparable import comparable, why_not
from agebo_hpc.analysis.report import write_analysis
from agebo_hpc.analysis.runs import Run, read_run
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., Run]
SPACE = {"num_nodes": 2, "units": [16], "activations": ["relu"], "look_back": 1}
CHOSEN = {"batch_size": 64, "learning_rate": 0.1, "num_processes": 1}


def result(number: int, objective: float) -> Result:
    return Result(
        Evaluation(number, Configuration((number % 2, 1, 1, 0), CHOSEN)),
        Status.DONE,
        objective,
        submitted=1000.0 + number,
        started=1001.0 + number,
        ended=1009.0 + number,
        ranks=(1,),
        num_parameters=50,
    )


@pytest.fixture
def made(tmp_path: Path) -> Make:
    def make(name: str, best: float, **problem: Any) -> Run:
        config = {"search": {}, "problem": {"architecture": SPACE, **problem}}
        history = History.open(RunDirectory.create(tmp_path / name, config))
        history.session("start", {"slots": 2, "world_size": 3})
        for each in (result(0, 0.1), result(1, best)):
            history.submitted(each.evaluation)
            history.append(each)
        history.close()
        return read_run(tmp_path / name)

    return make


def groups_of(*runs: Run) -> list[list[str]]:
    return list(comparable({run.label: run for run in runs}).values())


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        ({"metric": "accuracy", "data_fingerprint": "f" * 64}, False),
        ({"metric": "roc_auc", "data_fingerprint": "f" * 64}, True),
        ({"metric": "accuracy", "data_fingerprint": "e" * 64}, True),
        ({"metric": "r2", "data_fingerprint": "e" * 64}, True),
        ({}, True),
    ],
)
def test_runs_are_held_against_each_other_only_on_the_same_data_with_the_same_metric(
    made: Make, other: dict[str, str], apart: bool
) -> None:
    one = made("one", 0.9, metric="accuracy", data_fingerprint="f" * 64, data="/a/t.h5")
    two = made("two", 0.8, **other)
    assert groups_of(one, two) == ([["one"], ["two"]] if apart else [["one", "two"]])


def test_the_same_data_elsewhere_and_simulations_go_together(made: Make) -> None:
    same = {"metric": "accuracy", "data_fingerprint": "f"}
    runs = made("a", 0.9, data="/x/t.h5", **same), made("b", 0.8, data="/y/u.h5", **same)
    assert len(groups_of(*runs)) == 1
    assert len(groups_of(made("c", 0.5), made("d", 0.6))) == 1
    assert why_not({"accuracy": ["a", "b"]}) == ""


def test_a_split_is_named_where_runs_differ_in_it(made: Make, tmp_path: Path) -> None:
    """Two splits of one table have two fingerprints; the line says which split is which."""
    groups = {}
    for name, split in (("chance", "0.42,0.25,0.33, seed 42"), ("time", "by time 'day'")):
        run = made(name, 0.9, metric="accuracy", data_fingerprint=name, data="/a/t.h5")
        run.config["data"] = {"split": split}
        groups[name] = run
    said = why_not(comparable(groups))
    assert "split by time 'day'): time" in said and "split 0.42,0.25,0.33, seed 42): " in said


def test_the_report_has_a_panel_for_each_group_and_says_why(made: Make, tmp_path: Path) -> None:
    accuracy = {"metric": "accuracy", "data_fingerprint": "f" * 64, "data": "/a/t.h5"}
    runs = [made(f"acc{i}", 0.8 + i / 100, **accuracy) for i in range(2)]
    runs.append(made("auc", 0.99, **{**accuracy, "metric": "roc_auc"}))
    out = tmp_path / "report"
    analysis = write_analysis({run.label: run for run in runs}, out, formats=[])
    assert set(analysis.top["run"]) == {"acc0", "acc1", "auc"}
    page = (out / "report.html").read_text()
    assert "cannot be compared" in page
    assert "accuracy on t.h5 (ffffffff): acc0, acc1" in page
    assert "roc_auc on t.h5 (ffffffff): auc" in page
    assert "auc" not in (out / "rank_tests_1.csv").read_text()
    assert not (out / "rank_tests_2.csv").exists() and not (out / "rank_tests.csv").exists()
    assert "auc" not in (out / "top_1.csv").read_text()
