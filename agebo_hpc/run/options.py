"""All options of a search, each as one record; see `agebo_hpc.run.option`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agebo_hpc.run.option import OnResume, Option, OptionGroup, option, options_of, required
from agebo_hpc.run.scheduler_options import SchedulerOptions
from agebo_hpc.run.simulation_options import SimulationOptions
from agebo_hpc.run.training_options import TrainingOptions
from agebo_hpc.search.settings import SURROGATES, BayesianSettings, SearchSettings
from agebo_hpc.search.surrogates.objectives import LIES
from agebo_hpc.space.architecture import MUTATION_KINDS
from agebo_hpc.training.ways import CHOICES as DATA_PARALLEL

EXECUTORS = ("auto", "serial", "mpi", "steps", "simulated")
ALLOCATIONS = ("packed", "exclusive")
ISOLATIONS = ("rank", "child")

SEARCH, SCHEDULING, MACHINE = OptionGroup.SEARCH, OptionGroup.SCHEDULING, OptionGroup.MACHINE
LIMITS, OUTPUT = OptionGroup.LIMITS, OptionGroup.OUTPUT
START, GOAL, FORCE, NEVER = OnResume.START, OnResume.GOAL, OnResume.FORCE, OnResume.NEVER


def _methods() -> Sequence[str]:
    from agebo_hpc.search.methods import METHODS

    return tuple(METHODS)


def _presets() -> Sequence[str]:
    from agebo_hpc.space.problem import PRESETS

    return tuple(PRESETS)


@dataclass(frozen=True)
class SearchOptions(SimulationOptions, SchedulerOptions, TrainingOptions):
    """What may be asked of a search. None: what is there decides.

    Every field is an option with a record of its own, see `OPTIONS`.
    """

    data: str | None = required(
        "Prepared data set; on resume, where it lies now.", SEARCH, START, metavar="DATA.h5"
    )
    out: str = required("Run directory; must not exist.", OUTPUT, NEVER, metavar="DIR", usual=True)
    method: str = option(
        "agebo",
        "agebo: aging evolution for the architecture, Bayesian optimization for the "
        "hyperparameters; age: default hyperparameters; mixed-age: hyperparameters are genes; "
        "mixed-bo: one optimizer for both; random: neither.",
        SEARCH,
        NEVER,
        choices=_methods,
        usual=True,
    )
    preset: str | None = option(
        None,
        "Named problem: spaces and training recipe.",
        SEARCH,
        NEVER,
        choices=_presets,
        checked_later=True,
        unset="tabular; v1 for simulated trainings",
        usual=True,
    )
    problem: str | None = option(
        None,
        "A problem of your own, in Python.",
        SEARCH,
        NEVER,
        metavar="FILE.py:NAME",
        unset="the preset",
    )
    fixed: Mapping[str, Any] = option(
        {},
        "Do not tune this hyperparameter; may be given several times.",
        SEARCH,
        NEVER,
        flag="--fix",
        metavar="NAME=VALUE",
    )
    seed: int = option(
        SearchSettings.seed, "Seed of every random draw.", SEARCH, NEVER, least=0, usual=True
    )
    population: int | None = option(
        None,
        "Networks in the population of aging evolution. Until it is full, networks are random.",
        SEARCH,
        FORCE,
        least=1,
        unit="networks",
        unset="a quarter of the evaluations that are expected, at most the "
        f"papers' {SearchSettings.population_size}",
    )
    sample_size: int | None = option(
        None,
        "Networks that are drawn to take a parent from; at most all.",
        SEARCH,
        FORCE,
        least=1,
        unit="networks",
        unset="10, at most half of a smaller population",
    )
    mutation: str = option(
        SearchSettings.mutation,
        "What a mutation may change: any variable, or nodes only.",
        SEARCH,
        FORCE,
        choices=MUTATION_KINDS,
    )
    kappa: float = option(
        BayesianSettings.kappa,
        "Exploration: how many standard deviations the optimizer adds to the predicted objective.",
        SEARCH,
        FORCE,
        least=0,
    )
    lie: str = option(
        BayesianSettings.lie,
        "Objective that pending points are given: the mean, the smallest or the largest of those "
        "seen.",
        SEARCH,
        FORCE,
        choices=tuple(LIES),
    )
    trees: int = option(
        BayesianSettings.num_trees,
        "Trees of the optimizer's random forest.",
        SEARCH,
        NEVER,
        least=1,
        unit="trees",
    )
    surrogate: str = option(
        BayesianSettings.surrogate,
        "The optimizer's model: forest is a random forest kept up to date; scikit-optimize "
        "is that library's; gp is a Gaussian process over hyperparameters and epochs (A-BOHB), "
        "gp-decay one of curves that decay. --trees, --kappa and --lie are for forests.",
        SEARCH,
        NEVER,
        choices=SURROGATES,
    )
    initial_points: int | None = option(
        None,
        "Random hyperparameters before the optimizer is asked.",
        SEARCH,
        NEVER,
        least=1,
        unit="points",
        unset="as many evaluations as run at once, 5 at least",
    )
    max_parameters: int | None = option(
        None,
        "Most trainable numbers of a network that is proposed.",
        SEARCH,
        FORCE,
        least=1,
        unit="numbers",
        unset="no bound",
    )
    max_flops: float | None = option(
        None,
        "Most floating point operations of the products of a network that is proposed, for the "
        "prediction of one row, such as 1e6.",
        SEARCH,
        FORCE,
        above=0,
        unset="no bound",
    )
    min_rows_per_second: float | None = option(
        None,
        "Fewest rows that a network that is proposed predicts in a second on one core of this "
        "machine, told from its operations and the machine's speed, which is measured at the "
        "start.",
        SEARCH,
        FORCE,
        above=0,
        unit="rows",
        unset="no bound",
    )
    executor: str = option(
        "auto",
        "Where evaluations run. auto: mpi when a launcher started the process, else serial. "
        "steps: each evaluation in a job step of its own, by mpirun or srun. simulated: on a "
        "virtual clock, with --simulate and --groups.",
        SCHEDULING,
        START,
        choices=EXECUTORS,
        usual=True,
    )
    max_processes: int = option(
        8,
        "Largest number of trainer ranks in a worker group.",
        SCHEDULING,
        NEVER,
        least=1,
        unit="ranks",
        usual=True,
    )
    processes: tuple[int, ...] | None = option(
        None,
        "Choices of n, the ranks of one training, such as 1,2,4.",
        SCHEDULING,
        NEVER,
        unset="the problem's that fit into a group",
    )
    span_nodes: bool = option(
        False,
        "Join nodes that have fewer ranks than --max-processes into one worker group: an "
        "evaluation may then have ranks on several nodes.",
        SCHEDULING,
        FORCE,
    )
    allocation: str = option(
        "packed",
        "packed: evaluations share a worker group; exclusive: each has one for itself.",
        SCHEDULING,
        FORCE,
        choices=ALLOCATIONS,
    )
    ahead: int | None = option(
        None,
        "Proposals kept ready for slots that become free.",
        SCHEDULING,
        FORCE,
        least=0,
        unit="proposals",
        unset="an eighth of the evaluations that run at once; 0 with one slot",
    )
    synchronous: bool = option(
        False,
        "Propose a batch, wait for all of it, propose the next: slots stand idle meanwhile.",
        SCHEDULING,
        FORCE,
    )
    isolation: str = option(
        "rank",
        "rank: the rank itself trains; child: each evaluation in a child process, so that a crash "
        "or the out-of-memory killer costs one evaluation.",
        MACHINE,
        START,
        choices=ISOLATIONS,
    )
    data_parallel: str = option(
        "auto",
        "What sums the gradients of a training on several ranks: Horovod, or MPI itself; auto: "
        "Horovod where all ranks have it.",
        MACHINE,
        START,
        choices=DATA_PARALLEL,
    )
    threads_per_slot: int | None = option(
        None,
        "Cores of one trainer rank.",
        MACHINE,
        START,
        least=1,
        unit="cores",
        unset="cores of the node / its trainer ranks",
        usual=True,
    )
    max_memory: float | None = option(
        None,
        "Memory of its own that a trainer process may have. Once one has more, no evaluation "
        "starts any more; those that run end, and the search returns 75 to be resumed with fresh "
        "processes.",
        MACHINE,
        START,
        above=0,
        metavar="GiB",
        unset="0.8 of the node's memory / its trainer ranks, and twice what it had at first",
    )
    heartbeat_timeout: float = option(
        60.0,
        "A rank that gives no sign of life for so long counts as dead; 0: never.",
        MACHINE,
        START,
        least=0,
        unit="s",
    )
    max_evals: int | None = option(
        None,
        "The search is complete with so many evaluations, counted over all its sessions.",
        LIMITS,
        GOAL,
        least=1,
        unit="evaluations",
        unset="no limit",
        usual=True,
    )
    max_time: float | None = option(
        None,
        "The search is complete after so much search time, such as 12h, counted over all its "
        "sessions.",
        LIMITS,
        GOAL,
        above=0,
        unit="s",
        unset="no limit",
        usual=True,
    )
    walltime: float | None = option(
        None,
        "Length of this session, such as 90s, 15m, 3h or 03:00:00, from when all ranks are there; "
        "evaluations that would not end in time are not started. With --max-evals or --max-time "
        "missing then, the code is 75, to be resumed; without both, the search is complete. In a "
        "batch job its end counts as well.",
        LIMITS,
        START,
        above=0,
        unit="s",
        unset="no limit",
        usual=True,
    )
    eval_timeout: float = option(
        0.0,
        "End an evaluation that takes longer, such as 30m.",
        LIMITS,
        START,
        least=0,
        unit="s",
        zero="never",
    )
    baselines: bool = option(
        True,
        "Measure beside the search what a constant, a linear model and boosted trees reach on the "
        "same rows, with the same metric.",
        OUTPUT,
        START,
    )
    show_ranks: bool = option(
        False,
        "Print and log one line for each rank: host, group, cores, devices.",
        OUTPUT,
        START,
        is_kept=False,
    )


@dataclass(frozen=True)
class StartOptions:
    """What a start is told besides; none of it is stored."""

    resume: bool = option(
        False, "Go on if the run directory holds a search.", OUTPUT, START, usual=True
    )
    force: bool = option(
        False,
        "Resume although options or data have changed; the log says which.",
        OUTPUT,
        START,
    )
    trust: bool = option(
        False,
        "Resume although the run directory or its problem file, which is run, belongs to another "
        "user.",
        OUTPUT,
        START,
    )


OPTIONS: dict[str, Option] = options_of(SearchOptions)
"""Every option that a search is started with, by its name in the request."""

START_OPTIONS: dict[str, Option] = options_of(StartOptions)
"""Those that only the start itself needs."""

RECIPE_OPTIONS = {record.recipe: record for record in OPTIONS.values() if record.recipe}
"""Those that replace a field of the training recipe, by the field."""


def names_of(*classes: OnResume) -> tuple[str, ...]:
    """Return the options with which a resume may do one of these."""
    return tuple(name for name, record in OPTIONS.items() if record.on_resume in classes)
