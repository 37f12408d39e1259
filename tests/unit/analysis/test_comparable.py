"""Runs of other data or another metric are never in one ranking."""

from __future__ import annotations

import io
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from agebo_hpc.analysis.comparable import comparable, why_not
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.report import best_of_methods, write_analysis
from agebo_hpc.analysis.runs import Run, read_run
from agebo_hpc.errors import DataError
from agebo_hpc.experiments.measures import Searched, check_comparable
from agebo_hpc.experiments.plan import Planned
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., Run]
SCRIPTS = Path(__file__).parents[3] / "scripts"
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
    def make(name: str, best: float, request: Any = None, **problem: Any) -> Run:
        config = {"search": {}, "problem": {"architecture": SPACE, **problem}}
        config |= {} if request is None else {"request": request}
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


SIMULATED, OWN = {"trainer": "simulated"}, {"trainer": "of the problem file"}
ACCURACY = {"metric": "accuracy", "data_fingerprint": "f" * 64, "data": "/a/t.h5"}
PROFIT = {**ACCURACY, "metric": "/a/m.py:profit"}


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ({**SIMULATED, "request": {"simulate": "fcnet:f:a"}},
         {**SIMULATED, "request": {"simulate": "fcnet:f:b"}}, "what trains them"),
        ({**SIMULATED, "request": {"simulate": "fcnet:f:a"}}, ACCURACY,
         "metric, data set or split and what trains them"),
        ({**OWN, "request": {"problem": "/a/p.py:problem"}},
         {**OWN, "request": {"problem": "/b/p.py:problem"}}, "what trains them"),
        ({**OWN, **ACCURACY, "request": {"problem": "/a/p.py:x"}}, ACCURACY, "what trains them"),
        ({**ACCURACY, "metric": "mae"}, {**ACCURACY, "metric": "neg_mean_absolute_error"}, ""),
        ({**ACCURACY, "metric": "r2"}, {**ACCURACY, "metric": "mae"}, "metric"),
        ({**ACCURACY, "data": "/b/u.h5"}, ACCURACY, ""),
        ({**ACCURACY, "metric": "/a/m.py:profit"}, {**ACCURACY, "metric": "/a/m.py:cost"},
         "metric"),
        ({**ACCURACY, "metric": "/a/m.py:profit"}, {**ACCURACY, "metric": "/b/m.py:profit"},
         "metric"),
        ({**ACCURACY, "metric": "/a/m.py:profit"}, {**ACCURACY, "metric": "/a/m.py:profit"}, ""),
        ({**PROFIT, "metric_source": "1"}, {**PROFIT, "metric_source": "1"}, ""),
        ({**PROFIT, "metric_source": "1"}, {**PROFIT, "metric_source": "2"},
         "the content of the file of their metric"),
        ({**PROFIT, "metric_source": "1"}, {**ACCURACY, "metric": "/b/m.py:profit",
                                            "metric_source": "2"}, "metric"),
        ({**PROFIT, "metric_source": "1"}, PROFIT, ""),
        ({**ACCURACY, "data_fingerprint": "e" * 64}, ACCURACY, "data set or split"),
        ({"data_fingerprint": "f" * 64, "data": "/a/t.h5"}, ACCURACY, "metric"),
        ({**ACCURACY, "trainer": "tensorflow", "request": {"problem": "/a/p.py:x"}}, ACCURACY, ""),
        ({**SIMULATED, "request": {"simulate": "a"}, "first": [[1]]},
         {**SIMULATED, "request": {"simulate": "a"}}, ""),
    ],
)  # fmt: skip
def test_what_runs_differ_in_is_said(
    made: Make, one: dict[str, Any], other: dict[str, Any], differ: str
) -> None:
    runs = {"one": made("one", 0.9, **one), "other": made("other", 0.8, **other)}
    groups = comparable(runs)
    assert len(groups) == (2 if differ else 1)
    why = why_not(groups, runs)
    assert (f"differ in {differ}, so" in why) if differ else why == ""


def test_groups_that_look_alike_keep_names_of_their_own(made: Make) -> None:
    asked = [{"problem": f"/{place}/p.py:problem"} for place in "abc"]
    runs = {f"r{i}": made(f"r{i}", 0.9, **OWN, request=each) for i, each in enumerate(asked)}
    assert list(comparable(runs).values()) == [["r0"], ["r1"], ["r2"]]


def test_the_same_data_elsewhere_is_no_other_method(made: Make) -> None:
    runs = {
        "one": made("one", 0.9, **ACCURACY),
        "two": made("two", 0.8, **{**ACCURACY, "data": "/b/t.h5"}),
    }
    assert list(by_method(runs).values()) == [["one", "two"]]


def test_the_best_of_each_method_is_never_chosen_among_other_data(made: Make) -> None:
    tables = ("fcnet:f:a", "fcnet:f:b")
    runs = {
        table: made(table[-1], 0.8 + i / 10, **SIMULATED, request={"simulate": table})
        for i, table in enumerate(tables)
    }
    assert best_of_methods(runs) == list(tables)


@pytest.mark.parametrize("script", ["compare_methods.py", "high_performers.py"])
def test_scripts_never_rank_runs_of_other_data_together(
    made: Make, script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [made(f"a{i}", 0.8 + i / 100, **ACCURACY, preset=f"p{i}") for i in range(2)]
    runs.append(made("other", 0.99, **{**ACCURACY, "data_fingerprint": "e" * 64}))
    module = runpy.run_path(str(SCRIPTS / script))
    assert module["main"]([str(run.path) for run in runs]) is None
    out, err = capsys.readouterr()
    assert "differ in data set or split" in err
    table = pd.read_csv(io.StringIO(out))
    if script == "compare_methods.py":
        assert len(table) == 1 and set(table["compared"]) == {"accuracy on t.h5 (ffffffff)"}
    else:
        # By the threshold of the other data set alone none of these would stand here.
        assert {"a0", "a1", "other"} >= set(table["run"]) >= {"a1"}


def test_trajectories_of_other_data_are_figures_of_their_own(
    made: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [made("a", 0.8, **ACCURACY), made("b", 0.9, **{**ACCURACY, "metric": "roc_auc"})]
    module = runpy.run_path(str(SCRIPTS / "plot_trajectory.py"))
    assert module["main"]([*(str(run.path) for run in runs), str(tmp_path / "t.svg")]) is None
    assert "differ in metric" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["t_1.svg", "t_2.svg"]


def test_an_experiment_whose_data_were_prepared_anew_is_refused(made: Make) -> None:
    runs = [made("a", 0.8, **ACCURACY), made("b", 0.9, **{**ACCURACY, "data_fingerprint": "e"})]

    def of(problem: str, seed: int) -> Searched:
        planned = Planned(problem, "m", seed, runs[seed].path, 1, (), ())
        return Searched(planned, runs[seed], pd.DataFrame())

    check_comparable([of("p", 0), of("q", 1)])
    with pytest.raises(DataError, match="p: The runs differ in data set or split.*--out"):
        check_comparable([of("p", 0), of("p", 1)])


def test_a_run_of_before_that_fits_two_contents_of_a_file_is_with_its_like(made: Make) -> None:
    sources = {"one": "1", "two": "2", "three": "1"}
    runs = [made(name, 0.9, **PROFIT, metric_source=found) for name, found in sources.items()]
    before = [made(name, 0.8, **PROFIT) for name in ("old", "older")]
    assert groups_of(*runs, *before) == [["one", "three"], ["two"], ["old", "older"]]
    assert groups_of(runs[0], runs[2], *before) == [["one", "three", "old", "older"]]
