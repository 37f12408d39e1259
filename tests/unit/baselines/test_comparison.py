"""What simple models predict for the rows that judge, and a network held against them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, roc_auc_score

from agebo_hpc.baselines import comparison, judging
from agebo_hpc.baselines.comparison import compare
from agebo_hpc.baselines.kept import FILE_NAME, Kept, from_kept, packed, read_kept
from agebo_hpc.baselines.program import measure
from agebo_hpc.baselines.record import NAMES, read_baselines
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.intervals import resampled
from agebo_hpc.metrics.predictions import Classes, Numbers, decisions
from agebo_hpc.metrics.record import REGRESSION
from agebo_hpc.metrics.table import METRICS, find
from agebo_hpc.storage.seal import seal, unseal

ROWS = 600


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Make the intervals coarse, and fast."""
    monkeypatch.setattr(resampled, "RESAMPLES", 100)
    monkeypatch.setattr(resampled, "JACKKNIFE_BLOCKS", 20)


def prepared(home, classes, split=(0.5, 0.2, 0.3), weight="", group=""):
    """Return a data set of some classes, or of a positive number for 0."""
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(ROWS, 3))
    noisy = x[:, 0] + 0.7 * rng.normal(size=ROWS)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    order = np.argsort(np.argsort(noisy))
    frame["y"] = np.exp(noisy) if not classes else [f"k{c}" for c in order * classes // ROWS]
    frame["counts"] = rng.integers(1, 4, ROWS)
    frame["house"] = [f"h{i}" for i in rng.integers(60, size=ROWS)]
    others = [n for n in ("counts", "house") if n not in (weight, group)]
    options = PrepareOptions(
        split=None if group else split, weight=weight, group=group, drop=tuple(others)
    )
    return prepare_dataset(frame, "y", home / "data.h5", options)


def boosted(data):
    kind = HistGradientBoostingClassifier if data.class_labels else HistGradientBoostingRegressor
    model = kind(random_state=0)
    weights = None if data.train.weights is None else data.train.weights[:]
    return model.fit(data.train.x[:], data.train.y[:], weights)


def kept_of(data, metric, home):
    measure(data, metric, home, 0)
    return read_kept(home, data.fingerprint, metric)


def test_scores_on_the_test_rows_are_those_of_scikit_learn_and_stand_in_a_file_of_their_own(
    tmp_path,
):
    for number, (classes, metric, of_scikit_learn) in enumerate(
        [(2, "roc_auc", lambda y, p: roc_auc_score(y, p[:, 1])),
         (2, "accuracy", lambda y, p: accuracy_score(y, p.argmax(axis=1))),
         (5, "neg_log_loss", lambda y, p: -log_loss(y, p))]
    ):  # fmt: skip
        home = tmp_path / str(number)
        home.mkdir()
        data = prepared(home, classes)
        kept = kept_of(data, metric, home)
        expected = of_scikit_learn(data.test.y[:], boosted(data).predict_proba(data.test.x[:]))
        assert kept.part == "test" and list(kept.scores) == list(NAMES)
        assert kept.scores["boosting"] == pytest.approx(expected, abs=1e-6)
        known = read_baselines(home)
        assert kept.scores["linear"] != known.scores["linear"]
        assert "test" not in (home / "baselines.json").read_text()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return data sets by number of classes, with a fitted model of each."""
    homes = {classes: tmp_path_factory.mktemp(f"classes{classes}") for classes in (0, 2, 3)}
    sets = {classes: prepared(home, classes) for classes, home in homes.items()}
    return {classes: (data, boosted(data)) for classes, data in sets.items()}


@pytest.mark.parametrize("number", range(len(METRICS)), ids=lambda n: METRICS[n].name)
def test_every_metric_finds_what_it_needs_in_what_is_kept(number, fitted, tmp_path):
    metric = METRICS[number]
    classes = 0 if REGRESSION in metric.kinds else 2 if "binary" in metric.kinds else 3
    data, model = fitted[classes]
    judging.Judging(data, metric.name, tmp_path, 0).keep("boosting", model)
    kept, y = read_kept(tmp_path, data.fingerprint, metric.name), data.test.y[:]
    if classes:
        given = Classes(model.predict_proba(data.test.x[:]), y, decode=data.decode)
    else:
        centre = float(data.decode(np.zeros(1))[0])
        values = data.decode(model.predict(data.test.x[:]))
        given = Numbers(values, data.decode(y), None, centre)
    expected = metric.score(given)
    if expected is None or not np.isfinite(expected):
        assert kept is None
    else:
        assert kept.scores["boosting"] == pytest.approx(expected, rel=1e-5, abs=1e-6)
        found = compare(given, kept, data)
        assert found.network == pytest.approx(found.boosting, rel=1e-5, abs=1e-6)


def test_the_same_predictions_differ_by_nothing_and_better_ones_by_more_than_noise(tmp_path):
    data = prepared(tmp_path, 2)
    kept = kept_of(data, "accuracy", tmp_path)
    y = data.test.y[:]
    same = from_kept(kept.outputs_of("boosting"), find("accuracy"), y, None, 2, data.decode)
    assert compare(same, kept, data).interval == (0.0, 0.0)
    sure = np.where(np.arange(2) == y[:, None], 0.9, 0.1)
    found = compare(Classes(sure, y, decode=data.decode), kept, data)
    assert found.network == 1.0 and found.rows == found.of_rows == len(y)
    assert 0 < found.interval[0] < found.network - found.boosting < found.interval[1]
    worse = compare(Classes(sure[:, ::-1], y, decode=data.decode), kept, data)
    assert worse.interval[1] < 0


def test_the_difference_is_surer_than_the_scores_where_both_err_on_the_same_rows(tmp_path):
    data = prepared(tmp_path, 0)
    kept = kept_of(data, "mse", tmp_path)
    y, truth = data.test.y[:], data.decode(data.test.y[:])
    values = data.decode(kept.outputs_of("boosting")[:, 0]) * 1.02
    found = compare(Numbers(values, truth), kept, data)
    expected = mean_squared_error(truth, data.decode(boosted(data).predict(data.test.x[:])))
    assert found.boosting == pytest.approx(-expected, rel=1e-5)
    squares = (values - truth) ** 2
    assert found.interval[1] - found.interval[0] < 0.5 * 4 * squares.std() / np.sqrt(len(y))


def test_without_a_test_part_the_validation_rows_are_kept(tmp_path):
    data = prepared(tmp_path, 3, (0.6, 0.4, 0.0))
    kept = kept_of(data, "accuracy", tmp_path)
    assert kept.part == "validation" and kept.of_rows == data.num_rows["validation"]
    assert kept.scores == pytest.approx(read_baselines(tmp_path).scores)


def test_weights_and_groups_enter(tmp_path):
    (tmp_path / "w").mkdir()
    data = prepared(tmp_path / "w", 2, weight="counts")
    kept = kept_of(data, "accuracy", tmp_path / "w")
    y, weights = data.test.y[:], data.test.weights[:]
    said = boosted(data).predict(data.test.x[:])
    assert kept.scores["boosting"] == pytest.approx(np.average(said == y, weights=weights))
    (tmp_path / "g").mkdir()
    data = prepared(tmp_path / "g", 2, group="house")
    kept = kept_of(data, "accuracy", tmp_path / "g")
    right = data.test.groups[:] % 2 == 0
    y = data.test.y[:]
    of_groups = Classes(np.where(np.arange(2) == np.where(right, y, 1 - y)[:, None], 0.9, 0.1), y)
    found = compare(of_groups, kept, data)
    alone = np.sqrt(np.var(right) / len(y)) * 4
    assert found.interval[1] - found.interval[0] > 1.3 * alone


def test_of_many_rows_some_are_kept_and_a_later_session_goes_on_with_the_same(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(judging, "MOST_ROWS", 100)
    data = prepared(tmp_path, 2)
    measure(data, "accuracy", tmp_path, 3)
    kept = read_kept(tmp_path, data.fingerprint, "accuracy")
    assert len(kept.chosen) == 100 < kept.of_rows and (np.diff(kept.chosen) > 0).all()
    assert np.max(kept.chosen) > 100 and len(kept.outputs_of("boosting")) == 100
    known = read_baselines(tmp_path)
    type(known)(known.data_fingerprint, known.metric, known.found[:1]).write(tmp_path)
    measure(data, "accuracy", tmp_path, 3)
    again = read_kept(tmp_path, data.fingerprint, "accuracy")
    assert dict(again.scores) == dict(kept.scores) and again.rows == kept.rows


def test_what_cannot_be_kept_leaves_the_scores_of_the_search(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(judging, "to_keep", fail)
    data = prepared(tmp_path, 2)
    assert kept_of(data, "accuracy", tmp_path) is None
    assert list(read_baselines(tmp_path).scores) == list(NAMES)


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": {"boosting": packed(np.zeros(7, np.float32))}},
        {"outputs": {"boosting": packed(np.full(180, np.nan, np.float32))}},
        {"outputs": {"boosting": packed(np.full(180, 9.0, np.float32))}},
        {"outputs": {"boosting": "no base64!"}},
        {"outputs": {}},
        {"outputs": {"boosting": 3}},
        {"outputs": []},
        {"rows": packed(np.array([-1], np.int32))},
        {"rows": packed(np.array([999], np.int32))},
        {"rows": "=="},
        {"part": "train"},
        {"of_rows": 10**30},
        {"of_rows": -1},
        {"scores": {"boosting": "high"}},
        {"scores": None},
        {"metric": 5},
        {"more": 1},
    ],
)
def test_what_anybody_may_have_written_is_as_nothing(tmp_path, change, fitted):
    data, model = fitted[2]
    judging.Judging(data, "accuracy", tmp_path, 0).keep("boosting", model)
    stored = unseal((tmp_path / FILE_NAME).read_bytes())
    (tmp_path / FILE_NAME).write_bytes(seal({**stored, **change}))
    kept = read_kept(tmp_path, data.fingerprint, "accuracy")
    y = data.test.y[:]
    assert kept is None or compare(Classes(np.full((len(y), 2), 0.5), y), kept, data) is None


def test_a_file_of_other_data_or_another_metric_is_not_read(tmp_path):
    Kept("data", "accuracy", "test", 3).write(tmp_path)
    assert read_kept(tmp_path, "data", "accuracy").of_rows == 3
    assert read_kept(tmp_path, "other", "accuracy") is None
    assert read_kept(tmp_path, "data", "roc_auc") is None


@pytest.mark.parametrize("weighed", [False, True])
def test_a_metric_of_ones_own_is_compared_too(tmp_path, weighed):
    file = tmp_path / "own.py"
    file.write_text(
        "import numpy as np\n"
        "def profit(y, p, sample_weight=None):\n"
        "    return float(np.average(np.where(y == p, 2.0, -1.0), weights=sample_weight))\n"
    )
    data = prepared(tmp_path, 2, weight="counts" if weighed else "")
    name = f"{file}:profit"
    judging.Judging(data, name, tmp_path, 0).keep("boosting", boosted(data))
    kept = read_kept(tmp_path, data.fingerprint, name)
    y, weights = data.test.y[:], data.test.weights[:] if weighed else None
    right = boosted(data).predict(data.test.x[:]) == y
    expected = np.average(np.where(right, 2.0, -1.0), weights=weights)
    assert kept.scores["boosting"] == pytest.approx(expected) and "profit" not in kept.text
    sure = np.where(np.arange(2) == y[:, None], 0.9, 0.1)
    wide = None if weights is None else weights.astype(np.float64)
    found = compare(Classes(sure, y, wide, decode=data.decode), kept, data)
    assert found.network == 2.0 and found.interval[0] > 0


@pytest.mark.parametrize("grouped", [False, True])
def test_the_short_way_of_accuracies_agrees_with_that_of_any_metric(monkeypatch, grouped):
    monkeypatch.setattr(resampled, "RESAMPLES", 400)
    rng = np.random.default_rng(0)
    y, weights = rng.integers(0, 2, 400), rng.integers(1, 4, 400).astype(np.float64)
    groups = np.arange(400) // 4 if grouped else None
    pair = [
        decisions(Classes(np.eye(2)[np.where(rng.random(400) < share, y, 1 - y)], y, weights))
        for share in (0.8, 0.7)
    ]
    short = comparison._of_accuracies(pair, groups)
    assert short == pytest.approx(
        comparison._of_any(find("accuracy"), pair, groups, 5000), abs=1e-9
    )
