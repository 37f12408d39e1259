"""Hyperparameter problems whose every evaluation is looked up or predicted in no time.

FCNet: four data sets, 62,208 trained configurations each (Klein and Hutter 2019). LCBench: the
surrogate of YAHPO Gym behind learning curves of AutoML data sets; compare methods with it, never
quote an accuracy from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skopt.space import Categorical

from agebo_hpc.simulation.lcbench import (
    ACCURACY,
    INPUTS,
    NUM_EPOCHS,
    SHORTEST,
    TIME,
    NetworkSurrogate,
)
from agebo_hpc.space.hyperparameters import HyperparameterSpace

FCNET = (
    "naval_propulsion",
    "parkinsons_telemonitoring",
    "protein_structure",
    "slice_localization",
)
LCBENCH = ("covertype", "airlines", "albert", "dionis", "helena")


@dataclass(frozen=True)
class Problem:
    """Something to search.

    Attributes
    ----------
    name
        Of the problem.
    space
        To search.
    evaluate
        Returns the objective, to make large, and the seconds of a point.
    best
        The largest objective; of LCBench the largest of 20,000 random points.
    """

    name: str
    space: HyperparameterSpace
    evaluate: Callable[[Mapping[str, Any]], tuple[float, float]]
    best: float


@cache
def problem(directory: Path, name: str) -> Problem:
    """Return a problem by its name, such as ``fcnet/slice_localization``.

    Parameters
    ----------
    directory
        Holds ``fcnet/fcnet.parquet`` and ``lcbench-surrogate/``.
    name
        Of `FCNET` or `LCBENCH`, after the kind and a slash.
    """
    kind, _, dataset = name.partition("/")
    if kind == "fcnet":
        return fcnet(directory / "fcnet" / "fcnet.parquet", dataset)
    return lcbench(directory / "lcbench-surrogate", dataset)


def fcnet(path: Path, dataset: str) -> Problem:
    """Return the table of one data set; the objective is -log(mean validation loss)."""
    table = pd.read_parquet(path)
    table = table[table["dataset"] == dataset]
    names = [c for c in table if not c.startswith(("dataset", "train", "val", "model"))]
    space = HyperparameterSpace(
        [Categorical(sorted(table[name].unique().tolist()), name=name) for name in names]
    )
    losses = table[[f"val_loss_{seed}" for seed in range(4)]].mean(axis=1)
    seconds = table[[f"train_time_{seed}" for seed in range(4)]].mean(axis=1)
    outcomes = zip((-np.log(losses)).tolist(), seconds.tolist(), strict=True)
    keys = zip(*(table[name].tolist() for name in names), strict=True)
    known = dict(zip(keys, outcomes, strict=True))

    def evaluate(point: Mapping[str, Any]) -> tuple[float, float]:
        return known[tuple(point[name] for name in names)]

    return Problem(f"fcnet/{dataset}", space, evaluate, float((-np.log(losses)).max()))


def lcbench(directory: Path, dataset: str) -> Problem:
    """Return the surrogate of one data set; the objective is the validation accuracy, percent."""
    surrogate = NetworkSurrogate(directory, dataset)
    space = HyperparameterSpace([surrogate.dimension(name) for name in INPUTS[1:]])

    def evaluate(point: Mapping[str, Any]) -> tuple[float, float]:
        [outputs] = surrogate.predict([{**point, "epoch": NUM_EPOCHS}])
        return float(outputs[ACCURACY]), max(SHORTEST, float(outputs[TIME]))

    drawn = space.sample(20_000, np.random.default_rng(0))
    outputs = surrogate.predict([{**point, "epoch": NUM_EPOCHS} for point in drawn])
    return Problem(f"lcbench/{dataset}", space, evaluate, float(outputs[:, ACCURACY].max()))


def available(directory: Path) -> list[str]:
    """Return the names of the problems whose files are there."""
    names = []
    if (directory / "fcnet" / "fcnet.parquet").is_file():
        names += [f"fcnet/{dataset}" for dataset in FCNET]
    if (directory / "lcbench-surrogate" / "model.onnx").is_file():
        names += [f"lcbench/{dataset}" for dataset in LCBENCH]
    return names
