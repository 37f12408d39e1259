"""A problem: data, the two spaces, the training recipe and the objective; and named presets."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from skopt.space import Categorical, Real

from agebo_hpc.errors import ConfigurationError, InputMissingError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace

OPTIMIZERS = ("adam", "lars", "lamb")
PRECISIONS = ("float32", "bfloat16", "float16")
XLA_CHOICES = ("auto", "on", "off")
INPUTS = ("auto", "memory", "stream")

RECIPE_CHOICES = {
    "optimizer": OPTIMIZERS,
    "precision": PRECISIONS,
    "xla": XLA_CHOICES,
    "input": INPUTS,
}
"""Fields of a recipe that are names, and the names."""


@dataclass(frozen=True)
class Recipe:
    """How every configuration is trained (AgEBO-Tabular, section 4).

    Attributes
    ----------
    epochs
        Passes over the training part, >= 1.
    warmup_epochs
        Epochs over which the learning rate rises from lr_1 to n * lr_1, per step, >= 0.
    plateau_patience
        Epochs without a better validation loss after which the rate is reduced, >= 1; 0: never.
    plateau_factor
        What the rate is multiplied with then, in (0, 1).
    early_stopping_patience
        Epochs without a better validation metric after which training ends; 0: never.
    optimizer
        One of `OPTIMIZERS`; LARS and LAMB give each kernel and bias a rate of its own.
    accumulate_steps
        Batches of each process whose gradients make one update, >= 1. The learning rate follows
        the rows of an update, as it does for n.
    precision
        One of `PRECISIONS`: that of the layers' products; parameters are float32 in any case.
    xla
        One of `XLA_CHOICES`: whether XLA compiles the training step. ``"auto"``: on a GPU.
    input
        One of `INPUTS`: whether the rows are mapped into memory or streamed from the file.
        ``"auto"``: streamed when they are larger than half of the node's memory.
    """

    epochs: int = 20
    warmup_epochs: int = 5
    plateau_patience: int = 5
    plateau_factor: float = 0.1
    early_stopping_patience: int = 0
    optimizer: str = "adam"
    accumulate_steps: int = 1
    precision: str = "float32"
    xla: str = "auto"
    input: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulate_steps"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give at least 1.")
        for name, allowed in RECIPE_CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigurationError(
                    f"{name} is {value!r}; choose among {', '.join(allowed)}."
                )
        for name in ("warmup_epochs", "plateau_patience", "early_stopping_patience"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; give 0 or more.")
        if not 0 < self.plateau_factor < 1:
            raise ConfigurationError(
                f"plateau_factor is {self.plateau_factor}; give a number between 0 and 1."
            )


METRICS = {"classification": "accuracy", "regression": "r2"}
"""The validation metric that is made large, by the task of the data set."""

OBJECTIVES = ("last", "best")


@dataclass(frozen=True)
class Problem:
    """What is searched, on what, and what is made large.

    Attributes
    ----------
    data
        The prepared data set; None lets the command line give it.
    architecture, hyperparameters
        The two spaces.
    recipe
        How a configuration is trained.
    objective
        ``"last"``: the validation metric after the last epoch; ``"best"``: that of the best
        epoch, whose weights are then kept. The metric is accuracy for classification and R^2
        for regression.
    trainer
        Called once on each trainer rank as ``trainer(problem, slot)``, where ``slot`` is an
        `agebo_hpc.training.trainer.Slot`; returns the `Trainer`. None: the TensorFlow trainer.
    """

    data: str | None = None
    architecture: ArchitectureSpace = field(default_factory=ArchitectureSpace)
    hyperparameters: HyperparameterSpace = field(default_factory=lambda: v1_hyperparameters())
    recipe: Recipe = field(default_factory=Recipe)
    objective: str = "last"
    trainer: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ConfigurationError(
                f"objective is {self.objective!r}; choose among {', '.join(OBJECTIVES)}."
            )


def v1_hyperparameters() -> HyperparameterSpace:
    """Return the hyperparameter space of AgEBO-Tabular (section 3.2)."""
    return HyperparameterSpace(
        [
            Categorical([32, 64, 128, 256, 512, 1024], name="batch_size"),
            Real(1e-3, 1e-1, prior="log-uniform", name="learning_rate"),
            Categorical([1, 2, 4, 8], name="num_processes"),
        ]
    )


PRESETS: dict[str, Problem] = {
    "v1": Problem(),
    "v1-small": Problem(
        architecture=ArchitectureSpace(num_nodes=4),
        recipe=Recipe(epochs=5, warmup_epochs=1),
    ),
}
"""Named problems; each is data."""


def preset(name: str) -> Problem:
    """Return a named problem.

    Raises
    ------
    ConfigurationError
        If there is no such name; the message lists them all.
    """
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(
            f"There is no preset {name!r}; choose among {', '.join(PRESETS)}.{hint}"
        )
    return PRESETS[name]


def load_problem(reference: str) -> Problem:
    """Load a problem from ``FILE.py:NAME``; NAME is a `Problem` or a function that returns one.

    Raises
    ------
    InputMissingError
        If the file is not there.
    ConfigurationError
        If it cannot be run, or NAME is not a problem.
    """
    path, _, name = reference.rpartition(":")
    if not path or not name:
        raise ConfigurationError(f"--problem is {reference!r}; give it as FILE.py:NAME.")
    if not Path(path).is_file():
        raise InputMissingError(f"There is no problem file {path!r}; check the path.")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path!r} is not a Python file; give one that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found = getattr(module, name)
        problem = found() if callable(found) else found
    except AttributeError as error:
        raise ConfigurationError(f"{path!r} does not define {name!r}: {error}.") from error
    except Exception as error:
        raise ConfigurationError(
            f"The problem file {path!r} raised {type(error).__name__}: {error}."
        ) from error
    if not isinstance(problem, Problem):
        raise ConfigurationError(
            f"{reference} is a {type(problem).__name__}; it must be an agebo_hpc Problem."
        )
    if problem.data is not None and not Path(problem.data).is_absolute():
        return replace(problem, data=str(Path(path).parent / problem.data))
    return problem
