"""A problem: data, the two spaces, the training recipe and the objective; and named presets."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agebo_hpc.errors import ConfigurationError, InputMissingError
from agebo_hpc.python_file import run_file
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.by_rows import (
    first_by_rows,
    hyperparameters_by_rows,
    recipe_by_rows,
    shortened,
)
from agebo_hpc.space.deferred_space import DeferredSpace
from agebo_hpc.space.hyperparameters import REQUIRED, HyperparameterSpace
from agebo_hpc.space.problem_data import fields_of_problem
from agebo_hpc.space.recipe import LOSSES, OBJECTIVES, OF_A_CONFIGURATION, OPTIMIZERS, Recipe

__all__ = [
    "OBJECTIVES",
    "OPTIMIZERS",
    "PRESETS",
    "Problem",
    "Recipe",
    "load_problem",
    "preset",
    "sc21_hyperparameters",
    "tabular_hyperparameters",
    "v1_hyperparameters",
]


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
        epoch, whose weights are then kept. The recipe names the metric.
    trainer
        Called once on each trainer rank as ``trainer(problem, slot)``, where ``slot`` is an
        `agebo_hpc.Slot`; returns the `agebo_hpc.Trainer`. None: the TensorFlow trainer.
    first
        Architectures of the first evaluations, which have the default hyperparameters; those
        after them begin near the best. Empty: all begin at random.
    by_rows
        Whether epochs, batch sizes, widths of `first` and other defaults follow from the rows of
        the data set, see `agebo_hpc.space.by_rows`, and those given here are for some 40,000.
    full_epochs
        Epochs of a training in full, where a search has too little time for such trainings and
        its own are shorter; None: they are in full.
    """

    data: str | None = None
    architecture: ArchitectureSpace = field(default_factory=ArchitectureSpace)
    hyperparameters: HyperparameterSpace = field(
        default_factory=lambda: DeferredSpace(v1_hyperparameters, REQUIRED)
    )
    recipe: Recipe = field(default_factory=Recipe)
    objective: str = "last"
    trainer: Callable[..., Any] | None = None
    first: tuple[Architecture, ...] = ()
    by_rows: bool = False
    full_epochs: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", tuple(map(self.architecture.validate, self.first)))
        if self.objective not in OBJECTIVES:
            raise ConfigurationError(
                f"objective is {self.objective!r}; choose among {', '.join(OBJECTIVES)}."
            )
        if self.trainer is None:
            for changed in self._recipes():
                self.recipe.of_configuration(changed)

    def _recipes(self) -> list[dict[str, Any]]:
        """Return what single hyperparameters can make of the recipe: each choice and bound."""
        space = self.hyperparameters
        if space.all_names.isdisjoint(OF_A_CONFIGURATION):
            return []
        fixed = [{name: v} for name, v in space.fixed.items()]
        tuned = [
            {d.name: choice}
            for d in space.dimensions
            for choice in getattr(d, "categories", None) or (d.low, d.high)
        ]
        return [change for change in fixed + tuned if set(change) <= set(OF_A_CONFIGURATION)]

    def for_data(self, rows: int, task: str, seconds: float | None = None) -> Problem:
        """Return the problem with what follows from a data set, if anything does.

        Parameters
        ----------
        rows
            Number of rows of the training part, >= 1.
        task
            ``"classification"`` or ``"regression"``.
        seconds
            Time of the search; None: it has no bound.
        """
        if not self.by_rows:
            return self
        full = recipe_by_rows(self.recipe, rows)
        recipe = shortened(full, rows, seconds)
        return replace(
            self,
            recipe=recipe,
            full_epochs=full.epochs if recipe.epochs < full.epochs else None,
            hyperparameters=hyperparameters_by_rows(self.hyperparameters, rows, task),
            first=first_by_rows(self.architecture, self.first, rows),
            by_rows=False,
        )

    def as_begun(self, stored: Mapping[str, Any]) -> Problem:
        """Return the problem with what followed from the rows when a run began.

        Parameters
        ----------
        stored
            ``recipe`` and ``hyperparameters`` of the run, as plain data.

        Raises
        ------
        ConfigurationError
            If another version wrote them, with fields that this one does not know.
        """
        if not self.by_rows:
            return self
        try:
            recipe = Recipe(**stored["recipe"])
            space = HyperparameterSpace.from_dict(stored["hyperparameters"])
        except (TypeError, LookupError) as error:
            raise ConfigurationError(
                f"The search cannot go on as it began ({type(error).__name__}: {error}); use the "
                "version of agebo_hpc that wrote it."
            ) from error
        return replace(self, recipe=recipe, hyperparameters=space, by_rows=False)

    def check_data(
        self, task: str, input_widths: Sequence[int], labels: Sequence[Any] | None
    ) -> None:
        """Check that a data set is what the spaces and the recipe are for.

        Parameters
        ----------
        task
            ``"classification"`` or ``"regression"``.
        input_widths
            Features of each input.
        labels
            Original labels by class index; None: it is a regression.

        Raises
        ------
        ConfigurationError
            If it is not; the message says what to change.
        """
        self.architecture.check_inputs(input_widths)
        self.recipe.metric_of(task, len(labels or ()))
        self.recipe.weights_of(labels, None if labels is None else [1] * len(labels))
        for changed in ({}, *self._recipes()):
            if "loss" in changed or "loss" not in self.hyperparameters.all_names:
                recipe = self.recipe.of_configuration(changed)
                recipe.loss_of(task)
                if recipe.coding != self.recipe.coding:
                    raise ConfigurationError(
                        f"The hyperparameter loss may be {recipe.loss}, for which networks learn "
                        f"the target in another way than for the loss {self.recipe.loss} of the "
                        f"problem; give --loss {recipe.loss}, for all of them, instead."
                    )


