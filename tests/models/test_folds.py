"""K networks of one configuration: each row is predicted once by one that has not seen it."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.splitting.record import SplitRecord
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.choice import RetrainOptions, choose
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.models.folds import make_folds, make_model_of_folds, summary, train_folds
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import Recipe
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

SPACE = ArchitectureSpace(num_nodes=2)
RECIPE = Recipe(epochs=3, warmup_epochs=1, plateau_patience=1)


def prepared(path, target="kind", rows=400, **changes):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["patient"] = rng.integers(0, 40, rows)
    frame["day"] = pd.date_range("2020-01-01", periods=rows)
    score = frame["a"] * 2 + rng.normal(0, 0.3, rows)
    frame["kind"] = np.where(score > 1.5, "high", np.where(score > 0, "middle", "low"))
    frame["price"] = 1000 + 50 * score
    drop = [name for name in ("kind", "price", "day", "patient") if name != target]
    drop = [name for name in drop if name not in changes.values()]
    return prepare_dataset(frame, target, path, PrepareOptions(drop=drop, **changes))


def chosen_of(dataset, path):
    problem = {
        "data": str(dataset.path),
        "data_fingerprint": dataset.fingerprint,
        "objective": "best",
        "architecture": json.loads(SPACE.to_json()),
        "recipe": asdict(RECIPE),
    }
    run = RunDirectory.create(path, {"search": {"seed": 11}, "problem": problem})
    history = History.open(run)
    hyperparameters = {"batch_size": 32, "learning_rate": 0.01, "num_processes": 1}
    evaluation = Evaluation(0, Configuration((13, 1, 8, 1, 1), hyperparameters))
    history.submitted(evaluation)
    history.append(Result(evaluation, Status.DONE, 0.5, submitted=0, started=0, ended=1))
    history.close()
    return choose(path)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("data") / "kinds.h5")


@pytest.fixture(scope="module")
def trained(classes, tmp_path_factory):
    chosen = chosen_of(classes, tmp_path_factory.mktemp("runs") / "run")
    folds, options = make_folds(classes, 3, 11), RetrainOptions(folds=3)
    trainings = train_folds(chosen, folds, options)
    return folds, trainings, make_model_of_folds(chosen, folds, options, trainings)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_every_row_is_in_one_fold_and_each_class_is_divided_evenly(classes, count):
    folds = make_folds(classes, count, 0)
    y = np.concatenate([classes.train.y, classes.validation.y])
    held = [folds.rows_of(fold, True) for fold in range(count)]
    assert sum(len(part.y) for part in held) == len(y)
    for fold, part in enumerate(held):
        others = folds.rows_of(fold, False)
        assert len(others.y) + len(part.y) == len(y)
        assert len(np.unique(np.concatenate([part.x, others.x]), axis=0)) == len(y)
        expected = np.bincount(y) / count
        assert (np.abs(np.bincount(part.y, minlength=3) - expected) <= 1).all()


def test_groups_stay_on_one_side(tmp_path):
    dataset = prepared(tmp_path / "groups.h5", group="patient")
    folds = make_folds(dataset, 4, 0)
    for fold in range(4):
        held, others = folds.rows_of(fold, True).groups, folds.rows_of(fold, False).groups
        assert len(held) > 20 and not np.intersect1d(held, others).size
    with pytest.raises(DataError, match="groups and no group may be on two sides"):
        make_folds(dataset, 38, 0)


def test_what_rows_count_goes_with_them_into_the_folds(tmp_path):
    dataset = prepared(tmp_path / "weights.h5", weight="patient")
    folds = make_folds(dataset, 4, 0)
    whole = np.concatenate([dataset.train.weights, dataset.validation.weights])
    held = np.concatenate([folds.rows_of(fold, True).weights for fold in range(4)])
    assert sorted(held) == sorted(whole) and len(set(whole)) > 10
    chosen, options = chosen_of(dataset, tmp_path / "run"), RetrainOptions(folds=2, epochs=1)
    folds = make_folds(dataset, 2, 0)
    model = make_model_of_folds(chosen, folds, options, train_folds(chosen, folds, options))
    assert model.description.scores["folds"]["scores"]["accuracy"] > 0.3


@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_fold_in_time_is_predicted_from_older_rows_alone(tmp_path, count):
    dataset = prepared(tmp_path / "times.h5", time="day")
    folds, seen = make_folds(dataset, count, 0), 0
    for fold in range(count):
        held, older = folds.rows_of(fold, True), folds.rows_of(fold, False)
        assert older.times.max() < held.times.min() and len(older.y) >= seen
        assert abs(len(held.y) - 268 / (count + 1)) <= 1
        seen = len(older.y) + len(held.y)
    assert seen == len(dataset.train.y) + len(dataset.validation.y)


def test_folds_in_time_share_no_group_where_the_split_shares_none(tmp_path):
    dataset = prepared(tmp_path / "both.h5", time="day", group="patient")
    folds = make_folds(dataset, 3, 0)
    for fold in range(3):
        held, older = folds.rows_of(fold, True), folds.rows_of(fold, False)
        assert older.times.max() < held.times.min() and min(len(held.y), len(older.y)) > 10
        assert not np.intersect1d(held.groups, older.groups).size


def test_the_networks_of_folds_in_time_count_by_what_they_were_trained_on(tmp_path):
    dataset = prepared(tmp_path / "times.h5", time="day")
    chosen, options = chosen_of(dataset, tmp_path / "run"), RetrainOptions(folds=2, epochs=1)
    folds = make_folds(dataset, 2, 0)
    model = make_model_of_folds(chosen, folds, options, train_folds(chosen, folds, options))
    assert [member.weight for member in model.members] == [1 / 3, 2 / 3]
    told = model.description.scores["folds"]
    assert told["rows"] == sum(len(folds.rows_of(fold, True).y) for fold in range(2))


def test_folds_in_time_need_times_that_differ_and_that_the_file_keeps(tmp_path, monkeypatch):
    dataset = prepared(tmp_path / "times.h5", time="day", split=(0.01, 0.01, 0.98))
    with pytest.raises(DataError, match="give 4 at most"):
        make_folds(dataset, 8, 0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=90), "t": np.arange(90) // 30, "y": [0, 1] * 45})
    few = prepare_dataset(
        frame, "y", tmp_path / "few.h5", PrepareOptions(time="t", split=(0.3, 0.7, 0))
    )
    with pytest.raises(DataError, match="have 3 different times.*give 2 at most"):
        make_folds(few, 3, 0)
    schema = dict(few.schema["split_by"])
    schema.pop("num_times")
    few = open_dataset(few.path)
    monkeypatch.setattr(few, "split", SplitRecord.from_dict(schema))
    with pytest.raises(DataError, match="prepare it again"):
        make_folds(few, 2, 0)


def test_more_folds_than_rows_are_refused(classes):
    with pytest.raises(DataError, match="give 1[0-9][0-9] at most"):
        make_folds(classes, 200, 0)


def test_the_mean_of_the_networks_is_the_model_and_its_test_rows_are_untouched(trained, classes):
    folds, trainings, model = trained
    scores = model.description.scores
    assert len(model.members) == 3 and {m.weight for m in model.members} == {1 / 3}
    assert "validation" not in scores and set(scores["intervals"]) == {"test"}
    assert scores["test"] == evaluate_model(model, classes, "test").scores
    assert scores["test"]["accuracy"] > 0.6
    assert evaluate_model(model, classes, "validation").trained_on
    checksums = {training.trained.outcome.checksum for training in trainings}
    assert len(checksums) == 3


def test_the_score_of_folds_is_the_mean_over_rows_that_were_not_trained_on(trained, classes):
    _, _, model = trained
    told = model.description.scores["folds"]
    each = [fold["scores"]["accuracy"] for fold in told["each"]]
    assert told["rows"] == len(classes.train.y) + len(classes.validation.y)
    assert told["scores"]["accuracy"] == pytest.approx(np.mean(each))
    assert told["deviations"]["accuracy"] == pytest.approx(np.std(each, ddof=1))
    hits = round(sum(a * f["rows"] for a, f in zip(each, told["each"], strict=True)))
    whole = stats.binomtest(hits, told["rows"]).proportion_ci(method="wilson")
    assert told["intervals"]["accuracy"] == pytest.approx(tuple(whole), abs=0.01)


def test_no_epoch_is_chosen_by_the_rows_of_a_fold(trained):
    _, _, model = trained
    for training in model.description.training["members"]:
        assert training["objective"] == "last"
        assert training["recipe"]["plateau_patience"] == 0
        assert not any("validation_metric" in epoch for epoch in training["curve"])


def test_a_saved_model_of_folds_is_a_model_as_any_other(trained, classes, tmp_path):
    _, _, model = trained
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    x = classes.test.x
    np.testing.assert_array_equal(again.outputs(x).probabilities, model.outputs(x).probabilities)


def test_a_score_that_a_fold_lacks_has_no_mean():
    one = {"rows": 5, "scores": {"accuracy": 0.5, "roc_auc": 0.7}, "intervals": {}}
    other = {"rows": 5, "scores": {"accuracy": 0.7, "roc_auc": None}, "intervals": {}}
    told = summary([one, other])
    assert told["scores"] == {"accuracy": pytest.approx(0.6)} and told["intervals"] == {}


@pytest.mark.parametrize(
    "other", [{"include_validation": True}, {"all_rows": True}, {"seeds": (1, 2)}]
)
def test_what_contradicts_folds_is_refused(other):
    with pytest.raises(UsageError, match="--folds and --"):
        RetrainOptions(folds=3, **other)
    with pytest.raises(UsageError, match="--folds is 1; give 2 or more"):
        RetrainOptions(folds=1)
