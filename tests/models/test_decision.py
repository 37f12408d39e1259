"""A threshold between two classes: chosen on validation rows, kept, used by whatever decides."""

import json

import numpy as np
import pandas as pd
import pytest
from made_run import make_run
from sklearn.metrics import confusion_matrix, f1_score

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import ConfigurationError, DataError, UsageError
from agebo_hpc.metrics.predictions import Classes
from agebo_hpc.metrics.table import find
from agebo_hpc.models import explanation, uncertainty
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.choice import RetrainOptions, check_calibration, choose
from agebo_hpc.models.decision import decide
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.models.portable import told_inputs
from agebo_hpc.models.retraining import retrain


def table():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(800, 3)), columns=["a", "b", "c"])
    frame["kind"] = np.where(frame["a"] + rng.normal(0, 1, 800) > 1.6, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.h5"
    return prepare_dataset(table(), "kind", path, PrepareOptions())


@pytest.fixture(scope="module")
def chosen(dataset, tmp_path_factory):
    return choose(make_run(tmp_path_factory.mktemp("runs") / "run", dataset, [0.5]))


@pytest.fixture(scope="module")
def by_cost(chosen, dataset):
    return retrain(chosen, dataset, RetrainOptions(cost=(1.0, 20.0)))


def decisions(second):
    """Return what 2,001 thresholds make of the rows, each outcome once."""
    every = [(second >= threshold).astype(int) for threshold in np.linspace(0, 1, 2001)]
    return np.unique(every, axis=0)


def given(number=400, weights=None):
    rng = np.random.default_rng(0)
    y = (rng.random(number) < 0.2).astype(int)
    second = np.clip(rng.beta(2, 5, number) + 0.25 * y, 0.001, 0.999)
    return Classes(np.stack([1 - second, second], axis=1), y, weights)


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "mcc", "f1_macro", "accuracy"])
def test_no_other_threshold_is_better_for_the_metric(name):
    rows = given()
    found = decide(rows, name)
    every = [
        find(name).score(Classes(rows.probabilities, rows.y, chosen=chosen))
        for chosen in decisions(rows.probabilities[:, 1])
    ]
    assert len(every) > 200
    assert found.after == pytest.approx(max(every)) and found.after >= found.before
    assert found.by == find(name).shown_name


