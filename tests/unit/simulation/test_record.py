"""From run directories to a table of recorded trainings."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import ConfigurationError, DataError, UsageError
from agebo_hpc.simulation.recorded.record import Remarks, record, write_table
from agebo_hpc.simulation.recorded.table import read_table
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import preset
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

PROBLEM = preset("v1-small")


@pytest.fixture
def data(tmp_path):
    frame = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60) % 7, "label": [0, 1, 2] * 20})
    return prepare_dataset(frame, "label", tmp_path / "data.h5", PrepareOptions(name="sixty"))


@pytest.fixture
def make_run(data, tmp_path):
    """Return a maker of runs: name, seed, number of trainings, changes of the problem."""

    def make(name, seed, number=10, **changes):
        problem = {
            "data": str(data.path),
            "data_fingerprint": data.fingerprint,
            "metric": "accuracy",
            "objective": "last",
            "trainer": "tensorflow",
            "architecture": asdict(PROBLEM.architecture),
            "hyperparameters": PROBLEM.hyperparameters.to_dict(),
            "recipe": {**asdict(PROBLEM.recipe), "epochs": 2},
            **changes,
        }
        search = {"method": "random", "seed": seed}
        config = {"search": search, "problem": problem, "versions": {"numpy": "2"}}
        run = RunDirectory.create(tmp_path / name, config)
        history = History.open(run)
        history.session("start", {"slots": 2, "world_size": 3})
        for result in results(seed, number):
            history.submitted(result.evaluation)
            history.append(result)
        history.close()
        return run.path

    return make


def results(seed, number):
    """Return trainings of 2.5 s for two epochs of a second, and one that failed."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(number + 1):
        [values] = PROBLEM.hyperparameters.sample(1, rng)
        curve = tuple(
            {"epoch": e, "validation_metric": float(rng.uniform()), "seconds": 1.0} for e in (1, 2)
        )
        failed = i == number
        found.append(
            Result(
                Evaluation(i, Configuration(PROBLEM.architecture.random(rng), values)),
                Status.NON_FINITE if failed else Status.DONE,
                None if failed else curve[-1]["validation_metric"],
                () if failed else curve,
                started=100.0,
                ended=102.5,
                num_parameters=50 + i,
            )
        )
    return found


def test_all_trainings_of_all_runs_that_were_done_are_recorded(make_run, data, tmp_path):
    paths = [make_run("first", 1), make_run("second", 2)]
    table = record([*paths, paths[0]], Remarks("made up, CC0", "nothing else ran"))
    write_table(table, tmp_path / "table.parquet")
    found = read_table(tmp_path / "table.parquet")
    expected = [(s, result) for s, seed in enumerate((1, 2)) for result in results(seed, 10)[:-1]]
    assert len(found.trainings) == len(expected) == 20
    for training, (search, result) in zip(found.trainings, expected, strict=True):
        assert (training.search, training.evaluation_id) == (search, result.id)
        assert training.configuration == result.evaluation.configuration
        assert training.num_parameters == result.num_parameters
        assert training.seconds == (1.0, 1.0)
        assert training.seconds_before == pytest.approx(0.5)
        assert training.metric == tuple(entry["validation_metric"] for entry in result.curve)
    facts = found.facts
    assert (facts["source"], facts["note"]) == ("made up, CC0", "nothing else ran")
    assert facts["data"]["name"] == "sixty"
    assert facts["data"]["shape"] == [data.num_features, 3]
    assert [search["seed"] for search in facts["searches"]] == [1, 2]
    assert facts["searches"][0]["ended"] == {"done": 10, "non_finite": 1}
    assert facts["searches"][0]["slots"] == [2]
    assert facts["prediction_error"]["metric_mean_absolute_error"] > 0


def test_an_older_table_is_replaced_and_a_place_that_is_none_is_refused(make_run, tmp_path):
    table = record([make_run("run", 1)], Remarks())
    out = tmp_path / "table.parquet"
    out.write_text("older")
    assert write_table(table, out) == out.stat().st_size
    with pytest.raises(UsageError, match="Cannot write .*choose another --out"):
        write_table(table, tmp_path / "nowhere" / "table.parquet")


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"objective": "best"}, DataError, "differ in the problem's objective"),
        ({"data_fingerprint": "0"}, DataError, "differ in the problem's data_fingerprint"),
        ({"trainer": "simulated"}, ConfigurationError, "trained no data set"),
        (
            {"recipe": {**asdict(PROBLEM.recipe), "early_stopping_patience": 3}},
            ConfigurationError,
            "has early stopping",
        ),
    ],
)
def test_runs_that_do_not_belong_together_are_not_recorded(make_run, changes, kind, said):
    paths = [make_run("first", 1), make_run("second", 2, **changes)]
    with pytest.raises(kind, match=said) as caught:
        record(paths, Remarks())
    assert "\n" not in str(caught.value)


def test_few_trainings_and_data_that_changed_are_refused(make_run, data):
    with pytest.raises(DataError, match="4 trainings are done; a table needs 10"):
        record([make_run("short", 1, number=4)], Remarks())
    path = make_run("run", 2)
    frame = pd.DataFrame({"a": np.arange(60.0) ** 2, "label": [0, 1, 2] * 20})
    prepare_dataset(frame, "label", data.path, PrepareOptions(force=True))
    with pytest.raises(DataError, match="has changed since"):
        record([path], Remarks())
