"""Trainings predicted by the LCBench surrogate: learning curves and times of funnel networks.

LCBench (Zimmer, Lindauer and Hutter, 2021) holds 2,000 trainings of 52 epochs on each of 35 data
sets; YAHPO Gym's surrogate (Pfisterer et al., 2022) predicts them for any configuration. It says
which method searches better, never which accuracy a network has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agebo_hpc.errors import ConfigurationError, InputMissingError
from agebo_hpc.simulation.linear_scaling import as_one_process, check_scale
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.simulation_text import SimulationText, table_place
from agebo_hpc.simulation.sleeping import sleeping
from agebo_hpc.space.configuration import Configuration, Evaluation

if TYPE_CHECKING:
    from skopt.space import Integer, Real

    from agebo_hpc.space.problem import Problem

NUM_EPOCHS = 52
"""Number of epochs of a training."""

# The order of the surrogate's inputs, found by reproducing the stored curves.
INPUTS = (
    "epoch",
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "num_layers",
    "max_units",
    "max_dropout",
)
TIME, ACCURACY = 0, 1
"""Places among the surrogate's outputs: seconds so far, validation accuracy in percent."""

NUM_LAYERS = 5
UNITS = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
ACTIVATIONS = ("relu",)
TRAINING = ("batch_size", "learning_rate", "momentum", "weight_decay", "max_dropout")
"""The inputs that are hyperparameters; the others follow from the architecture."""

FILES = ("model.onnx", "task_ids.json", "encoding.json", "config_space.json")
SHORTEST = 1.0
"""Seconds: a time predicted below it counts as this."""


