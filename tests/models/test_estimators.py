"""The scikit-learn estimators: scikit-learn's own checks, tables, ranks, limits."""

import pickle

import h5py
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, TimeSeriesSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from agebo_hpc import AgEBOClassifier, AgEBORegressor, load_model, save_model
from agebo_hpc.errors import AgeboWarning, DataError, LaunchError
from agebo_hpc.interface.fitting import prepare
from agebo_hpc.interface.parameters import OF_FIT, OF_SCIKIT_LEARN
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.problem import PRESETS, Problem, Recipe

TINY = {"max_evals": 1, "epochs": 2, "preset": "tiny", "threads": 1, "random_state": 0}
TINY["baselines"] = False
OF_LEARNING = {"check_classifiers_train", "check_regressors_train"}
"""Checks that ask for a score."""
SMALL = Problem(architecture=ArchitectureSpace(num_nodes=1), recipe=Recipe(epochs=15))


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch):
    """Offer networks of one node: scikit-learn's checks train more than a hundred."""
    monkeypatch.setitem(PRESETS, "tiny", lambda: SMALL)


def not_promised(estimator):
    """Return scikit-learn's checks that an estimator need not pass, and why."""
    why = "a row that is there twice is drawn in other batches, and on another side, than one of 2"
    return {"check_sample_weight_equivalence_on_dense_data": why}


@pytest.mark.slow
@parametrize_with_checks(
    [AgEBOClassifier(**TINY), AgEBORegressor(**TINY)], expected_failed_checks=not_promised
)
def test_scikit_learn_finds_an_estimator_as_any_other(estimator, check):
    if getattr(check, "func", check).__name__ in OF_LEARNING:
        check(estimator.set_params(epochs=15))
        return
    # Tracing takes most of a fit of two epochs of a few rows; the numbers are the same.
    tf.config.run_functions_eagerly(True)
    try:
        check(estimator)
    finally:
        tf.config.run_functions_eagerly(False)


