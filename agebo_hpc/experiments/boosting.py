"""Gradient boosting with default settings on a prepared data set, to hold one network against.

    python -m agebo_hpc.experiments.boosting DATA.h5 --seed 1 --out SCORES.json

LightGBM where it is installed (extra ``bench``), and scikit-learn's HistGradientBoosting, trained
on training and validation rows together and scored on the test rows.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.files import write_file
from agebo_hpc.space.recipe import Recipe

PASSES = 3
"""Over the test rows, to measure the speed of prediction."""


def boosters(data: str | Path, seed: int) -> list[dict[str, Any]]:
    """Train the boosted trees with their default settings and score them.

    Parameters
    ----------
    data
        A prepared data set; text columns reach the trees encoded as the networks get them.
    seed
        Seed of the trees, >= 0.

    Returns
    -------
    list of dict
        ``model``, ``metric``, ``score`` on the test rows, ``seconds`` of fitting,
        ``rows_per_second`` of prediction.
    """
    dataset = open_dataset(data)
    x, y = _both_parts(dataset)
    rows = []
    for name, kind in _kinds(dataset.task).items():
        began = time.perf_counter()
        model = kind(random_state=seed).fit(x, y)
        rows.append(_score(name, model, dataset, time.perf_counter() - began))
    return rows


def tuned_booster(data: str | Path, seed: int, budget: float) -> dict[str, Any]:
    """Train scikit-learn's trees with the best of some random settings and score them.

    The settings are chosen on the validation rows, the default ones come first; what was begun
    before the end is finished.

    Parameters
    ----------
    data, seed
        See `boosters`; the settings are drawn from the seed too.
    budget
        Seconds of the choice.
    """
    began = time.perf_counter()
    dataset = open_dataset(data)
    kind = _kinds(dataset.task)["HistGradientBoosting"]
    rng = np.random.default_rng(seed)
    best: dict[str, Any] = {}
    settings, tried, highest = best, 0, -np.inf
    while not tried or time.perf_counter() - began < budget:
        model = kind(random_state=seed, **settings).fit(dataset.train.x, dataset.train.y)
        found = float(model.score(dataset.validation.x, dataset.validation.y))
        tried += 1
        if found > highest:
            best, highest = settings, found
        settings = {
            "learning_rate": float(np.exp(rng.uniform(*np.log([0.02, 0.3])))),
            "max_iter": int(np.exp(rng.uniform(*np.log([50, 1000])))),
            "max_leaf_nodes": int(np.exp(rng.uniform(*np.log([8, 256])))),
            "min_samples_leaf": int(np.exp(rng.uniform(*np.log([5, 100])))),
            "l2_regularization": float(np.exp(rng.uniform(*np.log([1e-3, 10])))),
        }
    model = kind(random_state=seed, **best).fit(*_both_parts(dataset))
    name = f"HistGradientBoosting, best of {tried}"
    row = _score(name, model, dataset, time.perf_counter() - began)
    return {**row, "settings": best}


def _both_parts(dataset: DataSet) -> tuple[NDArray[Any], NDArray[Any]]:
    parts = (dataset.train, dataset.validation)
    return np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])


def _score(name: str, model: Any, dataset: DataSet, seconds: float) -> dict[str, Any]:
    test = np.asarray(dataset.test.x)
    predict = getattr(model, "predict_proba", model.predict)
    predict(test[:4096])
    began = time.perf_counter()
    for _ in range(PASSES):
        predict(test)
    return {
        "model": name,
        "metric": Recipe().metric_of(dataset.task).name,
        "score": float(model.score(test, dataset.test.y)),
        "seconds": seconds,
        "rows_per_second": PASSES * len(test) / (time.perf_counter() - began),
    }


def _kinds(task: str) -> dict[str, Callable[..., Any]]:
    from sklearn import ensemble

    kind = "Classifier" if task == "classification" else "Regressor"
    kinds: dict[str, Callable[..., Any]] = {}
    if find_spec("lightgbm") is not None:
        import lightgbm

        kinds["LightGBM"] = partial(getattr(lightgbm, f"LGBM{kind}"), verbose=-1)
    return {**kinds, "HistGradientBoosting": getattr(ensemble, f"HistGradientBoosting{kind}")}


def main() -> None:
    """Write the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    write_file(asked.out, json.dumps(boosters(asked.data, asked.seed), indent=1))


if __name__ == "__main__":
    main()
