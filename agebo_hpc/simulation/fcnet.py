"""Trainings looked up in the FCNet tables: every configuration of a space, trained for real.

Klein and Hutter (2019), "Tabular Benchmarks for Joint Architecture and Hyperparameter
Optimization": 62,208 configurations of a network with two layers on four data sets, four
trainings each, with their validation errors and times.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import ConfigurationError, DataError, InputMissingError
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.simulation.linear_scaling import as_one_process, check_scale, nearest
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.simulation_text import SimulationText, table_place
from agebo_hpc.simulation.sleeping import sleeping
from agebo_hpc.space.configuration import Configuration, Evaluation

if TYPE_CHECKING:
    import pandas as pd

    from agebo_hpc.space.problem import Problem

UNITS = (16, 32, 64, 128, 256, 512)
ACTIVATIONS = ("relu", "tanh")
BATCH_SIZES = (8, 16, 32, 64)
LEARNING_RATES = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1)
SCHEDULES = ("const", "cosine")
DROPOUTS = (0.0, 0.3, 0.6)

COLUMNS = (
    *("n_units_1", "activation_fn_1", "n_units_2", "activation_fn_2"),
    *("batch_size", "init_lr", "lr_schedule", "dropout_1", "dropout_2"),
)
NUM_TRAININGS = 4
MEASURED = tuple(
    f"{name}_{i}" for name in ("val_loss", "train_time") for i in range(NUM_TRAININGS)
)


@dataclass(frozen=True)
class FCNet:
    """One data set of the tables.

    The architecture is two dense layers without skips; the decision for no layer stands for the
    narrowest. n processes behave as one with the global batch and learning rate, see
    `agebo_hpc.simulation.linear_scaling`. The objective is the negative decimal logarithm of the
    validation error of one of the four trainings, drawn for the evaluation; the duration is that
    training's.

    Attributes
    ----------
    file
        Parquet or CSV, with a column ``dataset``, those of `COLUMNS` and `MEASURED`, and
        ``model_size``.
    dataset
        Which one; may be left out where there is one only.
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
        """Look up one of the configuration's trainings."""
        own, whole = as_one_process(
            evaluation.configuration,
            (BATCH_SIZES[0], BATCH_SIZES[-1]),
            (LEARNING_RATES[0], LEARNING_RATES[-1]),
        )
        number = int(generator(seed, evaluation.id, Stream.SIMULATION).integers(NUM_TRAININGS))
        seconds = self._row(own)[NUM_TRAININGS + number]
        row = self._row(whole)
        speed = evaluation.configuration.num_processes**self.efficiency
        return Simulated(self.factor * seconds / speed, -math.log10(row[number]), int(row[-1]))

    def _row(self, configuration: Configuration) -> tuple[float, ...]:
        key = row_key(configuration)
        row = _read_table(self.file, self.dataset).get(key)
        if row is None:
            raise DataError(f"{self.file} has no row for {key}; give the whole table.")
        return row

    def problem(self, problem: Problem) -> Problem:
        """Return the spaces of the table; those of ``problem`` are not used."""
        from skopt.space import Categorical

        from agebo_hpc.space.architecture import ArchitectureSpace
        from agebo_hpc.space.hyperparameters import HyperparameterSpace
        from agebo_hpc.space.problem import Problem

        _read_table(self.file, self.dataset)
        choices: dict[str, tuple[Any, ...]] = {
            "batch_size": BATCH_SIZES,
            "learning_rate": LEARNING_RATES,
            "lr_schedule": SCHEDULES,
            "dropout_1": DROPOUTS,
            "dropout_2": DROPOUTS,
            "num_processes": problem.hyperparameters.processes,
        }
        dimensions = [Categorical(list(values), name=name) for name, values in choices.items()]
        architectures = ArchitectureSpace(2, units=UNITS, activations=ACTIVATIONS, look_back=0)
        return sleeping(Problem(None, architectures, HyperparameterSpace(dimensions)), self)


def row_key(configuration: Configuration) -> tuple[Hashable, ...]:
    """Return the values of `COLUMNS` that a configuration stands for.

    Batch sizes and learning rates between those of the table become the nearest on a logarithmic
    scale.
    """
    layers: list[Hashable] = []
    for decision in configuration.architecture:
        units, activation = divmod(max(0, decision - 1), len(ACTIVATIONS))
        layers += [UNITS[units], ACTIVATIONS[activation]]
    values = configuration.hyperparameters
    batch_size = nearest(values["batch_size"], BATCH_SIZES)
    learning_rate = nearest(values["learning_rate"], LEARNING_RATES)
    names = ("lr_schedule", "dropout_1", "dropout_2")
    return (*layers, batch_size, learning_rate, *(values[name] for name in names))


def read_names(file: str) -> tuple[str, ...]:
    """Return the data sets of a table, in order.

    Raises
    ------
    InputMissingError
        If the table is not there.
    DataError
        If it names no data sets.
    """
    frame = _frame(file)
    if "dataset" not in frame:
        raise DataError(f"{file} has no column dataset; it is not an FCNet table.")
    return tuple(sorted(frame["dataset"].astype(str).unique()))


def _frame(file: str) -> pd.DataFrame:
    import pandas as pd

    if not Path(file).is_file():
        raise InputMissingError(f"There is no table {file!r}; check its path.")
    return pd.read_csv(file) if file.endswith(".csv") else pd.read_parquet(file)


@lru_cache(maxsize=4)
def _read_table(file: str, dataset: str) -> dict[tuple[Hashable, ...], tuple[float, ...]]:
    """Return errors, times and size of each configuration of one data set."""
    frame = _frame(file)
    missing = [
        name for name in ("dataset", *COLUMNS, *MEASURED, "model_size") if name not in frame
    ]
    if missing:
        raise DataError(f"{file} has no column {missing[0]}; it is not an FCNet table.")
    known = sorted(frame["dataset"].astype(str).unique())
    chosen = dataset or (known[0] if len(known) == 1 else "")
    if chosen not in known:
        raise ConfigurationError(
            f"--simulate fcnet has the data set {dataset!r}; {file} has {', '.join(known)}: "
            f"write fcnet:{file}:{known[0]}."
        )
    frame = frame[frame["dataset"] == chosen]
    keys = zip(*(frame[name].tolist() for name in COLUMNS), strict=True)
    values = zip(*(frame[name].tolist() for name in (*MEASURED, "model_size")), strict=True)
    return dict(zip(keys, values, strict=True))


def of_text(text: SimulationText) -> FCNet:
    """Return the simulation of a text such as ``fcnet:fcnet.parquet:protein_structure``.

    Raises
    ------
    UsageError
        If no table is named, or a key or a value is not known.
    """
    place = table_place(text)
    return FCNet(place.file, place.dataset, **text.numbers({"factor", "efficiency"}))
