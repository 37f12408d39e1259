"""What a user asks of a search, as plain data, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import InitVar, asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import LaunchError, UsageError
from agebo_hpc.simulation.registry import num_epochs_of, parse_simulation
from agebo_hpc.training.ways import CHOICES as DATA_PARALLEL

if TYPE_CHECKING:
    # Every rank reads a request; few of the others load these.
    from agebo_hpc.search.settings import SearchSettings
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem, Recipe

EXECUTORS = ("auto", "serial", "mpi", "steps", "simulated")
ALLOCATIONS = ("packed", "exclusive")
ISOLATIONS = ("rank", "child")

POSITIVE = (
    *("max_evals", "max_time", "walltime", "epochs", "max_processes", "threads_per_slot"),
    *("accumulate_steps", "max_memory", "initial_points"),
    *("groups", "slots_per_group"),
)
NOT_NEGATIVE = (
    *("ahead", "heartbeat_timeout", "eval_timeout"),
    *("message_latency", "manager_charge", "rank_lifetime"),
)
OF_RECIPE = (
    *("optimizer", "accumulate_steps", "precision", "xla", "input", "loss", "metric"),
    *("schedule", "weight_decay", "label_smoothing", "dropout"),
)
"""Options that replace a field of the problem's recipe of the same name."""