def flights(rows=300, seed=4):
    """Return a table with text, dates and missing cells, and labels that follow from it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"distance": rng.normal(size=rows)})
    frame["carrier"] = rng.choice(["AA", "UA", "DL"], rows)
    frame["day"] = pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), "D")
    score = 2 * frame["distance"] + 2 * (frame["carrier"] == "UA")
    frame.loc[rng.random(rows) < 0.05, "distance"] = np.nan
    return frame, np.where(score > 0.7, "late", "on time"), 50 + 10 * score.to_numpy()


def test_a_table_with_text_dates_and_missing_cells_is_learnt():
    frame, labels, minutes = flights()
    settings = {**TINY, "epochs": 30, "max_evals": 3}
    classifier = AgEBOClassifier(**settings, ensemble_size=2).fit(frame, labels)
    assert list(classifier.classes_) == ["late", "on time"]
    assert classifier.score(frame, labels) > 0.75
    probabilities = classifier.predict_proba(frame)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(frame), probabilities)
    regressor = AgEBORegressor(**settings, include_validation=True).fit(frame, minutes)
    assert regressor.score(frame, minutes) > 0.5
    with pytest.raises(ValueError, match="carrier"):
        classifier.predict(frame.drop(columns="carrier"))


@pytest.fixture
def unknown_end(monkeypatch):
    """A batch system that does not say when the job ends."""
    found = (None, "warning: nobody says when this job ends")
    monkeypatch.setattr("agebo_hpc.run.session_budget.find_deadline", lambda: found)


def test_a_search_warns_as_python_does_and_says_nothing_else(unknown_end, capfd):
    frame, labels, _ = flights()
    with pytest.warns(AgeboWarning, match="^nobody says when this job ends"):
        AgEBOClassifier(**TINY).fit(frame, labels)
    said = capfd.readouterr()
    assert said.out == "" and "evaluations" not in said.err and "this job" not in said.err


def test_a_verbose_search_tells_how_it_goes_on_the_standard_error(unknown_end, capfd):
    frame, labels, _ = flights()
    AgEBOClassifier(**TINY, verbose=True).fit(frame, labels)
    said = capfd.readouterr()
    assert said.out == ""
    assert "1/1 evaluations" in said.err and "warning: nobody says when this job ends" in said.err


def test_a_class_of_one_row_does_not_hinder():
    frame, labels, _ = flights()
    labels = labels.astype(object)
    labels[7] = "cancelled"
    classifier = AgEBOClassifier(**TINY).fit(frame, labels)
    assert list(classifier.classes_) == ["cancelled", "late", "on time"]
    assert classifier.predict_proba(frame).shape == (300, 3)


def test_time_for_no_training_is_time_for_one_short_one_and_the_network_is_trained_in_full():
    frame, labels, _ = flights()
    settings = {**TINY, "preset": "tabular", "epochs": None, "max_evals": None}
    classifier = AgEBOClassifier(**settings, time_budget=0.001).fit(frame, labels)
    assert classifier.history_["epochs"].tolist() == [1]
    assert classifier.model_.description.training["recipe"]["epochs"] == 20


def test_the_time_budget_ends_the_search():
    frame, labels, _ = flights()
    settings = {**TINY, "epochs": 15, "max_evals": None, "time_budget": 1.0}
    classifier = AgEBOClassifier(**settings).fit(frame, labels)
    assert classifier.score(frame, labels) > 0.4


@pytest.mark.parametrize(
    ("change", "limits"),
    [
        ({}, (20, None)),
        ({"time_budget": "10m"}, (None, 600)),
        ({"max_evals": 7}, (7, None)),
        ({"max_evals": 7, "time_budget": 60}, (7, 60)),
    ],
)
def test_the_limit_that_is_given_counts(monkeypatch, change, limits):
    class Seen(Exception):
        pass

    def seen(request, reporter, rank_group):
        raise Seen((request.max_evals, request.max_time))

    monkeypatch.setattr("agebo_hpc.interface.fitting._search", seen)
    frame, labels, _ = flights(60)
    with pytest.raises(Seen) as told:
        AgEBOClassifier(**{**TINY, "max_evals": None, **change}).fit(frame, labels)
    assert told.value.args[0] == limits


def test_whatever_the_command_line_can_is_a_parameter():
    parameters = AgEBOClassifier().get_params()
    for name, record in OPTIONS.items():
        parameter = OF_SCIKIT_LEARN.get(name, name)
        decided = name in OF_FIT or record.for_simulation
        assert decided or parameter in parameters, name
        assert decided or f"\n{parameter}\n" in AgEBOClassifier.__doc__, name
    changed = clone(AgEBORegressor(kappa=2.0, metric="r2", problem=SMALL))
    assert changed.kappa == 2.0 and "kappa=2.0" in repr(changed)
    assert changed.problem.architecture == SMALL.architecture
    with pytest.raises(TypeError, match="'no_such_thing'"):
        AgEBOClassifier(no_such_thing=1)


def test_what_the_search_found_stays_with_the_estimator(tmp_path):
    frame, labels, _ = flights()
    asked = {**TINY, "problem": SMALL, "metric": "roc_auc", "class_weight": {"late": 3.0}}
    classifier = AgEBOClassifier(**{**asked, "max_evals": 2}).fit(frame, labels)
    assert len(classifier.history_) == 2
    assert classifier.best_score_ == classifier.history_["objective"].max()
    low, high = classifier.score_interval_
    assert low < classifier.model_.description.scores["validation"]["roc_auc"] < high
    assert "test" not in classifier.model_.description.scores
    assert classifier.model_.description.scores["rows_per_second"] > 0
    recipe = classifier.model_.description.training["recipe"]
    assert recipe["class_weights"] == {"0": 3.0, "1": 1.0} and recipe["metric"] == "roc_auc"
    again = pickle.loads(pickle.dumps(classifier))
    page = again.report(tmp_path / "report")
    assert page.is_file() and "AgEBOClassifier" in page.read_text()
    with pytest.raises(NotFittedError):
        AgEBOClassifier().report(tmp_path)
    save_model(again.model_, tmp_path / "model")
    assert load_model(tmp_path / "model").description.scores["validation"]["roc_auc"] > 0


@pytest.fixture
def prepared(monkeypatch):
    """Return the data sets that fits prepared, in place of a search."""
    kept = []

    def keep(wanted, home, seed, rank_group):
        prepare(wanted, home / "data.h5", seed)
        with h5py.File(home / "data.h5") as file:
            kept.append({p: file[p]["x"][:, 0].round(3).tolist() for p in ("train", "validation")})
        raise DataError("enough")

    monkeypatch.setattr("agebo_hpc.interface.estimators.fit", keep)
    return kept


def numbered(rows=60):
    """Return a table whose only column is the number of its row."""
    return pd.DataFrame({"number": np.arange(rows, dtype=float)}), np.arange(rows) % 2


def sides(prepared, rows=60):
    """Return the numbers of the rows that train and of those that networks are compared on."""
    order = sorted(prepared[-1]["train"] + prepared[-1]["validation"])
    assert len(order) == len(set(order))
    return [[order.index(x) for x in prepared[-1][p]] for p in ("train", "validation")]


@pytest.mark.parametrize("kind", [AgEBOClassifier, AgEBORegressor])
def test_no_group_is_on_two_sides(prepared, kind):
    X, y = numbered()
    groups = [f"patient {number // 6}" for number in range(60)]
    for seed in range(3):
        with pytest.raises(ValueError, match="enough"):
            kind(**{**TINY, "random_state": seed}).fit(X, y, groups=groups)
        train, validation = ({row // 6 for row in side} for side in sides(prepared))
        assert not train & validation and len(train) + len(validation) == 10


@pytest.mark.parametrize("kind", [AgEBOClassifier, AgEBORegressor])
def test_the_oldest_rows_train_by_one_column_of_times_or_several(prepared, kind):
    X, y = numbered()
    day = pd.date_range("2012-12-20", periods=60)[::-1]
    parts = pd.DataFrame({"year": day.year, "month": day.month_name(), "day": day.day})
    for times in (day, day.astype(str).tolist(), parts, parts.to_numpy(), -np.arange(60.0)):
        with pytest.raises(ValueError, match="enough"):
            kind(**TINY).fit(X, y, times=times)
        train, validation = sides(prepared)
        assert sorted(train) == list(range(15, 60)) and sorted(validation) == list(range(15))


def test_times_and_groups_both_hold(prepared):
    X, y = numbered()
    groups = np.arange(60) // 4
    with pytest.raises(ValueError, match="enough"):
        AgEBOClassifier(**TINY, validation_fraction=0.3).fit(X, y, groups=groups, times=X)
    train, validation = prepared[-1]["train"], prepared[-1]["validation"]
    assert len(train) == 40 and len(validation) == 18 and max(train) < min(validation)


@pytest.mark.parametrize(
    ("change", "times", "said"),
    [
        ({}, [1.0] * 60, "different time"),
        ({}, [1.0, None] * 30, "times is missing in 30 of 60 rows"),
        ({}, list(range(59)), "times has 59 elements"),
        ({}, ["soon", "late"] * 30, "times holds text such as 'soon'"),
        ({}, np.zeros((60, 0)), "times has no column"),
        ({"cv": [(range(20, 60), range(20))]}, list(range(60)), "newer"),
    ],
)
def test_times_that_decide_nothing_are_said_in_one_line(change, times, said):
    X, y = numbered()
    with pytest.raises(ValueError, match=said) as told:
        AgEBOClassifier(**TINY, **change).fit(X, y, times=times)
    assert "--" not in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("cv", "train", "validation"),
    [
        (TimeSeriesSplit(5), range(50), range(50, 60)),
        ([(range(5, 60), range(5))], range(5, 60), range(5)),
        (PredefinedSplit([-1] * 40 + [0] * 20), range(40), range(40, 60)),
        (KFold(3), range(40), range(40, 60)),
    ],
)
def test_the_rows_that_networks_are_compared_on_are_those_of_cv(prepared, cv, train, validation):
    X, y = numbered()
    with pytest.raises(ValueError, match="enough"):
        AgEBOClassifier(**TINY, cv=cv).fit(X, y)
    start = min(min(train), min(validation))
    found = [{row + start for row in side} for side in sides(prepared)]
    assert found == [set(train), set(validation)]


@pytest.mark.parametrize("size", [1, 2])
def test_labels_are_decided_as_the_model_says(size):
    frame, labels, _ = flights()
    settings = {**TINY, "max_evals": 2, "epochs": 10, "ensemble_size": size}
    # Not to find one that is late costs much, and "on time" is the second of the classes.
    classifier = AgEBOClassifier(**settings, cost=(50, 1)).fit(frame, labels)
    threshold = classifier.model_.description.threshold
    assert threshold > 0.5

    def decided(model, at):
        second = model.predict_proba(frame)[:, 1] >= at
        return np.array(model.classes_)[second.astype(int)].tolist()

    assert classifier.predict(frame).tolist() == decided(classifier, threshold)
    assert classifier.predict(frame).tolist() != decided(classifier, 0.5)
    scores = classifier.model_.description.scores["validation"]
    assert scores["accuracy"] > 0 and classifier.model_.description.training["decision"]["by"]
    probabilities = classifier.predict_proba(frame)
    some = float(np.quantile(probabilities[:, 1], 0.3))
    for model in (classifier.model_, pickle.loads(pickle.dumps(classifier)).model_):
        classifier.model_ = model.with_threshold(some)
        assert classifier.predict(frame).tolist() == decided(classifier, some)
        np.testing.assert_array_equal(classifier.predict_proba(frame), probabilities)
        assert classifier.model_.description.scores == {}
    classifier.model_ = classifier.model_.with_threshold(None)
    assert classifier.predict(frame).tolist() == decided(classifier, 0.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"threshold": 1.5}, "threshold is 1.5; give a number between 0 and 1"),
        ({"threshold": True}, "threshold is True"),
        ({"threshold": "roc_auc"}, "does not depend on one"),
        ({"threshold": "f1", "cost": (1, 2)}, "threshold and cost are both given"),
        ({"cost": 5}, "cost is 5; give two numbers"),
        ({"cost": (1, -2)}, "cost is 1,-2"),
        ({"cost": (1, 2), "include_validation": True}, "cost needs validation rows"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_before_the_search(monkeypatch, change, said):
    monkeypatch.setattr("agebo_hpc.interface.fitting._search", None)
    frame, labels, _ = flights(60)
    with pytest.raises(ValueError, match=said) as told:
        AgEBOClassifier(**{**TINY, **change}).fit(frame, labels)
    assert "--" not in str(told.value)


def test_a_threshold_is_for_two_classes(monkeypatch):
    monkeypatch.setattr("agebo_hpc.interface.fitting._search", None)
    frame, _, _ = flights(60)
    with pytest.raises(ValueError, match="threshold is for two classes"):
        AgEBOClassifier(**TINY, threshold=0.3).fit(frame, np.arange(60) % 3)
    with pytest.raises(TypeError, match="threshold"):
        AgEBORegressor(threshold=0.3)


def test_rows_count_as_their_weights_say():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    left, right = X[:, 0] > 0, X[:, 1] > 0
    # Two answers for each row: weights say which one counts.
    rows, y = np.vstack([X, X]), np.concatenate([left, right]).astype(int)
    weights = np.repeat([3.0, 0.1], 300)
    settings = {**TINY, "problem": SMALL, "epochs": 15, "cv": KFold(2, shuffle=True)}
    classifier = AgEBOClassifier(**settings).fit(rows, y, weights)
    assert (classifier.predict(X) == left).mean() > (classifier.predict(X) == right).mean() + 0.2
    with pytest.raises(ValueError, match="non-zero"):
        AgEBOClassifier(**TINY).fit(rows, y, np.zeros(600))
    with pytest.raises(ValueError, match="[Nn]egative"):
        AgEBORegressor(**TINY).fit(rows, y, -weights)


@pytest.mark.parametrize(
    ("change", "groups", "said"),
    [
        ({"cv": 1}, None, "cv is 1"),
        ({"cv": [(range(60), range(60))]}, None, "in two parts"),
        ({"cv": [([0, 1], [99])]}, None, "."),
        ({"cv": GroupKFold(2)}, None, "groups"),
        ({}, ["a"] * 59, "59"),
        ({}, ["a"] * 60, "group"),
        ({}, [None] * 30 + ["a"] * 30, "groups"),
        ({"cv": [(range(40), range(40, 60))]}, [0, 1] * 30, "group"),
    ],
)
def test_rows_that_cannot_be_divided_so_are_said_in_the_estimators_words(change, groups, said):
    X, y = numbered()
    with pytest.raises(ValueError, match=said) as told:
        AgEBOClassifier(**TINY, **change).fit(X, y, groups=groups)
    assert "--" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class_weight": {"tomorrow": 2.0}}, "class_weight has 'tomorrow'"),
        ({"class_weight": {"late": -1.0}}, "class_weight is 0=-1"),
        ({"metric": "r2"}, "metric.*r2"),
        ({"preset": "v9"}, "no preset 'v9'"),
        ({"problem": "nowhere.py:problem"}, "no problem file 'nowhere.py'"),
        ({"time_budget": "soon"}, "time_budget: 'soon' is not a duration"),
        ({"max_evals": 2.5}, "max_evals is 2.5; give a whole number"),
    ],
)
def test_a_value_that_is_not_allowed_is_said_of_the_parameter(change, said):
    frame, labels, _ = flights(60)
    with pytest.raises(ValueError, match=said) as told:
        AgEBOClassifier(**{**TINY, **change}).fit(frame, labels)
    assert "--" not in str(told.value)


def test_estimators_that_were_pickled_before_find_their_classes():
    text = pickle.dumps(AgEBOClassifier(max_evals=3), protocol=0)
    assert b"agebo_hpc.interface.estimators" in text
    before = text.replace(b"agebo_hpc.interface.estimators", b"agebo_hpc.models.estimators")
    assert isinstance(pickle.loads(before), AgEBOClassifier)


@pytest.mark.parametrize("estimator", [AgEBOClassifier, AgEBORegressor])
def test_an_estimator_of_before_has_the_defaults_of_parameters_that_came_after(estimator):
    now = estimator(max_evals=3)
    for lacking in (("cv",), ("threshold", "cost", "metric"), tuple(now.get_params())):
        before = estimator.__new__(estimator)
        state = {name: value for name, value in vars(now).items() if name not in lacking}
        before.__setstate__(state)
        expected = {**estimator().get_params(), **state}
        assert before.get_params() == expected
        assert pickle.loads(pickle.dumps(before)).get_params() == expected
        assert clone(before).get_params() == expected


@pytest.mark.parametrize(
    "change, said",
    [
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0"),
        ({"ensemble_size": 0}, "ensemble_size is 0"),
        ({"ensemble_size": 2, "include_validation": True}, "chosen on the validation rows"),
    ],
)
def test_a_parameter_out_of_range_is_named(change, said):
    frame, labels, _ = flights(60)
    with pytest.raises(ValueError, match=said):
        AgEBOClassifier(**{**TINY, **change}).fit(frame, labels)


@pytest.mark.mpi
def test_ranks_of_mpirun_search_together_and_all_have_the_model(mpirun, tmp_path):
    code = f"""
