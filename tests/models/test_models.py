"""Models as directories: trained again as the search did, saved whole, loaded anywhere."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from made_run import DECISIONS, RECIPE, SEED, make_run
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)

from agebo_hpc import directories
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.splits import PARTS
from agebo_hpc.errors import DataError, InputMissingError, UsageError
from agebo_hpc.models.best_of_many import optimism_text
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.choice import RetrainOptions, choose, open_data
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.models.retraining import make_plan, retrain
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, evaluate_rows, train_network
from agebo_hpc.training.network import forward


def table(rows=600, classes=3, seed=5):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["place"] = rng.choice(["north", "south", "east"], rows)
    score = frame["a"] * 2 + (frame["place"] == "north") + rng.normal(0, 0.3, rows)
    frame["kind"] = pd.qcut(score, classes, labels=[f"k{i}" for i in range(classes)]).astype(str)
    frame["price"] = 1000 + 50 * score
    return frame


def data_set(path, target, drop, **changes):
    options = PrepareOptions(drop=[drop], **changes)
    return prepare_dataset(table(), target, path, options)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return data_set(tmp_path_factory.mktemp("data") / "kinds.h5", "kind", "price")


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    return data_set(tmp_path_factory.mktemp("data") / "prices.h5", "price", "kind")


def trained_by_the_search(dataset, chosen):
    plan = make_plan(chosen, dataset, RetrainOptions())
    rows = [Rows.of(part.x, part.y) for part in (dataset.train, dataset.validation)]
    return plan, train_network(plan, *rows, SingleProcess())


@pytest.fixture(scope="module")
def chosen(classes, tmp_path_factory):
    return choose(make_run(tmp_path_factory.mktemp("runs") / "run", classes, [0.5, None, 0.7]))


@pytest.fixture(scope="module")
def model(chosen, classes):
    return retrain(chosen, classes, RetrainOptions())


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "model"
    save_model(model, out)
    return out


def test_the_best_is_the_largest_objective_and_of_equal_ones_the_earlier(classes, tmp_path):
    run = make_run(tmp_path / "run", classes, [0.5, 0.9, None, 0.9, 0.7])
    assert [choose(run, rank).result.id for rank in (1, 2, 3, 4)] == [1, 3, 4, 0]


def test_a_rank_beyond_the_finished_evaluations_is_refused_with_their_number(classes, tmp_path):
    run = make_run(tmp_path / "run", classes, [0.5, None])
    with pytest.raises(UsageError, match=r"--rank is 2.* has 1 finished evaluation; give 1 to 1"):
        choose(run, 2)


def test_a_run_without_a_finished_evaluation_is_refused(classes, tmp_path):
    run = make_run(tmp_path / "run", classes, [None])
    with pytest.raises(UsageError, match="no finished evaluation"):
        choose(run)


def test_retraining_gives_the_network_of_the_search_again(chosen, classes, model):
    plan, trained = trained_by_the_search(classes, chosen)
    assert (plan.seed, plan.evaluation_id) == (SEED, 2)
    assert model.description.scores["validation"]["accuracy"] == trained.outcome.objective
    weights = np.concatenate([w.ravel() for w in model.network.get_weights()])
    np.testing.assert_array_equal(weights, trained.parameters)


def test_a_loaded_model_computes_what_the_trained_network_does(chosen, classes, saved):
    plan, trained = trained_by_the_search(classes, chosen)
    x = np.asarray(classes.test.x)
    logits = forward(plan.graph, tf.constant(trained.parameters), tf.constant(x))
    outputs = load_model(saved).outputs(x)
    np.testing.assert_allclose(outputs.raw, logits, atol=1e-6)
    np.testing.assert_allclose(outputs.probabilities, tf.nn.softmax(logits), atol=1e-6)


def test_keras_alone_gives_the_same_probabilities(classes, saved):
    x = np.asarray(classes.test.x)
    alone = tf.keras.models.load_model(saved / "network.keras")(x)
    np.testing.assert_allclose(alone, load_model(saved).outputs(x).probabilities, atol=1e-6)


def test_scores_of_classes_are_those_of_scikit_learn_and_of_the_search(chosen, classes, model):
    plan, trained = trained_by_the_search(classes, chosen)
    rows = Rows.of(classes.test.x, classes.test.y)
    expected = evaluate_rows(plan.graph, trained.parameters, plan.task, rows)
    scores = evaluate_model(model, classes, "test").scores
    assert scores["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert scores["accuracy"] == expected["accuracy"]
    probabilities = model.outputs(np.asarray(classes.test.x)).probabilities.astype(np.float64)
    y, predicted = classes.test.y, probabilities.argmax(axis=1)
    assert scores["accuracy"] == accuracy_score(y, predicted) > 0.5
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, predicted))
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    assert scores["roc_auc"] == pytest.approx(roc_auc_score(y, shares, multi_class="ovr"))


def test_each_score_lies_in_its_interval_and_the_description_keeps_both(model):
    scores = model.description.scores
    for part in ("validation", "test"):
        intervals = scores["intervals"][part]
        assert {"accuracy", "loss", "roc_auc"} <= set(intervals)
        for name, (low, high) in intervals.items():
            is_gap = name == "calibration_error"
            assert low < high and (is_gap or low < scores[part][name] < high), name


def test_a_model_tells_what_its_validation_score_owes_to_the_choice(chosen, model):
    told = model.description.scores["optimism"]
    scores = model.description.scores
    assert told["chosen_among"] == len(chosen.objectives) == 2
    assert told["gap"] == pytest.approx(
        scores["validation"]["accuracy"] - scores["test"]["accuracy"]
    )
    assert told["gap_interval"][0] < told["gap"] < told["gap_interval"][1]
    assert 0 <= told["at_most"] < 0.05
    text = optimism_text(model.description)
    assert "one of the best of 2 evaluations" in text and "no choice has seen" in text


@pytest.mark.parametrize("metric", ["f1_macro", "roc_auc_ovo", "matthews_corrcoef", "brier"])
def test_a_further_metric_has_an_interval_too(model, classes, metric):
    done = evaluate_model(model, classes, "test", [metric])
    [name] = set(done.scores) - set(evaluate_model(model, classes, "test").scores)
    low, high = done.intervals[name]
    assert low < done.scores[name] < high


def test_scores_of_a_regression_are_in_the_original_unit(prices, tmp_path):
    chosen = choose(make_run(tmp_path / "run", prices, [0.5]))
    model = retrain(chosen, prices, RetrainOptions(epochs=12))
    scores = evaluate_model(model, prices, "test").scores
    predicted = model.outputs(np.asarray(prices.test.x)).raw[:, 0]
    truth, values = map(prices.preprocessing.decode_target, (prices.test.y, predicted))
    assert scores["r2"] == pytest.approx(r2_score(truth, values)) and scores["r2"] > 0.5
    assert scores["mae"] == pytest.approx(mean_absolute_error(truth, values))
    assert 1 < scores["mae"] < 100
    assert scores["mse"] == pytest.approx(float(np.mean((truth - values) ** 2)))


def test_more_epochs_keep_the_warm_up(chosen, classes):
    recipe = make_plan(chosen, classes, RetrainOptions(epochs=9)).recipe
    assert recipe == replace(RECIPE, epochs=9)


def test_training_with_the_validation_rows_uses_them_and_gives_no_validation_score(
    chosen, classes, model
):
    both = retrain(chosen, classes, RetrainOptions(include_validation=True))
    assert set(both.description.scores) == {"test", "rows_per_second", "intervals"}
    assert set(both.description.scores["intervals"]) == {"test"}
    assert both.description.training["recipe"]["plateau_patience"] == 0
    assert not any("validation" in name for name in both.description.training["curve"][0])
    rates = [entry["learning_rate"] for entry in both.description.training["curve"]]
    assert rates[-1] == pytest.approx(0.01)
    first, second = both.network.get_weights()[0], model.network.get_weights()[0]
    assert not np.array_equal(first, second)
    assert evaluate_model(both, classes, "validation").trained_on
    assert not evaluate_model(model, classes, "validation").trained_on


def test_training_with_all_rows_leaves_no_score(chosen, classes, model):
    everything = retrain(chosen, classes, RetrainOptions(all_rows=True))
    assert set(everything.description.scores) == {"rows_per_second"}
    assert everything.description.training["all_rows"] is True
    assert not any("validation" in name for name in everything.description.training["curve"][0])
    for part in PARTS:
        assert evaluate_model(everything, classes, part).trained_on
    both = retrain(chosen, classes, RetrainOptions(include_validation=True))
    first, second = everything.network.get_weights()[0], both.network.get_weights()[0]
    assert not np.array_equal(first, second)
    assert not evaluate_model(both, classes, "test").trained_on
    with pytest.raises(UsageError, match="--all-rows leaves none"):
        RetrainOptions(all_rows=True, seeds=(1, 2))


def test_without_a_test_part_the_scores_are_those_of_validation(tmp_path):
    data = data_set(tmp_path / "d.h5", "kind", "price", split=(0.7, 0.3, 0))
    found = choose(make_run(tmp_path / "run", data, [0.5]))
    made = retrain(found, data, RetrainOptions(seeds=(1, 2)))
    assert set(made.description.scores) == {"validation", "rows_per_second", "intervals"}
    assert evaluate_model(made, data, "validation").rows == data.num_rows["validation"]
    with pytest.raises(DataError, match="no rows in its test part"):
        evaluate_model(made, data)
    for options in (RetrainOptions(include_validation=True), RetrainOptions(all_rows=True)):
        assert set(retrain(found, data, options).description.scores) == {"rows_per_second"}


def test_a_network_that_learns_groups_by_heart_is_at_chance_in_new_ones(tmp_path):
    """The ward, one of each patient, is a mean of the target: it tells all of known patients."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(200), 10)
    ill = (rng.permutation(200) % 2)[patient]
    frame = pd.DataFrame({"ward": [f"w{p}" for p in patient], "x": rng.normal(size=2000)})
    frame = frame.assign(patient=patient, ill=np.where(ill == 1, "yes", "no"))
    found = {}
    for name, options in {"leak": {"drop": ["patient"]}, "kept": {"group": "patient"}}.items():
        data = prepare_dataset(frame, "ill", tmp_path / f"{name}.h5", PrepareOptions(**options))
        chosen = choose(make_run(tmp_path / name, data, [0.5]))
        made = retrain(chosen, data, RetrainOptions())
        found[name] = [made.description.scores[part]["accuracy"] for part in PARTS[1:]]
    assert min(found["leak"]) > 0.95
    assert min(found["kept"]) > 0.35 and max(found["kept"]) < 0.65