OF_SIMULATED_EXECUTOR = (
    *("groups", "slots_per_group"),
    *("message_latency", "manager_charge", "rank_lifetime"),
)
"""Options that no other executor has."""


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
        ``auto``, ``serial``, ``mpi``, ``steps`` or ``simulated``.
    allocation
        ``packed``: evaluations share a worker group; ``exclusive``: one has a group for itself.
    synchronous
        Whether a batch of evaluations ends before anything new is proposed.
    ahead
        Proposals kept ready for slots that become free, >= 0; None: by the number of slots.
    heartbeat_timeout
        Seconds without a sign of life after which a rank counts as dead; 0: never.
    max_evals, max_time, walltime
        Limits: evaluations and seconds over all lives; seconds of this life.
    epochs, warmup_epochs, early_stopping, objective
        Changes of the problem's recipe; a shorter training without a warm-up of its own warms
        up over the same share of its epochs.
    optimizer, accumulate_steps, precision, xla, input, loss, metric, schedule, weight_decay
        Changes of the problem's recipe, see `agebo_hpc.space.recipe.Recipe`.
    label_smoothing, dropout
        So, too.
    class_weights
        ``none``, ``balanced``, or ``LABEL=NUMBER`` for each class with commas between.
    population, sample_size, kappa, lie, trees, surrogate, mutation, seed
        Of the search.
    initial_points
        Random points of the optimizer before its forest is asked, >= 1; None: by the number of
        evaluations that run at once.
    max_processes
        Largest number of slots of a worker group.
    isolation
        ``rank``: the rank trains; ``child``: a child process of its own for each evaluation.
    data_parallel
        What sums the gradients of a training on several ranks: ``horovod``, ``mpi`` or ``auto``.
    span_nodes
        Whether a worker group may have slots of several nodes, where one node has too few.
    processes
        Choices of n; None: the problem's choices that fit into a group.
    threads_per_slot
        Cores of a slot; None: this node's cores divided by its trainer ranks.
    max_memory
        GiB of its own that a trainer process may have; once one has more, running evaluations
        are the last of this life. None: a share of the node's memory.
    eval_timeout
        Seconds after which an evaluation is ended; 0: never.
    fixed
        Hyperparameters that are not tuned, with their values.
    simulate
        What stands for trainings, see `agebo_hpc.simulation.simulation`; None: they are real.
    groups, slots_per_group
        Worker groups of the simulated executor, and slots of each.
    message_latency
        Seconds that a simulated message takes, one way.
    manager_charge
        Seconds of the virtual clock for a second in which the manager works; 0: none.
    rank_lifetime
        Mean seconds after which a simulated rank dies; 0: never.
    show_ranks
        Whether a line for each rank is printed and logged; not kept.
    is_checked
        Whether another process has found all this allowed; not kept.
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
    optimizer: str | None = None
    accumulate_steps: int | None = None
    precision: str | None = None
    schedule: str | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    dropout: float | None = None
    xla: str | None = None
    input: str | None = None
    loss: str | None = None
    metric: str | None = None
    class_weights: str | None = None
    population: int = 100
    sample_size: int = 10
    kappa: float = 0.001
    lie: str = "mean"
    trees: int = 10
    mutation: str = "any"
    seed: int = 42
    max_processes: int = 8
    isolation: str = "rank"
    data_parallel: str = "auto"
    span_nodes: bool = False
    processes: tuple[int, ...] | None = None
    threads_per_slot: int | None = None
    eval_timeout: float = 0.0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    allocation: str = "packed"
    ahead: int | None = None
    synchronous: bool = False
    surrogate: str = "forest"
    initial_points: int | None = None
    max_time: float | None = None
    heartbeat_timeout: float = 60.0
    max_memory: float | None = None
    simulate: str | None = None
    groups: int | None = None
    slots_per_group: int = 1
    message_latency: float = 0.0005
    manager_charge: float = 1.0
    rank_lifetime: float = 0.0
    show_ranks: bool = False

    is_checked: InitVar[bool] = False

    def __post_init__(self, is_checked: bool) -> None:
        if is_checked:
            return
        self._check_choices()
        self._check_numbers()
        self._check_processes()
        self._check_simulation()
        if self.synchronous and self.ahead:
            raise UsageError(
                f"--ahead is {self.ahead}, but with --synchronous nothing is proposed before the "
                "whole batch has ended; leave out one of them."
            )
        self.search_settings(num_initial=1)

    def _check_choices(self) -> None:
        choices = {
            "executor": EXECUTORS,
            "allocation": ALLOCATIONS,
            "isolation": ISOLATIONS,
            "data_parallel": DATA_PARALLEL,
        }
        for name, allowed in choices.items():
            value = getattr(self, name)
            if value not in allowed:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} is {value}; choose among {', '.join(allowed)}.")

    def _check_numbers(self) -> None:
        for name in (*POSITIVE, *NOT_NEGATIVE):
            value = getattr(self, name)
            if value is None or math.isfinite(value) and value > 0:
                continue
            if name in POSITIVE or value != 0:
                allowed = "more than 0" if name in POSITIVE else "0 or more"
                raise UsageError(f"--{name.replace('_', '-')} is {value}; give {allowed}.")

    def _check_processes(self) -> None:
        if self.processes is not None and (not self.processes or min(self.processes) < 1):
            raise UsageError(
                f"--processes is {self.processes}; give numbers of at least 1, such as 1,2,4,8."
            )
        if self.processes is not None and max(self.processes) > self.max_processes:
            raise UsageError(
                f"--processes allows {max(self.processes)} but --max-processes is "
                f"{self.max_processes}; make a worker group at least as large as the largest n."
            )
        if self.span_nodes and self.executor not in ("auto", "mpi"):
            raise UsageError(
                f"--span-nodes joins nodes for --executor mpi; --executor is {self.executor}. "
                "Leave out one of them."
            )
        if "num_processes" in self.fixed:
            chosen = self.fixed["num_processes"]
            raise UsageError(
                f"--fix is num_processes={chosen}; give --processes {chosen} instead."
            )

    def _check_simulation(self) -> None:
        alone = self.executor in ("steps", "simulated")
        if self.isolation == "child" and (self.simulate or alone):
            given = f"executor {self.executor}" if alone else f"simulate {self.simulate}"
            raise UsageError(
                f"--isolation child is for trainings in ranks; with --{given} there are none. "
                "Leave out one of them."
            )
        if self.simulate is not None:
            parse_simulation(self.simulate)
            if self.data is not None:
                raise UsageError(
                    f"--simulate trains nothing, so {self.data} would not be used; leave out one."
                )
        if self.executor == "simulated":
            missing = [name for name in ("simulate", "groups") if getattr(self, name) is None]
            if missing:
                raise UsageError(
                    f"--executor simulated needs --{missing[0]} too, such as "
                    "--simulate lognormal:mean=60,sigma=0.5 --groups 1024."
                )
            return
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name in OF_SIMULATED_EXECUTOR and value != option.default:
                raise UsageError(
                    f"--{option.name.replace('_', '-')} is {value} but --executor is "
                    f"{self.executor}; it is for --executor simulated only."
                )

    def search_settings(self, num_initial: int) -> SearchSettings:
        """Return the search's settings with ``num_initial`` random points at the start.

        Raises
        ------
        UsageError
            If the method is unknown or a setting is not allowed.
        """
        from agebo_hpc.search.methods import METHODS
        from agebo_hpc.search.settings import BayesianSettings, SearchSettings

        if self.method not in METHODS:
            raise UsageError(f"--method is {self.method}; choose among {', '.join(METHODS)}.")
        return SearchSettings(
            seed=self.seed,
            num_initial=num_initial,
            population_size=self.population,
            sample_size=min(self.sample_size, self.population),
            mutation=self.mutation,  # type: ignore[arg-type]
            bayesian=BayesianSettings(self.kappa, self.lie, self.trees, surrogate=self.surrogate),
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
        from agebo_hpc.space.problem import load_problem, preset

        problem = load_problem(self.problem) if self.problem else preset(self.preset)
        if self.simulate is not None:
            simulation = parse_simulation(self.simulate)
            problem = simulation.problem(problem)
            if num_epochs_of(simulation) is not None:
                self._check_made(problem)
        self._check_not_tuned(problem.hyperparameters)
        data = self.data or problem.data
        if data is None and problem.trainer is None:
            raise UsageError("No data set is named; give DATA.h5 or a problem that names one.")
        return replace(
            problem,
            data=data,
            recipe=self._recipe(problem.recipe),
            objective=self.objective or problem.objective,
        )

    def _check_made(self, problem: Problem) -> None:
        """Refuse what trainings that were made long ago do not have."""
        made = {**asdict(problem.recipe), "objective": problem.objective}
        asked = {
            **asdict(self._recipe(problem.recipe)),
            "objective": self.objective or problem.objective,
        }
        for name, value in made.items():
            if asked[name] != value:
                raise UsageError(
                    f"{name} is asked to be {asked[name]}; in the trainings of --simulate "
                    f"{self.simulate} it is {value}. Leave the option out."
                )
        unknown = sorted(set(self.processes or ()) - set(problem.hyperparameters.processes))
        if unknown:
            known = ",".join(map(str, problem.hyperparameters.processes))
            raise UsageError(
                f"--processes has {unknown[0]}, which no training of --simulate {self.simulate} "
                f"has; search with --processes {known}."
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

    def _check_not_tuned(self, space: HyperparameterSpace) -> None:
        """Refuse options that a hyperparameter of the problem would overrule."""
        options = {"early_stopping": "early_stopping_patience"}
        for option in ("early_stopping", "warmup_epochs", *OF_RECIPE):
            name, value = options.get(option, option), getattr(self, option)
            if value is not None and name in space.defaults:
                raise UsageError(
                    f"--{option.replace('_', '-')} is {value}, but the problem tunes {name}; "
                    f"give --fix {name}={value} instead."
                )

    def _recipe(self, recipe: Recipe) -> Recipe:
        epochs = self.epochs or recipe.epochs
        warmup = self.warmup_epochs
        if warmup is None:
            shorter = min(1.0, epochs / recipe.epochs)
            warmup = round(recipe.warmup_epochs * shorter)
        early = self.early_stopping
        given = {name: getattr(self, name) for name in OF_RECIPE}
        changes = {name: value for name, value in given.items() if value is not None}
        if self.class_weights is not None:
            changes["class_weights"] = parse_class_weights(self.class_weights)
        return replace(
            recipe,
            **changes,
            epochs=epochs,
            warmup_epochs=warmup,
            early_stopping_patience=recipe.early_stopping_patience if early is None else early,
        )

    def to_dict(self) -> dict[str, Any]:
        """Say the request as plain data; what is None or not kept is left out."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        del said["show_ranks"]
        return said

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], is_checked: bool = False) -> SearchRequest:
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
        return cls(**values, is_checked=is_checked)


def parse_class_weights(text: str) -> str | dict[str, float]:
    """Read ``none``, ``balanced``, or ``LABEL=NUMBER`` for each class with commas between.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    if text in ("none", "balanced"):
        return text
    weights: dict[str, float] = {}
    for pair in text.split(","):
        label, _, number = pair.rpartition("=")
        try:
            weights[label] = float(number)
        except ValueError:
            weights[label] = math.nan
        if not label or not weights[label] > 0 or math.isinf(weights[label]):
            raise UsageError(
                f"--class-weights is {text}; write none, balanced, or a number above 0 for each "
                "class, as in 0=0.52,1=13.87."
            )
    return weights


def _fitting(choices: tuple[int, ...], largest_group: int) -> str:
    fitting = [n for n in choices if n <= largest_group] or [1]
    return ",".join(str(n) for n in fitting)
