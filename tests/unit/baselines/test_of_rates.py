"""Baselines of counts and rates are of the metric's own kind."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from agebo_hpc.baselines.program import measure
from agebo_hpc.baselines.record import read_baselines
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset


@pytest.mark.parametrize(
    ("loss", "deviance"), [("poisson", mean_poisson_deviance), ("gamma", mean_gamma_deviance)]
)
@pytest.mark.parametrize("weight", ["", "w"])
def test_they_fit_logarithms_of_means(tmp_path, loss, deviance, weight):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(900, 3)), columns=["a", "b", "c"])
    mean = np.exp(frame["a"] - frame["b"] - 1)
    frame["y"] = rng.poisson(mean) if loss == "poisson" else rng.gamma(2, mean / 2) + 1e-3
    frame["w"] = rng.integers(1, 5, 900)
    options = PrepareOptions(task="regression", weight=weight, drop=[] if weight else ["w"])
    dataset = prepare_dataset(frame, "y", tmp_path / "d.h5", options)
    measure(dataset, f"neg_mean_{loss}_deviance", tmp_path, 1)
    found = read_baselines(tmp_path)
    assert found.remarks == ""
    y = {name: dataset.decode(getattr(dataset, name).y) for name in ("train", "validation")}
    if loss == "poisson":
        y = {name: np.round(values) for name, values in y.items()}
    train, validation = dataset.train, dataset.validation
    model = HistGradientBoostingRegressor(loss=loss, random_state=1)
    model.fit(train.x, y["train"], train.weights)
    counted = validation.weights
    expected = {
        "boosting": -deviance(y["validation"], model.predict(validation.x), sample_weight=counted),
        "constant": -deviance(
            y["validation"],
            np.full(len(validation.y), np.average(y["train"], weights=train.weights)),
            sample_weight=counted,
        ),
    }
    scores = found.scores
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-3)
    # The table is of their model.
    assert scores["linear"] > scores["boosting"] > scores["constant"]
