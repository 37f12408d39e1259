"""What a search method needs to know besides the spaces, checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from agebo_hpc.errors import UsageError
from agebo_hpc.search.surrogates.objectives import LIES
from agebo_hpc.space.architecture import MUTATION_KINDS, MutationKind

SURROGATES = ("forest", "scikit-optimize")
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
        Of the forest, >= 1; leaves hold one sample.
    num_candidates
        Points drawn to optimise the bound over, >= 1.
    surrogate
        One of `SURROGATES`.
    """

    kappa: float = 0.001
    lie: str = "mean"
    num_trees: int = 10
    num_candidates: int = 10_000
    surrogate: str = "forest"


@dataclass(frozen=True)
class SearchSettings:
    """What a method needs to know besides the spaces.

    Attributes
    ----------
    seed
        Of every draw, >= 0.
    num_initial
        Random points of the optimizer before its forest is asked, >= 1; in the papers W, the
        number of evaluations that can run at once.
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