@pytest.mark.parametrize("cost", [(1.0, 20.0), (5.0, 1.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_other_threshold_costs_less(cost, weighted):
    weights = np.random.default_rng(1).integers(0, 3, 400).astype(float) if weighted else None
    rows = given(weights=weights)
    found = decide(rows, cost=cost)
    second = rows.probabilities[:, 1]

    def mean_cost(chosen):
        cells = confusion_matrix(rows.y, chosen, sample_weight=weights)
        return (cost[0] * cells[0, 1] + cost[1] * cells[1, 0]) / cells.sum()

    assert found.after == pytest.approx(min(map(mean_cost, decisions(second))))
    assert found.before == pytest.approx(mean_cost(second >= 0.5))
    assert found.after == pytest.approx(mean_cost(second >= found.threshold))


def test_the_threshold_is_used_by_predictions_scores_and_the_confusion_matrix(
    by_cost, dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(uncertainty, "_of_metric", lambda *_: None)
    threshold = by_cost.description.threshold
    assert threshold < 0.4
    save_model(by_cost, tmp_path / "m")
    model = load_model(tmp_path / "m")
    predicted = model.predict(table())
    expected = np.where(predicted["probability_yes"] >= threshold, "yes", "no")
    assert (predicted["prediction"] == expected).all()
    assert (expected != np.where(predicted["probability_yes"] > 0.5, "yes", "no")).any()
    done = evaluate_model(model, dataset, "test", ("f1",))
    y = dataset.test.y
    chosen = model.outputs(np.asarray(dataset.test.x)).probabilities[:, 1] >= threshold
    assert done.scores["f1"] == pytest.approx(f1_score(y, chosen))
    np.testing.assert_array_equal(done.quality.confusion, confusion_matrix(y, chosen))
    low, high = done.intervals["accuracy"]
    assert low <= done.scores["accuracy"] == (chosen == y).mean() <= high
    assert (
        json.loads(told_inputs(model.description, {c: c for c in "abc"}))["threshold"] == threshold
    )


def test_calibration_and_its_interval_are_of_the_probabilities(by_cost, dataset):
    """Not of the classes that a threshold far from a half predicts."""
    plain = by_cost.with_threshold(None)
    found, wanted = (evaluate_model(model, dataset, "test") for model in (by_cost, plain))
    assert found.scores["accuracy"] != wanted.scores["accuracy"]
    for name in ("calibration_error", "roc_auc", "loss"):
        assert found.scores[name] == wanted.scores[name]
        assert found.intervals[name] == wanted.intervals[name]


def test_the_threshold_of_a_model_may_be_set_later_and_wrong_ones_are_refused(by_cost, dataset):
    later = by_cost.with_threshold(0.25)
    second = later.outputs(np.asarray(dataset.test.x)).probabilities[:, 1]
    scores = evaluate_model(later, dataset, "test").scores
    assert scores["accuracy"] == ((second >= 0.25) == dataset.test.y).mean()
    assert later.description.scores == {} and by_cost.description.scores
    for wrong in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="between 0 and 1"):
            by_cost.with_threshold(wrong)


def test_the_importance_of_columns_is_of_the_labels_that_are_predicted(by_cost, dataset):
    found = by_cost.outputs(np.asarray(dataset.test.x))
    right = (found.predicted == dataset.test.y).mean()
    assert right != (found.raw.argmax(axis=1) == dataset.test.y).mean()
    told = explanation._scorer(by_cost, find("accuracy"))
    assert told((found.raw, found.probabilities), dataset.test.y) == pytest.approx(right)
    assert explanation.explain(by_cost, dataset, "accuracy").metric == "accuracy"


def test_a_model_without_one_says_none(chosen, dataset):
    plain = retrain(chosen, dataset, RetrainOptions())
    assert plain.description.threshold is None
    assert "threshold" not in told_inputs(plain.description, {c: c for c in "abc"})


def test_the_validation_score_told_is_that_of_the_model(chosen, dataset, monkeypatch):
    monkeypatch.setattr(uncertainty, "_of_metric", lambda *_: None)
    model = retrain(chosen, dataset, RetrainOptions(threshold="f1"))
    told = model.description.training["decision"]
    scores = evaluate_model(model, dataset, "validation", ("f1",)).scores
    assert told["after"] == pytest.approx(scores["f1"]) and told["after"] > told["before"]


def test_a_number_is_taken_as_it_is(chosen, dataset):
    model = retrain(chosen, dataset, RetrainOptions(threshold="0.3", include_validation=True))
    assert model.description.threshold == 0.3


@pytest.mark.parametrize("threshold", [0, 1.5, "much", None])
def test_a_stored_threshold_that_cannot_be_is_refused(by_cost, threshold, tmp_path):
    noted = {**by_cost.description.training, "decision": {"threshold": threshold}}
    from dataclasses import replace

    from agebo_hpc.models.validation import check_description

    with pytest.raises(DataError, match="makes no sense"):
        check_description(tmp_path, replace(by_cost.description, training=noted))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threshold": "f1", "cost": (1.0, 2.0)}, "both given"),
        ({"threshold": "1.5"}, "between 0 and 1"),
        ({"threshold": "f1", "include_validation": True}, "--threshold needs validation rows"),
        ({"cost": (1.0, 2.0), "all_rows": True}, "--cost needs validation rows"),
        ({"cost": (0.0, 2.0)}, "two numbers above 0"),
        ({"threshold": "0.3", "folds": 3}, "both given"),
    ],
)
def test_what_cannot_be_decided_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        RetrainOptions(**options)


def test_what_does_not_fit_the_data_is_refused(dataset, tmp_path):
    check_calibration(RetrainOptions(threshold="f1"), dataset)
    with pytest.raises(UsageError, match="roc_auc, which does not depend on one; .*balanced_acc"):
        check_calibration(RetrainOptions(threshold="roc_auc"), dataset)
    with pytest.raises(ConfigurationError, match="two classes; choose among"):
        check_calibration(RetrainOptions(threshold="r2"), dataset)
    frame = table().assign(kind=pd.qcut(table()["a"], 3, labels=["x", "y", "z"]).astype(str))
    three = prepare_dataset(frame, "kind", tmp_path / "d.h5", PrepareOptions())
    with pytest.raises(UsageError, match="--cost is for two classes, but .* has 3 classes"):
        check_calibration(RetrainOptions(cost=(1.0, 2.0)), three)
