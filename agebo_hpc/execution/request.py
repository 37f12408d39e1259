"""What a user asks of a search, as plain data, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from agebo_hpc.errors import LaunchError, UsageError
from agebo_hpc.search.bayesian import BayesianSettings
from agebo_hpc.search.methods import METHODS, SearchSettings
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem, Recipe, load_problem, preset


@dataclass(frozen=True)
class SearchRequest:
    """All options of a search. None means: decide by what is there.

    Attributes
    ----------
    data
        Prepared data set; None: the problem file names it.
    out
        Run directory.
    method
        A key of `agebo_hpc.search.methods.METHODS`.
    preset, problem
        Named problem, or ``FILE.py:NAME`` in its place.
    executor
        ``auto``, ``serial`` or ``mpi``.
    max_evals, walltime
        Limits: evaluations over all lives; seconds of this life.
    epochs, warmup_epochs, early_stopping, objective
        Changes of the problem's recipe; a shorter training without a warm-up of its own warms
        up over the same share of its epochs.
    population, sample_size, kappa, lie, trees, mutation, seed
        Of the search.
    max_processes
        Largest number of slots of a worker group.
    processes
        Choices of n; None: the problem's choices that fit into a group.
    threads_per_slot
        Cores of a slot; None: this node's cores divided by its trainer ranks.
    eval_timeout
        Seconds after which an evaluation is ended; 0: never.
    fixed
        Hyperparameters that are not tuned, with their values.
    """

    data: str | None
    out: str
    method: str = "agebo"
    preset: str = "v1"
    problem: str | None = None
    executor: str = "auto"
    max_evals: int | None = None
    walltime: float | None = None
    epochs: int | None = None
    warmup_epochs: int | None = None
    early_stopping: int | None = None
    objective: str | None = None
    population: int = 100
    sample_size: int = 10
    kappa: float = 0.001
    lie: str = "mean"
    trees: int = 10
    mutation: str = "any"
    seed: int = 42
    max_processes: int = 8
    processes: tuple[int, ...] | None = None
    threads_per_slot: int | None = None
    eval_timeout: float = 0.0
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"--method is {self.method}; choose among {', '.join(METHODS)}.")
        positive = ("max_evals", "walltime", "epochs", "max_processes", "threads_per_slot")
        for name in positive:
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise UsageError(f"--{name.replace('_', '-')} is {value}; give more than 0.")
        if self.processes is not None and (not self.processes or min(self.processes) < 1):
            raise UsageError(
                f"--processes is {self.processes}; give numbers of at least 1, such as 1,2,4,8."
            )
        if self.processes is not None and max(self.processes) > self.max_processes:
            raise UsageError(
                f"--processes allows {max(self.processes)} but --max-processes is "
                f"{self.max_processes}; make a worker group at least as large as the largest n."
            )
        if "num_processes" in self.fixed:
            chosen = self.fixed["num_processes"]
            raise UsageError(
                f"--fix is num_processes={chosen}; give --processes {chosen} instead."
            )
        self.search_settings(num_initial=1)

    def search_settings(self, num_initial: int) -> SearchSettings:
        """Return the search's settings for ``num_initial`` evaluations at once."""
        return SearchSettings(
            seed=self.seed,
            num_initial=num_initial,
            population_size=self.population,
            sample_size=min(self.sample_size, self.population),
            mutation=self.mutation,  # type: ignore[arg-type]
            bayesian=BayesianSettings(self.kappa, self.lie, self.trees),
        )

    def load_problem(self) -> Problem:
        """Return the problem with this request's changes.

        Raises
        ------
        UsageError
            If no data set is named.
        ConfigurationError, InputMissingError
            If the preset or the problem file is wrong.
        """
        problem = load_problem(self.problem) if self.problem else preset(self.preset)
        data = self.data or problem.data
        if data is None and problem.trainer is None:
            raise UsageError("No data set is named; give DATA.h5 or a problem that names one.")
        return replace(
            problem,
            data=data,
            recipe=self._recipe(problem.recipe),
            objective=self.objective or problem.objective,
        )

    def hyperparameters(self, problem: Problem, largest_group: int) -> HyperparameterSpace:
        """Return the space with only those choices of n that the worker groups can hold.

        Raises
        ------
        LaunchError
            If a choice that was asked for is too large, or none is left.
        """
        space = problem.hyperparameters
        choices = self.processes
        if choices is not None and max(choices) > largest_group:
            raise LaunchError(
                f"--processes allows {max(choices)} but the largest worker group has "
                f"{largest_group} trainer ranks. Start at least {max(choices) + 1} ranks on one "
                "node (1 manager besides) or search with --processes "
                f"{_fitting(choices, largest_group)}."
            )
        if choices is None:
            choices = tuple(n for n in space.processes if n <= largest_group)
        if not choices:
            raise LaunchError(
                f"The problem's num_processes are {space.processes}; the largest worker group has "
                f"{largest_group} trainer ranks. Start more ranks or search with --processes."
            )
        if choices != space.processes:
            space = space.with_processes(choices)
        return space.with_fixed(self.fixed)

    def _recipe(self, recipe: Recipe) -> Recipe:
        epochs = self.epochs or recipe.epochs
        warmup = self.warmup_epochs
        if warmup is None:
            shorter = min(1.0, epochs / recipe.epochs)
            warmup = round(recipe.warmup_epochs * shorter)
        early = self.early_stopping
        return replace(
            recipe,
            epochs=epochs,
            warmup_epochs=warmup,
            early_stopping_patience=recipe.early_stopping_patience if early is None else early,
        )

    def to_dict(self) -> dict[str, Any]:
        """Say the request as plain data; what is None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchRequest:
        """Read what `to_dict` gave; names that this version does not know are an error.

        Raises
        ------
        UsageError
            If a name is unknown.
        """
        unknown = sorted(set(data) - {f.name for f in fields(cls)})
        if unknown:
            raise UsageError(
                f"The stored request has {', '.join(unknown)}, which this version does not know."
            )
        values = {"data": None, **data}
        if "processes" in values:
            values["processes"] = tuple(values["processes"])
        return cls(**values)


def _fitting(choices: tuple[int, ...], largest_group: int) -> str:
    fitting = [n for n in choices if n <= largest_group] or [1]
    return ",".join(str(n) for n in fitting)
