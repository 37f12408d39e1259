"""Gradient boosting with default settings on a prepared data set, to hold one network against.

    python -m agebo_hpc.experiments.boosting DATA.h5 --seed 1 --out SCORES.json

LightGBM where it is installed (extra ``bench``), and scikit-learn's HistGradientBoosting, trained
on training and validation rows together and scored on the test rows.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.space.problem import METRICS
from agebo_hpc.storage.atomic import write_atomically

PASSES = 3
"""Over the test rows, to measure the speed of prediction."""


def boosters(data: str | Path, seed: int) -> list[dict[str, Any]]:
    """Train the boosted trees and score them.

    Parameters
    ----------
    data
        A prepared data set; text columns reach the trees encoded as the networks get them.
    seed
        Of the trees.

    Returns
    -------
    list of dict
        ``model``, ``metric``, ``score`` on the test rows, ``seconds`` of fitting,
        ``rows_per_second`` of prediction.
    """
    dataset = open_dataset(data)
    parts = (dataset.train, dataset.validation)
    x = np.concatenate([part.x for part in parts])
    y = np.concatenate([part.y for part in parts])
    test = np.asarray(dataset.test.x)
    rows = []
    for name, model in _models(dataset.task, seed).items():
        began = time.perf_counter()
        model.fit(x, y)
        seconds = time.perf_counter() - began
        predict = getattr(model, "predict_proba", model.predict)
        predict(test[:4096])
        began = time.perf_counter()
        for _ in range(PASSES):
            predict(test)
        rows.append(
            {
                "model": name,
                "metric": METRICS[dataset.task],
                "score": float(model.score(test, dataset.test.y)),
                "seconds": seconds,
                "rows_per_second": PASSES * len(test) / (time.perf_counter() - began),
            }
        )
    return rows


def _models(task: str, seed: int) -> dict[str, Any]:
    from sklearn import ensemble

    kind = "Classifier" if task == "classification" else "Regressor"
    models = {}
    try:
        import lightgbm
    except ModuleNotFoundError:
        pass
    else:
        models["LightGBM"] = getattr(lightgbm, f"LGBM{kind}")(random_state=seed, verbose=-1)
    boosted = getattr(ensemble, f"HistGradientBoosting{kind}")
    return {**models, "HistGradientBoosting": boosted(random_state=seed)}


def main() -> None:
    """Write the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    write_atomically(asked.out, json.dumps(boosters(asked.data, asked.seed), indent=1).encode())


if __name__ == "__main__":
    main()
