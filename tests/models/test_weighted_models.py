"""Models of rows that count differently: scores, seeds and ensembles weigh them."""

import numpy as np
import pandas as pd
import pytest
from made_run import make_run
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, mean_absolute_error

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.models.choice import RetrainOptions, choose
from agebo_hpc.models.ensemble import make_ensemble, train_candidates
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.models.retraining import make_plan, retrain, train_seeds


def table():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(600, 3)), columns=["a", "b", "c"])
    score = frame["a"] * 2 + rng.normal(0, 0.5, 600)
    frame["kind"] = np.where(score > 0, "yes", "no")
    frame["price"] = 1000 + 50 * score
    frame["w"] = rng.integers(0, 4, 600)
    return frame


@pytest.fixture(params=["kind", "price"])
def dataset(request, tmp_path):
    drop = {"kind": "price", "price": "kind"}[request.param]
    options = PrepareOptions(drop=[drop], weight="w")
    return prepare_dataset(table(), request.param, tmp_path / "d.h5", options)


def test_scores_are_scikit_learns_with_these_weights_and_those_of_the_search(dataset, tmp_path):
    chosen = choose(make_run(tmp_path / "run", dataset, [0.5]))
    options = RetrainOptions()
    assert make_plan(chosen, dataset, options).is_weighted
    [training] = train_seeds(chosen, dataset, options)
    model = retrain(chosen, dataset, options)
    metrics = ("f1", "log_loss") if dataset.task == "classification" else ("medae", "rmse")
    scores = evaluate_model(model, dataset, "validation", metrics).scores
    part, weights = dataset.validation, dataset.validation.weights.astype(np.float64)
    outputs = model.outputs(np.asarray(part.x))
    own = "accuracy" if dataset.task == "classification" else "r2"
    assert scores[own] == pytest.approx(training.trained.outcome.objective, rel=1e-6)
    if dataset.task == "classification":
        predicted = outputs.raw.argmax(axis=1)
        shares = softmax(outputs.raw.astype(np.float64), axis=1)
        expected = {
            "f1": f1_score(part.y, predicted, sample_weight=weights),
            "balanced_accuracy": balanced_accuracy_score(part.y, predicted, sample_weight=weights),
            "log_loss": log_loss(part.y, shares, sample_weight=weights),
        }
    else:
        truth, values = map(dataset.preprocessing.decode_target, (part.y, outputs.raw[:, 0]))
        squares = (truth - values) ** 2
        expected = {
            "mae": mean_absolute_error(truth, values, sample_weight=weights),
            "root_mean_squared_error": np.average(squares, weights=weights) ** 0.5,
        }
        assert scores["median_absolute_error"] > 0
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_all_rows_can_be_trained_on_and_an_ensemble_chosen(dataset, tmp_path):
    chosen = choose(make_run(tmp_path / "run", dataset, [0.5]))
    whole = retrain(chosen, dataset, RetrainOptions(include_validation=True))
    assert "test" in whole.description.scores
    models = train_candidates([chosen], dataset, RetrainOptions(), score=False)
    assert make_ensemble(models, dataset).description.scores["single"]
    # The column of weights is no column of the model.
    assert "w" not in whole.description.schema["columns"]
