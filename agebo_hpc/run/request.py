"""What a user asks of a search, as plain data, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import InitVar, asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import ConfigurationError, LaunchError, UsageError
from agebo_hpc.metrics.own import is_own
from agebo_hpc.run.notation import read_class_weights
from agebo_hpc.run.options import OPTIONS, RECIPE_OPTIONS, SearchOptions
from agebo_hpc.run.scheduler_options import TAKEN_BY
from agebo_hpc.simulation.registry import num_epochs_of, parse_simulation
from agebo_hpc.space.cost import CostBounds, refuse_bounds_of

if TYPE_CHECKING:
    # Every rank reads a request; few of the others load these.
    from agebo_hpc.scheduling.schedulers import SchedulerSettings
    from agebo_hpc.search.settings import SearchSettings
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem, Recipe


@dataclass(frozen=True)
class SearchRequest(SearchOptions):
    """What is asked of one search: every option, checked.

    Attributes
    ----------
    is_checked
        Whether another process has found all this allowed; not kept.
    """

    is_checked: InitVar[bool] = False

    def __post_init__(self, is_checked: bool) -> None:
        if is_checked:
            return
        for name, record in OPTIONS.items():
            record.check(getattr(self, name))
        self._check_metric_and_loss()
        self._check_processes()
        self._check_simulation()
        if self.synchronous and self.ahead:
            raise UsageError(
                f"--ahead is {self.ahead}, but with --synchronous nothing is proposed before the "
                "whole batch has ended; leave out one of them."
            )
        self._check_scheduler()
        refuse_bounds_of(self.method, self.bounds(0.0))

    def _check_metric_and_loss(self) -> None:
        from agebo_hpc.space.recipe import Recipe

        metric = "auto" if self.metric is None or is_own(self.metric) else self.metric
        try:
            Recipe(metric=metric, loss=self.loss or "auto")
        except ConfigurationError as error:
            raise UsageError(f"--{error}") from None

    def _check_processes(self) -> None:
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

    def _check_scheduler(self) -> None:
        for name, schedulers in TAKEN_BY.items():
            value, record = getattr(self, name), OPTIONS[name]
            if value != record.default and self.scheduler not in schedulers:
                raise UsageError(
                    f"{record.spelling} is {value} but --scheduler is {self.scheduler}; it is for "
                    f"{', '.join(schedulers)} only."
                )
        if self.scheduler == "fifo":
            return
        if self.synchronous:
            raise UsageError(
                f"--synchronous proposes in batches, which --scheduler {self.scheduler} does not "
                "wait for; leave out one of them."
            )

    def scheduler_settings(self, num_epochs: int, num_rungs: int | None) -> SchedulerSettings:
        """Return what the scheduler is told.

        Parameters
        ----------
        num_epochs
            Epochs of a whole training, >= 1.
        num_rungs
            Rungs that the search began with; None: those that follow from what is asked.

        Raises
        ------
        UsageError
            If no such scheduler can be had.
        """
        from agebo_hpc.scheduling.schedulers import SchedulerSettings

        asked = SchedulerSettings(
            name=self.scheduler,
            max_resource=num_epochs,
            min_resource=self.min_epochs,
            eta=self.eta,
            max_rungs=num_rungs or self.max_rungs,
            brackets=self.brackets,
            num_configurations=None if num_rungs else self.max_evals,
            bracket_size=self.bracket_size,
            n_max=self.n_max,
            n_min=self.n_min,
        )
        if num_epochs == 1 and self.scheduler != "fifo":
            raise UsageError(
                f"--scheduler {self.scheduler} compares trainings after a part of their epochs, "
                "but they have one; give more --epochs."
            )
        if self.min_epochs > num_epochs and self.scheduler != "fifo":
            raise UsageError(
                f"--min-epochs is {self.min_epochs}, but a whole training has {num_epochs} "
                "epochs; give at most as many."
            )
        try:
            asked.check()
        except ValueError as error:
            raise UsageError(f"--scheduler {self.scheduler}: {error}.") from None
        return asked

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
        for name, record in OPTIONS.items():
            value = getattr(self, name)
            if record.for_simulation and value != record.default:
                raise UsageError(
                    f"{record.spelling} is {value} but --executor is {self.executor}; it is for "
                    "--executor simulated only."
                )

    def search_settings(
        self, num_initial: int, usual: tuple[int, int] | None = None
    ) -> SearchSettings:
        """Return the search's settings.

        Parameters
        ----------
        num_initial
            Random points at the start.
        usual
            Population and sample size where the request does not say them; None: the papers'.
        """
        from agebo_hpc.search.settings import BayesianSettings, SearchSettings

        population, sample = usual or (SearchSettings.population_size, SearchSettings.sample_size)
        population = self.population or population
        if self.sample_size or self.population:
            sample = self.sample_size or SearchSettings.sample_size
        return SearchSettings(
            seed=self.seed,
            num_initial=num_initial,
            population_size=population,
            sample_size=min(sample, population),
            mutation=self.mutation,  # type: ignore[arg-type]
            bayesian=BayesianSettings(self.kappa, self.lie, self.trees, surrogate=self.surrogate),
        )

    def bounds(self, speed: float) -> CostBounds:
        """Return the bounds on networks, on a machine of this speed."""
        given = self.max_parameters, self.max_flops, self.min_rows_per_second
        return CostBounds(*given, speed)

    @property
    def preset_name(self) -> str:
        """Name of the preset: the one that was asked for, or the usual one.

        Simulated trainings are of the papers' spaces, which their tables were made with.
        """
        from agebo_hpc.space.problem import DEFAULT, OF_SIMULATIONS

        return self.preset or (OF_SIMULATIONS if self.simulate is not None else DEFAULT)

    def load_problem(self, begun: Mapping[str, Any] | None = None) -> Problem:
        """Return the problem with this request's changes.

        Parameters
        ----------
        begun
            The problem that a run stored when it began: what follows from the rows stays as it
            was, whatever follows from them by now. None: there is no run yet.

        Raises
        ------
        UsageError
            If no data set is named.
        ConfigurationError, InputMissingError
            If the preset or the problem file is wrong.
        """
        from agebo_hpc.space.problem import load_problem, preset

        problem = load_problem(self.problem) if self.problem else preset(self.preset_name)
        if self.simulate is not None:
            simulation = parse_simulation(self.simulate)
            problem = simulation.problem(problem)
            if num_epochs_of(simulation) is not None:
                self._check_made(problem)
        data = self.data or problem.data
        if data is None and problem.trainer is None:
            raise UsageError("No data set is named; give DATA.h5 or a problem that names one.")
        if begun is not None:
            problem = problem.as_begun(begun)
        if problem.by_rows and data is not None and problem.trainer is None:
            from agebo_hpc.data.dataset import open_dataset

            dataset = open_dataset(data)
            problem = problem.for_data(
                dataset.num_rows["train"], dataset.task, self._seconds_for_trainings()
            )
        self._check_not_tuned(problem.hyperparameters)
        return replace(
            problem,
            data=data,
            recipe=self._recipe(problem.recipe),
            objective=self.objective or problem.objective,
        )

    def _seconds_for_trainings(self) -> float | None:
        """Return the time that trainings are to fit into; None: it does not matter."""
        limits = [limit for limit in (self.max_time, self.walltime) if limit is not None]
        return None if self.epochs is not None else min(limits, default=None)

    def _check_made(self, problem: Problem) -> None:
        """Refuse values of options that the simulated trainings do not have."""
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
        for name, record in RECIPE_OPTIONS.items():
            value = getattr(self, record.name)
            if value is not None and name in space.defaults:
                raise UsageError(
                    f"{record.spelling} is {value}, but the problem tunes {name}; give --fix "
                    f"{name}={value} instead."
                )

    def _recipe(self, recipe: Recipe) -> Recipe:
        asked = {name: getattr(self, record.name) for name, record in RECIPE_OPTIONS.items()}
        changes = {name: value for name, value in asked.items() if value is not None}
        if self.class_weights is not None:
            changes["class_weights"] = read_class_weights(self.class_weights)
        if self.epochs is not None and self.warmup_epochs is None:
            # A shorter training warms up over the same share of its epochs.
            shorter = min(1.0, self.epochs / recipe.epochs)
            changes["warmup_epochs"] = round(recipe.warmup_epochs * shorter)
        return replace(recipe, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain data; what is None or not kept is left out."""
        said = {name: getattr(self, name) for name, record in OPTIONS.items() if record.is_kept}
        return {name: deepcopy(value) for name, value in said.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], is_checked: bool = False) -> SearchRequest:
        """Read what `to_dict` gave; names that this version does not know are an error.

        Raises
        ------
        UsageError
            If a name is unknown.
        """
        unknown = sorted(set(data) - set(OPTIONS))
        if unknown:
            raise UsageError(
                f"The stored request has {', '.join(unknown)}, which this version does not know."
            )
        values = {"data": None, **data}
        if "processes" in values:
            values["processes"] = tuple(values["processes"])
        return cls(**values, is_checked=is_checked)


def _fitting(choices: tuple[int, ...], largest_group: int) -> str:
    fitting = [n for n in choices if n <= largest_group] or [1]
    return ",".join(str(n) for n in fitting)
