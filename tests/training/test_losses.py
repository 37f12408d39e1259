"""Losses are Keras's own; class weights change training only."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.recipe import LOG_LINK, LOSSES, Recipe
from agebo_hpc.training.losses import ROW_LOSSES
from agebo_hpc.training.metrics import make_task

KERAS = {
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
}


def real_rows(seed=0):
    """Targets as they are prepared, one of them 0; outputs near and far, of both signs."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=60).astype(np.float32)
    y[3] = 0
    outputs = (y + rng.normal(0, 2, 60)).astype(np.float32)[:, None]
    return tf.constant(outputs), tf.constant(y)


@pytest.mark.parametrize("name", LOSSES["regression"])
def test_losses_and_their_gradients_are_those_of_keras(name):
    outputs, y = real_rows()
    keras = getattr(tf.keras.losses, KERAS[name])(reduction=None)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(outputs)
        ours = ROW_LOSSES[name](outputs, y)
        theirs = keras(y[:, None], outputs)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=1e-6)
    slopes = [tape.gradient(loss, outputs).numpy() for loss in (ours, theirs)]
    np.testing.assert_allclose(*slopes, rtol=2e-5, atol=1e-6)


def test_cross_entropy_is_that_of_keras():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(40, 3)).astype(np.float32)
    labels = rng.integers(0, 3, 40).astype(np.int32)
    expected = tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    found = ROW_LOSSES["cross_entropy"](tf.constant(logits), tf.constant(labels))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)


def test_every_loss_that_a_recipe_may_name_is_there():
    assert {*LOSSES["classification"], *LOSSES["regression"], *LOG_LINK} == set(ROW_LOSSES)


def test_class_weights_multiply_the_losses_of_training_and_of_nothing_else():
    rng = np.random.default_rng(2)
    logits = tf.constant(rng.normal(size=(50, 2)).astype(np.float32))
    labels = tf.constant(rng.integers(0, 2, 50).astype(np.int32))
    plain = make_task("classification")
    heavy = make_task("classification", class_weights=(0.52, 13.87))
    factors = np.where(labels.numpy() == 1, 13.87, 0.52)
    np.testing.assert_allclose(
        heavy.losses(logits, labels), factors * plain.losses(logits, labels), rtol=1e-6
    )
    np.testing.assert_array_equal(heavy.sums(logits, labels), plain.sums(logits, labels))


def test_r2_does_not_depend_on_the_loss():
    outputs, y = real_rows()
    found = []
    for name in LOSSES["regression"]:
        task = make_task("regression", 1, Recipe(loss=name))
        sums = task.sums(outputs, y).numpy()
        assert sums[0] == pytest.approx(float(tf.reduce_sum(task.losses(outputs, y))), rel=1e-5)
        found.append(task.metric_from_sums(sums, 60))
    expected = 1 - np.sum((outputs[:, 0] - y) ** 2) / np.sum((y - np.mean(y)) ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def class_rows(members=()):
    rng = np.random.default_rng(1)
    outputs = rng.normal(0, 3, (50, *members, 4)).astype(np.float32)
    return tf.constant(outputs), tf.constant(rng.integers(0, 4, 50).astype(np.int32))


def test_smoothed_labels_are_those_of_keras_and_the_validation_loss_has_none():
    outputs, y = class_rows()
    task = make_task("classification", 4, Recipe(label_smoothing=0.1))
    keras = tf.keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction=None
    )
    expected = keras(tf.one_hot(y, 4), outputs)
    np.testing.assert_allclose(task.losses(outputs, y).numpy(), expected.numpy(), rtol=1e-5)
    plain = make_task("classification", 4).sums(outputs, y)[0]
    assert float(task.sums(outputs, y)[0]) == float(plain)


def test_the_labels_of_a_regression_cannot_be_smoothed():
    with pytest.raises(ConfigurationError, match=r"label_smoothing is 0\.1"):
        make_task("regression", 1, Recipe(label_smoothing=0.1))


