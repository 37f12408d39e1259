"""Search methods by name; each is a proposer of configurations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agebo_hpc.errors import UsageError
from agebo_hpc.search.aging_evolution import AgingEvolution
from agebo_hpc.search.bayesian import (
    LIES,
    SURROGATES,
    BayesianOptimizer,
    BayesianSettings,
)
from agebo_hpc.search.genomes import ArchitectureGenome, ConfigurationGenome, Genome
from agebo_hpc.search.points import ConfigurationPoints, HyperparameterPoints, PointSpace
from agebo_hpc.search.proposers import (
    DefaultHyperparameters,
    Pair,
    Proposer,
    RandomArchitectures,
    RandomHyperparameters,
    Value,
)
from agebo_hpc.search.refit import RefittingOptimizer
from agebo_hpc.search.search import Search
from agebo_hpc.space.architecture import MUTATION_KINDS, ArchitectureSpace, MutationKind
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.hyperparameters import HyperparameterSpace


@dataclass(frozen=True)
class SearchSettings:
    """What a method needs to know besides the spaces.

    Attributes
    ----------
    seed
        Of every draw, >= 0.
    num_initial
        W, the number of evaluations that can run at once, >= 1.
    population_size, sample_size
        P and S of aging evolution, 1 <= S <= P.
    mutation
        ``"any"`` variable or ``"nodes"`` only.
    bayesian
        Of the Bayesian optimizer.
    """

    seed: int = 42
    num_initial: int = 1
    population_size: int = 100
    sample_size: int = 10
    mutation: MutationKind = "any"
    bayesian: BayesianSettings = field(default_factory=BayesianSettings)

    def __post_init__(self) -> None:
        checks = [
            ("seed", self.seed, self.seed >= 0, "an integer >= 0"),
            ("population", self.population_size, self.population_size >= 1, "at least 1"),
            (
                "sample-size",
                self.sample_size,
                1 <= self.sample_size <= self.population_size,
                f"1 to the population's {self.population_size}",
            ),
            ("mutation", self.mutation, self.mutation in MUTATION_KINDS, "any or nodes"),
            ("kappa", self.bayesian.kappa, self.bayesian.kappa >= 0, "a number >= 0"),
            ("lie", self.bayesian.lie, self.bayesian.lie in LIES, "one of " + ", ".join(LIES)),
            ("trees", self.bayesian.num_trees, self.bayesian.num_trees >= 1, "at least 1"),
            (
                "surrogate",
                self.bayesian.surrogate,
                self.bayesian.surrogate in SURROGATES,
                "one of " + ", ".join(SURROGATES),
            ),
        ]
        for name, value, holds, allowed in checks:
            if not holds:
                raise UsageError(f"--{name} is {value}; give {allowed}.")


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
    if s.bayesian.surrogate == "forest":
        return BayesianOptimizer(points, s.seed, s.num_initial, s.bayesian)
    return RefittingOptimizer(points, s.seed, s.num_initial, s.bayesian)


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


def make_search(
    method: str,
    architectures: ArchitectureSpace,
    hyperparameters: HyperparameterSpace,
    settings: SearchSettings,
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

    Raises
    ------
    UsageError
        If there is no such method.
    """
    if method not in METHODS:
        raise UsageError(f"--method is {method}; choose among {', '.join(METHODS)}.")
    return Search(METHODS[method](architectures, hyperparameters, settings))