def v1_hyperparameters() -> HyperparameterSpace:
    """Return the hyperparameter space of AgEBO-Tabular (section 3.2)."""
    from skopt.space import Categorical, Real

    return HyperparameterSpace(
        [
            Categorical([32, 64, 128, 256, 512, 1024], name="batch_size"),
            Real(1e-3, 1e-1, prior="log-uniform", name="learning_rate"),
            Categorical([1, 2, 4, 8], name="num_processes"),
        ]
    )


SC21_OPTIMIZERS = ("sgd", "rmsprop", "adagrad", "adam", "adadelta", "adamax", "nadam")
"""Optimizers of the second paper's space."""
SC21_UNITS = tuple(range(50, 1976, 25))
"""Widths of the second paper's space: 390 dense layers with its five activations."""


def sc21_hyperparameters(losses: Sequence[str] = ()) -> HyperparameterSpace:
    """Return the hyperparameter space of the second paper; one process, unless told otherwise.

    Parameters
    ----------
    losses
        Losses to choose among; fewer than two: the loss is the recipe's.
    """
    from skopt.space import Categorical, Integer, Real

    dimensions = [
        Integer(16, 2048, prior="log-uniform", name="batch_size"),
        Real(1e-4, 1e-2, prior="log-uniform", name="learning_rate"),
        Categorical(list(SC21_OPTIMIZERS), name="optimizer"),
        Integer(3, 30, name="plateau_patience"),
        Integer(3, 30, name="early_stopping_patience"),
    ]
    defaults: dict[str, Any] = {
        "batch_size": 32,
        "learning_rate": 0.001,
        "optimizer": "adam",
        "plateau_patience": 5,
        "early_stopping_patience": 10,
    }
    if len(losses) > 1:
        dimensions.append(Categorical(list(losses), name="loss"))
        defaults["loss"] = losses[0]
    return HyperparameterSpace(dimensions, {"num_processes": 1}, defaults=defaults)


