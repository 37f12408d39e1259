"""The simple models: right scores, bounded, each by itself."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    log_loss,
    r2_score,
    roc_auc_score,
)

from agebo_hpc.baselines import models, program
from agebo_hpc.baselines.models import MODELS, Table
from agebo_hpc.baselines.program import measure, table_of
from agebo_hpc.baselines.record import (
    FILE_NAME,
    NAMES,
    Baseline,
    Baselines,
    baselines_of,
    read_baselines,
)
from agebo_hpc.baselines.sample import stratified
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.storage.seal import seal

METRICS = {
    "classification": ("accuracy", "roc_auc", "average_precision", "neg_log_loss"),
    "regression": ("r2", "neg_mean_squared_error"),
}


def negative_squares(truth, predicted):
    return -((truth - predicted) ** 2).mean()


def score_of(metric, model, data):
    x, y = data.validation.x, data.validation.y
    if data.task == "regression":
        decode = data.preprocessing.target.decode
        truth, predicted = decode(y), decode(model.predict(x))
        by_metric = {"r2": r2_score, "neg_mean_squared_error": negative_squares}
        return by_metric[metric](truth, predicted)
    if metric == "accuracy":
        return accuracy_score(y, model.predict(x))
    if metric == "neg_log_loss":
        return -log_loss(y, model.predict_proba(x))
    by_metric = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}
    return by_metric[metric](y, model.predict_proba(x)[:, 1])


@pytest.mark.parametrize("task", METRICS)
def test_every_metric_is_that_of_scikit_learn_on_the_validation_rows(task, request, tmp_path):
    path = request.getfixturevalue(
        "tiny_dataset" if task == "classification" else "tiny_regression"
    )
    data = open_dataset(path)
    dummy, boosted = (
        (DummyClassifier(), HistGradientBoostingClassifier(random_state=3))
        if task == "classification"
        else (DummyRegressor(), HistGradientBoostingRegressor(random_state=3))
    )
    for model in (dummy, boosted):
        model.fit(data.train.x, data.train.y)
    for metric in METRICS[task]:
        measure(data, metric, tmp_path, 3)
        found = read_baselines(tmp_path)
        assert found.is_complete and found.remarks == "" and list(found.scores) == list(NAMES)
        expected = {
            name: score_of(metric, m, data)
            for name, m in (("constant", dummy), ("boosting", boosted))
        }
        assert {n: found.scores[n] for n in expected} == pytest.approx(expected, abs=1e-6)
        assert found.scores["linear"] > found.scores["constant"]
        assert found.belongs_to(data.fingerprint, metric)


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "average_precision"])
def test_many_classes_are_scored_one_against_the_rest_also_where_training_lacks_one(metric):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)).astype(np.float32)
    y = np.digitize(x[:, 0], [-0.7, 0.0, 0.7]).astype(np.int32)
    keep = y[:200] != 2
    table = Table(x[:200][keep], y[:200][keep], x[200:], y[200:], 4, metric, 0)
    for name in NAMES:
        value = models.score(MODELS[name](table)[0], table)
        assert 0 < value < 1
    assert models.score(MODELS["constant"](table)[0], table) < 0.51


def test_what_is_known_is_not_measured_again(tiny_dataset, tmp_path, monkeypatch):
    data = open_dataset(tiny_dataset)
    known = (Baseline("constant", 0.125, 1.0), Baseline("boosting", None, 1.0, "failed"))
    Baselines(data.fingerprint, "accuracy", known).write(tmp_path)
    measure(data, "accuracy", tmp_path, 0)
    found = read_baselines(tmp_path)
    assert found.found[:2] == known and [b.name for b in found.found[2:]] == ["linear"]
    monkeypatch.setattr(program, "table_of", None)
    measure(data, "accuracy", tmp_path, 0)


def test_another_metric_or_data_set_is_measured_anew(tiny_dataset, tmp_path):
    data = open_dataset(tiny_dataset)
    for fingerprint, metric in (("other", "accuracy"), (data.fingerprint, "roc_auc")):
        all_known = tuple(Baseline(name, 0.125, 1.0) for name in NAMES)
        Baselines(fingerprint, metric, all_known).write(tmp_path)
        problem = {"data_fingerprint": data.fingerprint, "metric": "accuracy"}
        assert baselines_of(tmp_path, problem) is None
        measure(data, "accuracy", tmp_path, 0)
        assert baselines_of(tmp_path, problem).scores["constant"] > 0.4


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_fails_says_why_and_the_others_are_measured(
    name, tiny_dataset, tmp_path, monkeypatch
):
    def fail(table):
        raise MemoryError("no room\nat all")

    monkeypatch.setitem(MODELS, name, fail)
    measure(open_dataset(tiny_dataset), "accuracy", tmp_path, 0)
    found = read_baselines(tmp_path)
    assert found.is_complete and set(found.scores) == set(NAMES) - {name}
    assert f"{name}: failed (MemoryError: no room)" in found.remarks


def test_an_unknown_metric_is_a_remark(tiny_dataset, tmp_path):
    measure(open_dataset(tiny_dataset), "beauty", tmp_path, 0)
    found = read_baselines(tmp_path)
    assert found.is_complete and not found.scores and "beauty" in found.remarks


def test_what_was_bounded_is_said(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "MOST_ROWS", 300)
    monkeypatch.setattr(models, "BOOSTING_SECONDS", 0.0)
    monkeypatch.setattr(models, "LINEAR_WORK", 100 * 2 * 8)
    data = open_dataset(tiny_dataset)
    table, remark = table_of(data, "accuracy", 0)
    assert len(table.y) == 300 and len(table.x) == 300
    share = np.mean(data.train.y[:] == 1)
    assert np.mean(table.y == 1) == pytest.approx(share, abs=0.005)
    assert f"300 of {len(data.train.y):,} training rows" in remark
    measure(data, "accuracy", tmp_path, 0)
    found = read_baselines(tmp_path)
    assert "5 of 100 rounds" in found.remarks and "fitted to" in found.remarks
    assert len(found.scores) == 3


@pytest.mark.parametrize("rows", [1, 2, 50, 999])
def test_each_class_keeps_its_share_and_none_is_lost(rows):
    y = np.repeat(np.arange(4, dtype=np.int32), [900, 90, 9, 1])
    taken = stratified(y, rows, np.random.default_rng(1))
    assert len(set(taken)) == len(taken) and (np.diff(taken) > 0).all()
    assert set(y[taken]) == {0, 1, 2, 3}
    assert rows <= len(taken) <= rows + 3
    if rows == 50:
        assert np.bincount(y[taken])[:2].tolist() in ([45, 5], [45, 4], [46, 4], [44, 5])


def test_numbers_are_drawn_from_every_range_and_few_rows_are_all_taken():
    y = np.random.default_rng(0).exponential(size=5000).astype(np.float32)
    taken = stratified(y, 100, np.random.default_rng(1))
    assert len(taken) == 100
    assert np.quantile(y[taken], [0.1, 0.5, 0.9]) == pytest.approx(
        np.quantile(y, [0.1, 0.5, 0.9]), rel=0.05
    )
    assert stratified(y, 5000, np.random.default_rng(1)).tolist() == list(range(5000))


def test_more_rows_than_candidates_are_sampled_in_two_steps(monkeypatch):
    monkeypatch.setattr("agebo_hpc.baselines.sample.CANDIDATES", 1000)
    y = (np.arange(10_000) % 5 == 0).astype(np.int32)
    taken = stratified(y, 200, np.random.default_rng(1))
    assert len(taken) == 200 and np.mean(y[taken]) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", seal({"found": 3}), seal({"a": 1})])
def test_a_file_that_cannot_be_read_is_as_none(content, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(content)
    assert read_baselines(tmp_path) is None
    assert read_baselines(tmp_path / "nowhere") is None


def test_those_that_are_not_worse_than_a_network_are_named():
    found = Baselines("f", "r2", (Baseline("constant", -0.1, 0), Baseline("linear", 0.5, 0),
                                  Baseline("boosting", None, 0, "failed")))  # fmt: skip
    assert found.above(0.6) == ""
    assert found.above(0.5) == "linear (0.5)"
    assert found.above(-1.0) == "constant (-0.1), linear (0.5)"
    assert found.text == "constant -0.1, linear 0.5"


def test_a_loss_is_told_as_a_positive_number():
    known = (Baseline("constant", -0.7, 1.0), Baseline("linear", -0.5, 1.0))
    found = Baselines("data", "neg_log_loss", known)
    assert found.text == "constant 0.7, linear 0.5"
    assert found.above(-0.6) == "linear (0.5)" and found.shown_metric == "log_loss"


@pytest.mark.parametrize(("metric", "quantile"), [("mae", 0.5), ("pinball:0.9", 0.9)])
def test_a_quantile_is_asked_of_the_baselines_where_the_metric_asks_for_one(metric, quantile):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3)).astype(np.float32)
    y = (x[:, 0] + rng.exponential(size=600)).astype(np.float32)
    table = Table(x[:400], y[:400], x[400:], y[400:], 0, metric, 0)
    predicted = {
        name: MODELS[name](table)[0].predict(x[:400]) for name in ("constant", "boosting")
    }
    assert predicted["constant"][0] == pytest.approx(np.quantile(y[:400], quantile), abs=0.01)
    assert np.mean(y[:400] <= predicted["boosting"]) == pytest.approx(quantile, abs=0.05)
