"""Which brackets an asynchronous search has, and how new configurations are shared among them.

The two-knob interface (thesis of Liam Li, section 3.5.1): the number of configurations and the
largest resource are given, the rest follows. All brackets spend the same, so that a bracket has
the more configurations the cheaper they are on average. A bracket is known here by its number of
rungs: the most aggressive one has all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from agebo_hpc.scheduling.brackets import num_halvings

ETA = 4
MAX_RUNGS = 5

BRACKETS = ("standard", "all", "one")
"""Which brackets: the more aggressive half, all of them, or the most aggressive one alone."""


def num_rungs_for(
    max_resource: int,
    eta: int = ETA,
    max_rungs: int = MAX_RUNGS,
    num_configurations: int | None = None,
    min_resource: int = 1,
) -> int:
    """Return how many rungs there are at most.

    Parameters
    ----------
    max_resource, min_resource
        Most and least resource of a training, >= 1.
    eta
        Reduction factor, >= 2.
    max_rungs
        Most rungs, >= 1.
    num_configurations
        Configurations in all, >= 1: so many that one of them is to reach the top; None: enough.
    """
    bounds = [max_rungs, num_halvings(max_resource, min_resource, eta) + 1]
    if num_configurations is not None:
        bounds.append(num_halvings(num_configurations, 1, eta) + 1)
    return min(bounds)


def rungs_of_brackets(which: str, num_rungs: int) -> tuple[int, ...]:
    """Return the number of rungs of each bracket, the most aggressive first.

    Parameters
    ----------
    which
        One of `BRACKETS`.
    num_rungs
        Rungs of the most aggressive one, >= 1.
    """
    fewest = {"all": 1, "standard": (num_rungs - 1) // 2 + 1, "one": num_rungs}[which]
    return tuple(range(num_rungs, fewest - 1, -1))


def mean_cost(num_rungs: int, eta: int) -> Fraction:
    """Return what a configuration of a bracket costs on average, in whole trainings."""
    return Fraction(num_rungs, eta ** (num_rungs - 1))


def bracket_weights(rungs: Sequence[int], eta: int) -> list[Fraction]:
    """Return the share of configurations of each bracket, by its number of rungs.

    The shares are inverse to `mean_cost`, and so those of synchronous Hyperband.
    """
    weights = [1 / mean_cost(each, eta) for each in rungs]
    return [weight / sum(weights) for weight in weights]


def split(num_configurations: int, weights: Sequence[Fraction]) -> list[int]:
    """Return how many configurations each bracket has: rounded down, at least one.

    What is left goes to the first.
    """
    counts = [max(1, int(num_configurations * weight)) for weight in weights]
    counts[0] += num_configurations - sum(counts)
    return counts


class Turns:
    """Says which bracket a new configuration joins; deterministic, and true to the shares.

    After every number of configurations each bracket has what it is due, to within one or two,
    so that a search that is asked for more goes on as if it had been asked for them before.

    Parameters
    ----------
    weights
        Shares of the brackets, their sum 1.
    """

    def __init__(self, weights: Sequence[Fraction]) -> None:
        self._unit = lcm(*(weight.denominator for weight in weights))
        self._weights = [int(weight * self._unit) for weight in weights]
        self.counts = [0] * len(weights)

    def next(self) -> int:
        """Return the bracket that is due most; note that one has joined it."""
        number = sum(self.counts) + 1
        due = [
            weight * number - self._unit * count
            for weight, count in zip(self._weights, self.counts, strict=True)
        ]
        bracket = due.index(max(due))
        self.note(bracket)
        return bracket

    def note(self, bracket: int) -> None:
        """Note that a configuration has joined a bracket."""
        self.counts[bracket] += 1
