"""The methods that the papers compare, as data: what each sets on the command line of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHOICES_OF_N = (1, 2, 4, 8)
"""The papers' choices of num_processes."""

LARGEST = "largest"
ALL = "all"


@dataclass(frozen=True)
class Variant:
    """A method of search as an experiment runs it.

    Attributes
    ----------
    name
        Name in tables and figures; ``{n}`` stands for the largest n.
    method
        A key of `agebo_hpc.search.methods.METHODS`.
    processes
        ``all`` choices of n, the ``largest`` alone, or one number.
    tuned
        Hyperparameters besides n that are searched; the others have their defaults. None: all.
    options
        Further options of ``agebo-hpc search``, by name; True for one without a value.
    share
        Share of the experiment's workers that it has, in (0, 1].
    """

    name: str
    method: str = "agebo"
    processes: str | int = ALL
    tuned: tuple[str, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    share: float = 1.0

    def choices_of_n(self, largest: int) -> tuple[int, ...]:
        """Return the choices of n where a worker has ``largest`` slots; empty: cannot be run."""
        fitting = tuple(n for n in CHOICES_OF_N if n <= largest)
        if self.processes == ALL:
            return fitting
        if self.processes == LARGEST:
            return fitting[-1:]
        return (int(self.processes),) if int(self.processes) <= largest else ()

    def workers(self, workers: int) -> int:
        """Return how many of the experiment's workers it has, rounded down."""
        return int(self.share * workers)

    def label(self, largest: int) -> str:
        """Return the name with the largest n filled in."""
        return self.name.format(n=self.choices_of_n(largest)[-1])


def age(n: str | int, name: str | None = None) -> Variant:
    """Return AgE-n: aging evolution, default hyperparameters, n fixed."""
    return Variant(name or f"AgE-{n}", "age", n, tuned=())


AGE_LARGEST = age(LARGEST, "AgE-{n}")
AGEBO = Variant("AgEBO")
AGEBO_LR = Variant("AgEBO-{n}-LR", processes=LARGEST, tuned=("learning_rate",))
AGEBO_LR_BS = Variant("AgEBO-{n}-LR-BS", processes=LARGEST)
AGEBO_LARGEST = Variant("AgEBO-{n}", processes=LARGEST)
MIXED_AGE = Variant("mixed AgE", "mixed-age")
MIXED_BO = Variant("mixed BO", "mixed-bo")
RANDOM = Variant("random", "random")
SYNCHRONOUS = Variant("AgEBO synchronous", options={"synchronous": True})


def kappa(value: float) -> Variant:
    """Return AgEBO that explores more, or less, than the papers' 0.001."""
    return Variant(f"AgEBO kappa={value:g}", options={"kappa": value})


def on_part(parts: int) -> Variant:
    """Return AgEBO on one of so many parts of the workers."""
    return Variant(f"AgEBO on 1/{parts}", share=1 / parts)


VARIANTS = (
    *(age(n) for n in CHOICES_OF_N),
    *(AGEBO_LR, AGEBO_LR_BS, AGEBO, AGEBO_LARGEST, MIXED_AGE, MIXED_BO, SYNCHRONOUS, RANDOM),
    *(kappa(value) for value in (0.0, 0.01, 0.1, 1.96, 19.6)),
    Variant("AgEBO nodes only", options={"mutation": "nodes"}),
    *(Variant(f"AgEBO lie {lie}", options={"lie": lie}) for lie in ("min", "max")),
    *(
        Variant(f"AgEBO {surrogate}", options={"surrogate": surrogate})
        for surrogate in ("scikit-optimize", "gp", "gp-decay")
    ),
)
"""Every variant of the papers, and Gaussian processes, for ``--methods``; those on a share of the
workers besides."""