@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 0.5, 3.0)])
def test_the_loss_of_several_members_is_the_mean_of_theirs(weights):
    outputs, y = class_rows(members=(3,))
    task = make_task("classification", 4, Recipe(label_smoothing=0.2), weights)
    each = [task.losses(outputs[:, member], y).numpy() for member in range(3)]
    found = task.losses(outputs, y).numpy()
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES["regression"])
def test_so_it_is_for_numbers(name):
    rng = np.random.default_rng(2)
    outputs = tf.constant(rng.normal(size=(50, 2, 1)).astype(np.float32))
    y = tf.constant(rng.normal(size=50).astype(np.float32))
    losses = make_task("regression", 1, Recipe(loss=name)).losses
    each = [losses(outputs[:, member], y).numpy() for member in range(2)]
    np.testing.assert_allclose(losses(outputs, y).numpy(), np.mean(each, axis=0), rtol=1e-5)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_quantile_losses_are_pinball_losses_and_have_the_quantile_as_their_least(quantile):
    outputs, y = real_rows()
    task = make_task("regression", 1, Recipe(loss=f"quantile:{quantile}"))
    expected = mean_pinball_loss(y.numpy(), outputs[:, 0].numpy(), alpha=quantile)
    assert float(tf.reduce_mean(task.losses(outputs, y))) == pytest.approx(expected, rel=1e-5)
    numbers = tf.constant(np.linspace(-3, 3, 601, dtype=np.float32))
    means = [float(tf.reduce_mean(task.losses(tf.fill((60, 1), n), y))) for n in numbers]
    least = float(numbers[int(np.argmin(means))])
    assert np.mean(y.numpy() <= least + 0.01) == pytest.approx(quantile, abs=0.02)


@pytest.mark.parametrize(
    ("metric", "loss"),
    [
        ("auto", "mse"),
        ("r2", "mse"),
        ("rmse", "mse"),
        ("mae", "mae"),
        ("neg_median_absolute_error", "mae"),
        ("mape", "mae"),
        ("pinball:0.9", "quantile:0.9"),
        ("neg_pinball:.05", "quantile:0.05"),
    ],
)
def test_the_loss_matches_the_metric_unless_it_is_given(metric, loss):
    assert Recipe(metric=metric).loss_of("regression") == loss
    assert Recipe(metric=metric, loss="huber").loss_of("regression") == "huber"


@pytest.mark.parametrize(
    "loss", ["quantile", "quantile:0", "quantile:1.0", "quantile:x", "hubert"]
)
def test_a_loss_that_does_not_exist_is_refused(loss):
    with pytest.raises(ConfigurationError, match=f"loss is '{loss}'"):
        Recipe(loss=loss)


def test_classes_have_no_quantiles():
    with pytest.raises(ConfigurationError, match="loss is 'quantile:0.5', but .* classification"):
        Recipe(loss="quantile:0.5").loss_of("classification")


def test_losses_of_rates_are_scikit_learns_deviances_and_their_gradients_finite():
    rng = np.random.default_rng(3)
    for name, deviance in (("poisson", mean_poisson_deviance), ("gamma", mean_gamma_deviance)):
        rates = np.exp(rng.normal(size=60))
        y = rng.poisson(rates).astype(float) if name == "poisson" else rng.gamma(2, rates)
        with np.errstate(divide="ignore"):
            logs = np.maximum(np.log(y), -100).astype(np.float32)
        outputs = tf.constant(rng.normal(size=(60, 1)).astype(np.float32))
        task = make_task("regression", 1, Recipe(loss=name))
        found = float(tf.reduce_mean(task.losses(outputs, tf.constant(logs))))
        expected = deviance(y, np.exp(outputs.numpy()[:, 0].astype(float)))
        assert found == pytest.approx(expected, rel=1e-5)
        far = tf.constant([[-80.0], [80.0]])
        with tf.GradientTape() as tape:
            tape.watch(far)
            losses = task.losses(far, tf.constant(logs[:2]))
        assert np.isfinite(losses).all()
        assert np.isfinite(tape.gradient(losses, far)).all()
