"""What a search method needs to know besides the spaces, checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from agebo_hpc.errors import UsageError
from agebo_hpc.search.surrogates.objectives import LIES
from agebo_hpc.space.architecture import MUTATION_KINDS, MutationKind

GAUSSIAN = ("gp", "gp-decay")
"""Gaussian processes over hyperparameters and epochs: Matérn 5/2, and curves that decay."""

SURROGATES = ("forest", "scikit-optimize", *GAUSSIAN)
"""``forest`` is kept up to date; ``scikit-optimize`` is a new forest for each proposal."""


@dataclass(frozen=True)
class BayesianSettings:
    """How the surrogate and its acquisition work.

    Attributes
    ----------
    kappa
        Weight of the standard deviation in the bound, >= 0; small exploits.
    lie
        A key of `LIES`.
    num_trees
        Number of trees of the forest, >= 1; leaves hold one sample.
    num_candidates
        Points drawn to optimise the bound over, >= 1.
    surrogate
        One of `SURROGATES`; the other settings are those of forests.
    """

    kappa: float = 0.001
    lie: str = "mean"
    num_trees: int = 10
    num_candidates: int = 10_000
    surrogate: str = "forest"

    def __post_init__(self) -> None:
        _check("kappa", self.kappa, self.kappa >= 0, "a number >= 0")
        _check("trees", self.num_trees, self.num_trees >= 1, "at least 1")
        _check_name("lie", self.lie, LIES)
        _check_name("surrogate", self.surrogate, SURROGATES)


@dataclass(frozen=True)
class SearchSettings:
    """What a method needs to know besides the spaces.

    Attributes
    ----------
    seed
        Seed of every draw, >= 0.
    num_initial
        Random points of the optimizer before its forest is asked, >= 1; in the papers W, the
        number of evaluations that can run at once.
    population_size, sample_size
        P and S of aging evolution, 1 <= S <= P.
    mutation
        ``"any"`` variable or ``"nodes"`` only.
    bayesian
        Settings of the Bayesian optimizer.
    """

    seed: int = 42
    num_initial: int = 1
    population_size: int = 100
    sample_size: int = 10
    mutation: MutationKind = "any"
    bayesian: BayesianSettings = field(default_factory=BayesianSettings)

    def __post_init__(self) -> None:
        most = self.population_size
        _check("seed", self.seed, self.seed >= 0, "an integer >= 0")
        _check("population", most, most >= 1, "at least 1")
        is_sample = 1 <= self.sample_size <= most
        _check("sample-size", self.sample_size, is_sample, f"1 to the population's {most}")
        _check_name("mutation", self.mutation, MUTATION_KINDS)


def _check(name: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise UsageError(f"--{name} is {value}; give {allowed}.")


def _check_name(name: str, value: str, names: Collection[str]) -> None:
    _check(name, value, value in names, "one of " + ", ".join(names))