def test_another_seed_gives_another_network(chosen, classes, model):
    other = retrain(chosen, classes, RetrainOptions(seed=SEED + 1))
    assert not np.array_equal(other.network.get_weights()[0], model.network.get_weights()[0])


def test_a_configuration_found_with_n_processes_keeps_its_global_batch(classes, tmp_path):
    chosen = choose(make_run(tmp_path / "run", classes, [0.5], n=2))
    curve = retrain(chosen, classes, RetrainOptions()).description.training["curve"]
    assert max(entry["learning_rate"] for entry in curve) == pytest.approx(2 * 0.01)


def test_a_description_says_where_the_model_is_from(classes, chosen, saved):
    text = json.loads((saved / "model.json").read_text())
    assert (text["format"], text["format_version"]) == ("agebo_hpc-model", 2)
    assert text["provenance"]["evaluation_id"] == 2 and text["provenance"]["rank"] == 1
    assert text["provenance"]["run"] == str(chosen.run)
    assert text["data"]["fingerprint"] == classes.fingerprint
    assert text["schema"]["class_labels"] == ["k0", "k1", "k2"]
    assert tuple(text["configuration"]["architecture"]) == DECISIONS
    assert text["scores"]["rows_per_second"] > 0


def test_a_model_is_used_without_mpi_and_horovod(saved, tmp_path):
    table().drop(columns=["kind", "price"]).head(5).to_csv(tmp_path / "in.csv", index=False)
    code = f"""
import sys
for name in ("mpi4py", "horovod"):
    sys.modules[name] = None  # importing it raises
from agebo_hpc.models.best_of_many import optimism_text
from agebo_hpc.models.bundle import load_model
from agebo_hpc.models.prediction import predict_file
model = load_model({str(saved)!r})
print(predict_file(model, {str(tmp_path / "in.csv")!r}, {str(tmp_path / "out.csv")!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "5"
    assert "failed" not in done.stderr  # TensorFlow's own complaints
    assert len(pd.read_csv(tmp_path / "out.csv")) == 5


def test_a_place_that_is_taken_is_refused_and_replaced_only_with_force(model, saved, tmp_path):
    out = tmp_path / "model"
    save_model(model, out)
    (out / "network.keras").write_bytes(b"old")
    with pytest.raises(UsageError, match="exists; give another path, or --force"):
        save_model(model, out)
    assert (out / "network.keras").read_bytes() == b"old"
    save_model(model, out, force=True)
    assert load_model(out).class_labels == ("k0", "k1", "k2")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_directory_that_is_no_model_is_not_replaced_even_with_force(model, tmp_path):
    out = tmp_path / "photographs"
    out.mkdir()
    (out / "cat.png").write_bytes(b"cat")
    with pytest.raises(UsageError, match="is not a model"):
        save_model(model, out, force=True)
    assert (out / "cat.png").read_bytes() == b"cat"


def test_a_write_that_fails_leaves_the_old_model_and_no_pieces(model, tmp_path, monkeypatch):
    out = tmp_path / "model"
    save_model(model, out)
    before = (out / "model.json").read_bytes()

    def no_room(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(directories, "_sync_tree", no_room)
    with pytest.raises(UsageError, match="No space left"):
        save_model(model, out, force=True)
    assert (out / "model.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.fixture
def copy(saved, tmp_path):
    out = tmp_path / "copy"
    out.mkdir()
    for file in saved.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    return out


def test_a_flipped_bit_in_the_network_is_noticed(copy):
    data = bytearray((copy / "network.keras").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "network.keras").write_bytes(data)
    with pytest.raises(DataError, match="network.keras is damaged"):
        load_model(copy)


def test_a_changed_number_in_the_description_is_noticed(copy):
    text = (copy / "model.json").read_text()
    (copy / "model.json").write_text(text.replace('"seed": 11', '"seed": 12', 1))
    with pytest.raises(DataError, match="is damaged"):
        load_model(copy)


def test_a_cut_description_is_noticed(copy):
    text = (copy / "model.json").read_text()
    (copy / "model.json").write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        load_model(copy)


def test_a_model_without_its_network_is_damaged(copy):
    (copy / "network.keras").unlink()
    with pytest.raises(DataError, match="network.keras is damaged"):
        load_model(copy)


def test_a_newer_format_is_named_with_the_version_it_has(copy):
    content = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**content, "format_version": 5}))
    with pytest.raises(DataError, match="format version 5; this program reads up to 4"):
        load_model(copy)


def test_what_is_no_model_is_refused(tmp_path, classes):
    with pytest.raises(InputMissingError, match="no model"):
        load_model(tmp_path / "nothing")
    with pytest.raises(InputMissingError, match="is not a model"):
        load_model(tmp_path)
    with pytest.raises(InputMissingError, match="is not a model"):
        load_model(classes.path)


def test_data_prepared_from_other_rows_does_not_fit(model, tmp_path):
    other = data_set(tmp_path / "other.h5", "kind", "price", seed=1)
    with pytest.raises(
        DataError, match="its preprocessing of 'a', 'b', 'c'.* was fitted to other"
    ):
        evaluate_model(model, other)


def test_data_with_other_columns_does_not_fit(model, tmp_path):
    frame = table().drop(columns=["price", "b"]).assign(extra=np.arange(600) % 7)
    other = prepare_dataset(frame, "kind", tmp_path / "other.h5")
    with pytest.raises(DataError, match="lacks the columns 'b' and it has the columns 'extra'"):
        evaluate_model(model, other)


def test_data_with_other_labels_or_another_task_does_not_fit(model, prices, tmp_path):
    frame = table().drop(columns="price").replace({"kind": {"k0": "z"}})
    other = prepare_dataset(frame, "kind", tmp_path / "other.h5")
    with pytest.raises(DataError, match="its class labels are 'k1', 'k2', 'z'"):
        evaluate_model(model, other)
    with pytest.raises(DataError, match="it is a regression, the model a classification"):
        evaluate_model(model, prices)


def test_the_same_data_elsewhere_fits(model, classes, tmp_path):
    (tmp_path / "moved.h5").write_bytes(classes.path.read_bytes())
    done = evaluate_model(model, open_dataset(tmp_path / "moved.h5"))
    assert done.same_data and done.scores == model.description.scores["test"]


def test_retraining_on_data_that_was_prepared_anew_is_refused(chosen, tmp_path):
    other = data_set(tmp_path / "other.h5", "kind", "price", seed=1)
    with pytest.raises(DataError, match="fingerprint"):
        open_data(chosen, other.path)


def test_data_that_was_moved_is_asked_for(classes, chosen, tmp_path):
    problem = {**chosen.problem, "data": str(tmp_path / "gone.h5")}
    moved = replace(chosen, problem=problem)
    with pytest.raises(InputMissingError, match=r"gone\.h5.*if it was moved, give it with --data"):
        open_data(moved)
    assert open_data(moved, classes.path).fingerprint == classes.fingerprint


@pytest.mark.parametrize("change", [{"rank": 0}, {"epochs": 0}, {"seed": -1}])
def test_an_option_out_of_range_is_refused_with_its_value(change):
    with pytest.raises(UsageError, match=str(next(iter(change.values())))):
        RetrainOptions(**change)


def test_mistakes_can_be_told_before_tensorflow_is_loaded():
    modules = ("choice", "description", "fit", "places", "prediction")
    names = ", ".join(f"agebo_hpc.models.{name}" for name in modules)
    code = f"import {names}, sys; print('tensorflow' in sys.modules, 'mpi4py' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"], done.stderr
