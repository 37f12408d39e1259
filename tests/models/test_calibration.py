"""One temperature: what it does to the probabilities, and where it stands."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from made_run import RECIPE, make_run
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from agebo_hpc.data.dataset import Part
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import UsageError
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.calibration import calibrate
from agebo_hpc.models.choice import RetrainOptions, check_calibration, choose
from agebo_hpc.models.retraining import retrain
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.training.network import forward, initial_parameters


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(500, 8)), columns=list("abcdefgh"))
    score = frame["a"] + rng.normal(0, 1.0, 500)
    frame["kind"] = pd.qcut(score, 3, labels=["low", "middle", "high"]).astype(str)
    path = tmp_path_factory.mktemp("data") / "d.h5"
    return prepare_dataset(frame, "kind", path, PrepareOptions())


@pytest.fixture(scope="module")
def pair(dataset, tmp_path_factory):
    """A network that has learnt its rows by heart, as it is and calibrated."""
    run = tmp_path_factory.mktemp("runs") / "run"
    chosen = choose(make_run(run, dataset, [0.5], recipe=replace(RECIPE, epochs=40)))
    return [retrain(chosen, dataset, RetrainOptions(calibrate=c)) for c in (False, True)]


def losses(logits, y, temperature=1.0):
    shares = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return -shares[np.arange(len(y)), y].mean()


def test_the_temperature_is_the_one_that_makes_the_validation_loss_least(pair, dataset):
    plain, calibrated = pair
    told = calibrated.description.training["calibration"]
    y = dataset.validation.y
    logits = plain.outputs(np.asarray(dataset.validation.x)).raw
    best = minimize_scalar(lambda t: losses(logits, y, t), bounds=(0.05, 20), method="bounded")
    assert told["temperature"] == pytest.approx(best.x, rel=1e-2) and best.x > 1.2
    assert told["before"]["log_loss"] == pytest.approx(losses(logits, y), rel=1e-4)
    assert told["after"]["log_loss"] == pytest.approx(best.fun, rel=1e-4)
    assert told["after"]["log_loss"] < told["before"]["log_loss"] - 0.02
    for model, when in ((plain, "before"), (calibrated, "after")):
        scores = model.description.scores["validation"]
        error = pytest.approx(scores["calibration_error"], abs=1e-4)
        assert told[when]["calibration_error"] == error
    assert "calibration" not in plain.description.training


def test_the_network_itself_gives_the_calibrated_probabilities(pair, dataset, tmp_path):
    plain, calibrated = pair
    temperature = calibrated.description.training["calibration"]["temperature"]
    x = np.asarray(dataset.test.x)
    expected = tf.nn.softmax(plain.outputs(x).raw / temperature)
    np.testing.assert_allclose(calibrated.outputs(x).probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(
        calibrated.outputs(x).raw.argmax(axis=1), plain.outputs(x).raw.argmax(axis=1)
    )
    save_model(calibrated, tmp_path / "m")
    alone = tf.keras.models.load_model(tmp_path / "m" / "network.keras")(x)
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    again = load_model(tmp_path / "m").description
    assert again.training["calibration"] == calibrated.description.training["calibration"]
    after = calibrated.description.training["calibration"]["after"]["log_loss"]
    assert again.scores["validation"]["loss"] == pytest.approx(after, rel=1e-4)


@pytest.mark.parametrize("members", [1, 4])
def test_every_member_of_a_network_is_divided(members):
    space = ArchitectureSpace(num_nodes=1, members=(members,))
    decisions = space.of_layers([(16, "relu")], members=members)
    graph = space.decode(decisions, 4, 3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    y = rng.integers(0, 3, 400).astype(np.int32)
    parameters = initial_parameters(graph, rng)
    loud = parameters * np.float32(1.5)
    changed, told = calibrate(graph, loud, Part(x, y))
    # The labels are drawn at random: nothing is known of them.
    assert told.temperature > 2 and told.after.log_loss < told.before.log_loss
    logits = forward(graph, tf.constant(changed), x).numpy()
    assert losses(logits, y) == pytest.approx(told.after.log_loss, rel=1e-4)


def test_rows_without_weight_are_not_looked_at(dataset):
    graph = ArchitectureSpace(num_nodes=1).decode((8, 1), 8, 3)
    parameters = initial_parameters(graph, np.random.default_rng(0))
    x, y = np.asarray(dataset.validation.x), np.asarray(dataset.validation.y)
    counted = (np.arange(len(y)) < 50).astype(np.float32)
    _, some = calibrate(graph, parameters, Part(x, y, weights=counted))
    _, first = calibrate(graph, parameters, Part(x[:50], y[:50]))
    assert some.temperature == pytest.approx(first.temperature, rel=1e-2)
    assert some.after.log_loss == pytest.approx(first.after.log_loss, rel=1e-5)


@pytest.mark.parametrize("other", [{"include_validation": True}, {"all_rows": True}, {"folds": 3}])
def test_rows_that_are_trained_on_calibrate_nothing(other):
    with pytest.raises(UsageError, match="--calibrate needs validation rows"):
        RetrainOptions(calibrate=True, **other)


def test_numbers_have_no_probabilities(dataset, tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "y"])
    numbers = prepare_dataset(frame, "y", tmp_path / "d.h5", PrepareOptions())
    check_calibration(RetrainOptions(calibrate=True), dataset)
    check_calibration(RetrainOptions(), numbers)
    with pytest.raises(UsageError, match="is a regression"):
        check_calibration(RetrainOptions(calibrate=True), numbers)
