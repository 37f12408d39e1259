"""Search methods by name; each is a proposer of configurations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agebo_hpc.errors import UsageError
from agebo_hpc.search.aging_evolution import AgingEvolution
from agebo_hpc.search.first import FirstByHand
from agebo_hpc.search.genomes import ArchitectureGenome, ConfigurationGenome, Genome
from agebo_hpc.search.proposers import (
    DefaultHyperparameters,
    Pair,
    Proposer,
    RandomArchitectures,
    RandomHyperparameters,
    Value,
)
from agebo_hpc.search.search import Search
from agebo_hpc.search.settings import GAUSSIAN, SearchSettings
from agebo_hpc.search.surrogates.points import (
    ConfigurationPoints,
    HyperparameterPoints,
    PointSpace,
)
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.hyperparameters import HyperparameterSpace

Builder = Callable[
    [ArchitectureSpace, HyperparameterSpace, SearchSettings], Proposer[Configuration]
]


def agebo(
    architectures: ArchitectureSpace, hyperparameters: HyperparameterSpace, s: SearchSettings
) -> Proposer[Configuration]:
    """Aging evolution for the architecture, Bayesian optimization for the hyperparameters."""
    points = HyperparameterPoints(hyperparameters)
    return Pair(
        _evolution(ArchitectureGenome(architectures, s.mutation), s),
        _bayesian(points, s),
    )


def age(
    architectures: ArchitectureSpace, hyperparameters: HyperparameterSpace, s: SearchSettings
) -> Proposer[Configuration]:
    """Aging evolution for the architecture, default hyperparameters."""
    return Pair(
        _evolution(ArchitectureGenome(architectures, s.mutation), s),
        DefaultHyperparameters(hyperparameters),
    )


def random(
    architectures: ArchitectureSpace, hyperparameters: HyperparameterSpace, s: SearchSettings
) -> Proposer[Configuration]:
    """Draw both at random, always: the baseline."""
    return Pair(
        RandomArchitectures(architectures, s.seed),
        RandomHyperparameters(hyperparameters, s.seed),
    )


def mixed_age(
    architectures: ArchitectureSpace, hyperparameters: HyperparameterSpace, s: SearchSettings
) -> Proposer[Configuration]:
    """Aging evolution of both: hyperparameters are further genes."""
    return _evolution(ConfigurationGenome(architectures, hyperparameters, s.mutation), s)


def mixed_bo(
    architectures: ArchitectureSpace, hyperparameters: HyperparameterSpace, s: SearchSettings
) -> Proposer[Configuration]:
    """One Bayesian optimization over both."""
    points = ConfigurationPoints(architectures, hyperparameters)
    return _bayesian(points, s)


def _bayesian(points: PointSpace[Value], s: SearchSettings) -> Proposer[Value]:
    optimizer = _optimizer_with(s.bayesian.surrogate)
    made: Proposer[Value] = optimizer(points, s.seed, s.num_initial, s.bayesian)
    return made


def _optimizer_with(surrogate: str) -> Any:
    """Return the class; its libraries take long to load, and trainers need none of them."""
    if surrogate == "forest":
        from agebo_hpc.search.surrogates.bayesian import BayesianOptimizer

        return BayesianOptimizer
    if surrogate in GAUSSIAN:
        from agebo_hpc.search.surrogates.gaussian import GaussianOptimizer

        return GaussianOptimizer
    from agebo_hpc.search.surrogates.refit import RefittingOptimizer

    return RefittingOptimizer


def _evolution(genome: Genome[Value], s: SearchSettings) -> AgingEvolution[Value]:
    return AgingEvolution(genome, s.seed, s.population_size, s.sample_size)


METHODS: dict[str, Builder] = {
    "agebo": agebo,
    "age": age,
    "random": random,
    "mixed-age": mixed_age,
    "mixed-bo": mixed_bo,
}
"""Every search method by the name that the command line knows."""

WITH_POPULATION = ("agebo", "age", "mixed-age")
"""Methods that draw parents from a population."""

WITH_SURROGATE = ("agebo", "mixed-bo")
"""Methods that have a surrogate."""


def load_libraries(method: str, surrogate: str) -> None:
    """Load what `make_search` would load for a method, so that it need not."""
    if method in WITH_SURROGATE:
        _optimizer_with(surrogate)


def make_search(
    method: str,
    architectures: ArchitectureSpace,
    hyperparameters: HyperparameterSpace,
    settings: SearchSettings,
    first: Sequence[Architecture] = (),
) -> Search:
    """Return a new search.

    Parameters
    ----------
    method
        A key of `METHODS`.
    architectures, hyperparameters
        The two spaces.
    settings
        What the method needs besides.
    first
        Architectures that the search begins with, see `agebo_hpc.search.first`; not of random
        search, which is to be compared with. Empty: all begin at random.

    Raises
    ------
    UsageError
        If there is no such method.
    """
    if method not in METHODS:
        raise UsageError(f"--method is {method}; choose among {', '.join(METHODS)}.")
    proposer = METHODS[method](architectures, hyperparameters, settings)
    if not first or method == "random":
        return Search(proposer)
    defaults = DefaultHyperparameters(hyperparameters)
    given = settings.seed, settings.population_size
    return Search(FirstByHand(proposer, first, architectures, defaults, *given))
