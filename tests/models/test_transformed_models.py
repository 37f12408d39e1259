"""Models whose networks learn a transformed target: all that a user sees is in the own unit."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_run import RECIPE, make_run
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance, r2_score

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.models.bundle import load_model, save_model
from agebo_hpc.models.choice import RetrainOptions, choose, open_data
from agebo_hpc.models.ensemble import make_ensemble, train_candidates
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.models.explanation import explain
from agebo_hpc.models.export import export_model
from agebo_hpc.models.folds import make_folds, make_model_of_folds, train_folds
from agebo_hpc.models.retraining import retrain, train_seeds

RECIPES = {
    "log": {"target_transform": "log"},
    "quantile": {"target_transform": "quantile", "loss": "quantile:0.8"},
    "none": {"target_transform": "none", "loss": "huber"},
    "poisson": {"loss": "poisson", "metric": "mean_poisson_deviance"},
}


def table(rows=500):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    mean = np.exp(0.8 * frame["a"] - 0.5 * frame["b"])
    frame["visits"] = rng.poisson(mean)
    frame["w"] = rng.integers(1, 4, rows)
    return frame


def few(*kinds):
    """Give a test these recipes alone."""
    return pytest.mark.parametrize("searched", kinds, indirect=True)


@pytest.fixture(params=list(RECIPES))
def searched(request, tmp_path):
    options = PrepareOptions(task="regression", drop=["w"])
    dataset = prepare_dataset(table(), "visits", tmp_path / "d.h5", options)
    run = make_run(
        tmp_path / "run",
        dataset,
        [0.5, 0.4],
        recipe=dataclasses.replace(RECIPE, **RECIPES[request.param]),
    )
    return choose(run), dataset, request.param


def test_scores_and_predictions_are_in_the_users_unit_everywhere(searched, tmp_path):
    chosen, stored, kind = searched
    dataset = open_data(chosen)
    [training] = train_seeds(chosen, dataset, RetrainOptions())
    model = retrain(chosen, dataset, RetrainOptions())
    save_model(model, tmp_path / "model")
    model = load_model(tmp_path / "model")
    # The data set as it was prepared: the model knows how its network learnt the target.
    done = evaluate_model(model, stored, "validation", ("mean_poisson_deviance",))
    part, decode = stored.validation, stored.decode
    predicted = model.tabulate(model.outputs(np.asarray(part.x)), pd.RangeIndex(len(part.y)))
    values, truth = predicted["prediction"].to_numpy(), np.round(decode(part.y))
    kept = np.maximum(values, 1e-9)
    expected = {
        "r2": r2_score(truth, values),
        "mae": mean_absolute_error(truth, values),
        "mean_poisson_deviance": mean_poisson_deviance(truth, kept),
        "loss": np.mean((truth - values) ** 2) / stored.preprocessing.target.scale**2,
    }
    # Its counts have zeros.
    with pytest.raises(ConfigurationError, match="mean_gamma_deviance, but the target .* to 0;"):
        evaluate_model(model, stored, "validation", ("mean_gamma_deviance",))
    found = {name: done.scores[name] for name in expected}
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    objective = training.trained.outcome.objective
    own = -found["mean_poisson_deviance"] if kind == "poisson" else found["r2"]
    assert objective == pytest.approx(own, rel=1e-5)
    assert set(done.intervals) >= {"mae", "mse"}
    low, high = done.intervals["mae"]
    assert low < found["mae"] < high
    if kind == "poisson":
        assert (values > 0).all()
        # It is the loss of the search, in units of the mean.
        losses = training.trained.outcome.curve[-1]["validation_loss"]
        mean = np.round(decode(stored.train.y)).mean()
        assert losses * mean == pytest.approx(found["mean_poisson_deviance"], rel=1e-4)
    residuals = explain(model, stored, "r2").residuals
    assert np.abs(residuals["true"] - residuals["true"].round()).max() < 1e-4


@few("log", "quantile")
def test_exports_give_what_the_model_predicts(searched, tmp_path):
    chosen, _, _ = searched
    model = retrain(chosen, open_data(chosen), RetrainOptions())
    frame = table().head(50)
    expected = model.predict(frame)["prediction"].to_numpy()
    for kind, out in (("keras", "m.keras"), ("onnx", "m.onnx")):
        export_model(model, kind, tmp_path / out)
    from onnxruntime import InferenceSession

    inputs = {c: frame[[c]].to_numpy(float) for c in "abc"}
    found = InferenceSession(tmp_path / "m.onnx").run(["prediction"], inputs)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    import tensorflow as tf

    keras = tf.keras.models.load_model(tmp_path / "m.keras")
    found = keras.predict(inputs, verbose=0)["prediction"][:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@few("quantile", "poisson")
def test_folds_and_ensembles_are_of_the_users_unit(searched):
    chosen, stored, _ = searched
    dataset = open_data(chosen)
    folds = make_folds(dataset, 2, 1)
    trained = train_folds(chosen, folds, RetrainOptions())
    model = make_model_of_folds(chosen, folds, RetrainOptions(), trained)
    scores = model.description.scores
    assert scores["folds"]["scores"]["mae"] < 3
    assert scores["test"]["mae"] == evaluate_model(model, stored, "test").scores["mae"]
    both = [chosen, dataclasses.replace(chosen, seed=9)]
    models = train_candidates(both, dataset, RetrainOptions(), score=False)
    ensemble = make_ensemble(models, dataset)
    assert ensemble.description.scores["validation"]["mae"] < 3
    assert ensemble.preprocessing.target == dataset.preprocessing.target