import sys
import numpy as np
from agebo_hpc import AgEBOClassifier
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
y = (X[:, 0] + X[:, 1] > 0).astype(int)
classifier = AgEBOClassifier(
    max_evals=3, epochs=8, preset="v1-small", processes=(2,), threads=1, objective="best",
    directory={str(tmp_path)!r}, random_state=3, data_parallel="mpi",
).fit(X, y)
from agebo_hpc.job.launcher import announced_rank
total = float(classifier.predict_proba(X)[:, 1].sum())
assert "horovod" not in sys.modules
print("rank", announced_rank(), classifier.score(X, y) > 0.7, total, flush=True)
"""
    done = mpirun(3, code, timeout=400)
    assert done.returncode == 0, done.stderr
    lines = sorted(line.split() for line in done.stdout.splitlines() if line.startswith("rank"))
    assert [line[1] for line in lines] == ["0", "1", "2"]
    assert {line[2] for line in lines} == {"True"} and len({line[3] for line in lines}) == 1


@pytest.fixture(scope="module")
def fitted():
    frame, labels, _ = flights()
    frame["empty"] = np.nan
    frame["never"] = pd.Series([None] * len(frame), dtype=object)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", lambda: SMALL)
        return AgEBOClassifier(**{**TINY, "epochs": 2}).fit(frame, labels), frame


def test_a_way_of_summing_gradients_that_there_is_not_is_named_as_the_parameter():
    frame, labels, _ = flights()
    with pytest.raises(ValueError, match="data_parallel is gloo") as told:
        AgEBOClassifier(**{**TINY, "data_parallel": "gloo"}).fit(frame, labels)
    assert "auto, horovod, mpi" in str(told.value) and "--" not in str(told.value)


def test_horovod_that_is_asked_for_and_not_there_is_said_in_the_estimators_words(monkeypatch):
    monkeypatch.setattr("agebo_hpc.training.ways.has_horovod", lambda: False)
    frame, labels, _ = flights()
    with pytest.raises(LaunchError, match="data_parallel is horovod, but Horovod") as told:
        AgEBOClassifier(**{**TINY, "data_parallel": "horovod"}).fit(frame, labels)
    assert "data_parallel mpi" in str(told.value) and "--" not in str(told.value)


def test_an_array_is_predicted_after_a_table_with_the_usual_warning(fitted):
    classifier, frame = fitted
    expected = classifier.predict_proba(frame)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        found = classifier.predict_proba(frame.to_numpy(dtype=object))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="features"):
        classifier.predict(frame.to_numpy(dtype=object)[:, :2])


def test_columns_without_a_value_in_a_fold_do_not_hinder(fitted):
    classifier, frame = fitted
    expected = classifier.predict_proba(frame)
    full = frame.assign(empty=1.0, never="x")
    np.testing.assert_array_equal(classifier.predict_proba(full), expected)
    assert "empty" not in classifier.model_.preprocessing.columns
    with pytest.raises(ValueError, match="X has no value in any column"):
        AgEBOClassifier(**TINY).fit(frame[["empty"]], np.arange(len(frame)) % 2)


def test_a_table_is_predicted_after_an_array_and_after_names_that_are_numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = (X[:, 0] > 0).astype(int)
    settings = {**TINY, "epochs": 2}
    by_array = AgEBOClassifier(**settings).fit(X, y)
    named = pd.DataFrame(X, columns=["a", "b"])
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        found = by_array.predict_proba(named)
    np.testing.assert_array_equal(found, by_array.predict_proba(X))
    numbered = AgEBOClassifier(**settings).fit(pd.DataFrame(X), y)
    np.testing.assert_array_equal(
        numbered.predict_proba(X), numbered.predict_proba(pd.DataFrame(X))
    )


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"epochs": 0}, "epochs"),
        ({"processes": (0,)}, "processes"),
        ({"max_evals": 0}, "max_evals"),
        ({"threads": 0}, "threads"),
        ({"method": "guess"}, "method"),
    ],
)
def test_messages_name_parameters_and_no_option(change, parameter):
    frame, labels, _ = flights(60)
    with pytest.raises(ValueError, match=parameter) as caught:
        AgEBOClassifier(**{**TINY, **change}).fit(frame, labels)
    assert "--" not in str(caught.value)


def test_messages_about_cells_do_not_speak_of_options():
    frame, labels, minutes = flights(60)
    mixed = frame.assign(mixed=["1"] * 58 + ["x", "y"])
    with pytest.raises(ValueError, match="'mixed'") as caught:
        AgEBOClassifier(**TINY).fit(mixed, labels)
    assert "--" not in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="^y ") as caught:
        AgEBORegressor(**TINY).fit(frame, np.full(60, 3.0))
    assert "--" not in str(caught.value)