def tabular_hyperparameters() -> HyperparameterSpace:
    """Return the hyperparameter space of networks with embeddings, members and dropout."""
    from skopt.space import Categorical, Real

    return HyperparameterSpace(
        [
            Categorical([128, 256, 512, 1024], name="batch_size"),
            Real(5e-4, 1e-2, prior="log-uniform", name="learning_rate"),
            Categorical([1, 2, 4, 8], name="num_processes"),
            Real(0.0, 0.4, name="dropout"),
            Real(0.05, 5.0, prior="log-uniform", name="sigma"),
            Categorical([0.0, 0.005, 0.02], name="weight_decay"),
            Categorical([0.0, 0.05, 0.1], name="label_smoothing"),
        ],
        defaults={
            **{"batch_size": 256, "learning_rate": 0.003, "dropout": 0.1, "sigma": 0.3},
            **{"weight_decay": 0.0, "label_smoothing": 0.0},
        },
    )


def tabular() -> Problem:
    """Return the problem of networks with embeddings and members; it begins with one by hand."""
    space = ArchitectureSpace(
        num_nodes=4,
        units=(64, 96, 128, 192, 256, 384, 512),
        activations=("linear", "relu", "swish"),
        members=(1, 2, 4, 8),
        embeddings=((0, 0), (8, 4), (16, 8), (24, 16), (48, 16)),
        categories=(0, 4, 8, 16),
        repeated=(0, 64, 1024),
        means=(False, True),
        dropout=True,
    )
    columns = {"members": 2, "embedding": (16, 8), "categories": 8, "repeated": 64, "means": False}
    return Problem(
        architecture=space,
        hyperparameters=tabular_hyperparameters(),
        recipe=Recipe(epochs=24, schedule="cosine"),
        # Numbers of hundreds of values as levels: the best or the worst, by the data.
        first=tuple(
            space.of_layers([(256, "relu")] * 3, **{**columns, "repeated": most})
            for most in (64, 1024)
        ),
        by_rows=True,
    )


PRESETS: dict[str, Callable[[], Problem]] = {
    "v1": lambda: Problem(),
    "v1-small": lambda: Problem(
        architecture=ArchitectureSpace(num_nodes=4),
        recipe=Recipe(epochs=5, warmup_epochs=1),
    ),
    "tabular": tabular,
    "combo-like": lambda: Problem(
        architecture=ArchitectureSpace(
            num_nodes=3,
            units=SC21_UNITS,
            merge="concat",
            last_merge=False,
            inputs=(0, 1, 1),
            num_joint=1,
        ),
        hyperparameters=sc21_hyperparameters(LOSSES["regression"]),
        recipe=Recipe(epochs=100, early_stopping_patience=10, metric="r2"),
    ),
    "attn-like": lambda: Problem(
        architecture=ArchitectureSpace(num_nodes=3, units=SC21_UNITS, num_joint=1),
        hyperparameters=sc21_hyperparameters(),
        recipe=Recipe(
            epochs=100,
            early_stopping_patience=10,
            metric="average_precision",
            class_weights="balanced",
        ),
    ),
}
"""Named problems, each made when it is asked for."""
DEFAULT = "tabular"
OF_SIMULATIONS = "v1"
"""Names of the presets where none is asked for: of searches, and of simulated ones."""


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
    return PRESETS[name]()


def load_problem(reference: str) -> Problem:
    """Load a problem from ``FILE.py:NAME``; NAME is a `Problem` or a function that returns one.

    ``FILE.json:NAME`` is what `agebo_hpc.search` keeps of a problem that Python gave it.

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
    if Path(path).suffix == ".json":
        return _read_problem(path, name)
    if Path(path).suffix != ".py":
        raise ConfigurationError(f"{path!r} is not a Python file; give one that ends in .py.")
    try:
        found = getattr(run_file(path), name)
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


def _read_problem(path: str, name: str) -> Problem:
    """Return a problem that was written as plain data."""
    try:
        return Problem(**fields_of_problem(json.loads(Path(path).read_text())[name]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigurationError(
            f"{path!r} holds no problem {name!r} that this version reads "
            f"({type(error).__name__}: {error}); give FILE.py:NAME."
        ) from error