class NetworkSurrogate:
    """The predictor of one data set.

    Parameters
    ----------
    directory
        Holds the files of `FILES`.
    dataset
        A name in ``task_ids.json``.

    Raises
    ------
    InputMissingError
        If a file is not there.
    ConfigurationError
        If there is no such data set, or onnxruntime is not installed.
    """

    def __init__(self, directory: str | Path, dataset: str) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "--simulate lcbench needs onnxruntime, which is not installed: "
                "`pip install 'agebo_hpc[tables]'`."
            ) from error
        path = Path(directory)
        known = read_names(path)
        if dataset not in known:
            raise ConfigurationError(
                f"--simulate lcbench has the data set {dataset!r}; {directory} has "
                f"{', '.join(sorted(known))}: write lcbench:{directory}:covertype."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path / "model.onnx", options)
        encoding = json.loads((path / "encoding.json").read_text())
        self._code = int(encoding["OpenML_task_id"][known[dataset]])
        described = json.loads((path / "config_space.json").read_text())["hyperparameters"]
        self._entries: dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in described}

    def predict(self, points: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Predict trainings.

        Parameters
        ----------
        points
            Each has a value for every name of `INPUTS`.

        Returns
        -------
        ndarray of shape (n_points, n_outputs), float32
            `TIME` and `ACCURACY` are places in a row.
        """
        rows = np.array([[point[name] for name in INPUTS] for point in points], np.float32)
        feed = {"x_cat": np.full((len(rows), 1), self._code, np.int32), "x_cont": rows}
        return np.asarray(self._session.run(None, feed)[0])

    def bounds(self, name: str) -> tuple[float, float]:
        """Return the smallest and the largest value of an input."""
        return self._entries[name]["lower"], self._entries[name]["upper"]

    def dimension(self, name: str) -> Integer | Real:
        """Return an input as a dimension of a hyperparameter space."""
        from skopt.space import Integer, Real

        entry = self._entries[name]
        kind = Integer if entry["type"] == "uniform_int" else Real
        prior = "log-uniform" if entry["log"] else "uniform"
        return kind(entry["lower"], entry["upper"], prior=prior, name=name)


@dataclass(frozen=True)
class LCBench:
    """One data set of LCBench.

    The architecture is up to five dense layers without skips. The surrogate knows a network by its
    number of layers and one width, that of the first of a funnel: here the geometric mean of the
    widths chosen; a network without layers stands for one layer of the narrowest. n processes
    behave as one with the global batch and learning rate, see
    `agebo_hpc.simulation.linear_scaling`. The objective is the predicted validation accuracy, 0
    to 1.

    Attributes
    ----------
    file
        Directory with the files of `FILES`.
    dataset
        Name of the data set.
    factor
        What a duration is multiplied with, > 0.
    efficiency
        n processes take the time divided by n to this power, 0 to 1.
    """

    file: str
    dataset: str = ""
    factor: float = 1.0
    efficiency: float = 0.9

    def __post_init__(self) -> None:
        check_scale(self.factor, self.efficiency)

    def simulate(self, evaluation: Evaluation, seed: int) -> Simulated:
        """Predict curve and time; there is no chance in it."""
        surrogate = _surrogate(self.file, self.dataset)
        configuration = evaluation.configuration
        own, whole = as_one_process(
            configuration, surrogate.bounds("batch_size"), surrogate.bounds("learning_rate")
        )
        curve = [{**point_of(whole), "epoch": epoch} for epoch in range(1, NUM_EPOCHS + 1)]
        outputs = surrogate.predict([*curve, {**point_of(own), "epoch": NUM_EPOCHS}])
        seconds = max(SHORTEST, float(outputs[-1, TIME]))
        metrics = tuple((outputs[:-1, ACCURACY] / 100).clip(0, 1).astype(float).tolist())
        speed = configuration.num_processes**self.efficiency
        return Simulated(self.factor * seconds / speed, metrics[-1], metrics=metrics)

    def problem(self, problem: Problem) -> Problem:
        """Return the surrogate's spaces; those of ``problem`` are not used."""
        from skopt.space import Categorical

        from agebo_hpc.space.architecture import ArchitectureSpace
        from agebo_hpc.space.hyperparameters import HyperparameterSpace
        from agebo_hpc.space.problem import Problem

        surrogate = _surrogate(self.file, self.dataset)
        processes = Categorical(list(problem.hyperparameters.processes), name="num_processes")
        dimensions = [*(surrogate.dimension(name) for name in TRAINING), processes]
        architectures = ArchitectureSpace(
            NUM_LAYERS, units=UNITS, activations=ACTIVATIONS, look_back=0
        )
        return sleeping(Problem(None, architectures, HyperparameterSpace(dimensions)), self)


def point_of(configuration: Configuration) -> dict[str, Any]:
    """Return the surrogate's inputs for a configuration of one process, but for the epoch."""
    widths = [UNITS[decision - 1] for decision in configuration.architecture if decision > 0]
    widths = widths or [UNITS[0]]
    return {
        **{name: configuration.hyperparameters[name] for name in TRAINING},
        "num_layers": len(widths),
        "max_units": math.exp(sum(map(math.log, widths)) / len(widths)),
    }


def read_names(directory: Path) -> dict[str, str]:
    """Return the data sets' names and what the surrogate calls them.

    Raises
    ------
    InputMissingError
        If the directory or one of its files is not there.
    """
    for name in FILES:
        if not (directory / name).is_file():
            raise InputMissingError(
                f"There is no {name} in {str(directory)!r}; check the path in --simulate."
            )
    names: dict[str, str] = json.loads((directory / "task_ids.json").read_text())
    return names


@lru_cache(maxsize=4)
def _surrogate(directory: str, dataset: str) -> NetworkSurrogate:
    return NetworkSurrogate(directory, dataset)


def of_text(text: SimulationText) -> LCBench:
    """Return the simulation of a text such as ``lcbench:lcbench-surrogate:covertype``.

    Raises
    ------
    UsageError
        If no table is named, or a key or a value is not known.
    """
    place = table_place(text)
    return LCBench(place.file, place.dataset, **text.numbers({"factor", "efficiency"}))
