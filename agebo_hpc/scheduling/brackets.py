"""The arithmetic of successive halving and Hyperband: how many are trained, and how far.

Brackets are counted as in the thesis of Liam Li (CMU-ML-20-104, chapter 2): s = 0 is the most
aggressive one, which begins at the lowest level. Everything is integer arithmetic, since
logarithms in floating point round the wrong way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True)
class Bracket:
    """One run of successive halving.

    Attributes
    ----------
    sizes
        Number of configurations at each rung, from the lowest rung on, each >= 1.
    levels
        Resource that the configurations of a rung have been trained for, increasing, each >= 1.
    """

    sizes: tuple[int, ...]
    levels: tuple[int, ...]

    def cost(self, resumes: bool = True) -> int:
        """Return the resource that is spent in all.

        Parameters
        ----------
        resumes
            Whether a configuration goes on from where it was paused; else from its start.
        """
        below = (0, *self.levels[:-1]) if resumes else (0,) * len(self.levels)
        steps = zip(self.sizes, self.levels, below, strict=True)
        return sum(size * (level - start) for size, level, start in steps)


def num_halvings(largest: int, smallest: int, eta: int) -> int:
    """Return the largest k with ``smallest * eta**k <= largest``: the thesis' K.

    Parameters
    ----------
    largest, smallest
        Most and least resource, or numbers of configurations, largest >= smallest >= 1.
    eta
        Reduction factor, >= 2.
    """
    if not largest >= smallest >= 1 or eta < 2:
        raise ValueError(f"no halvings from {largest} to {smallest} by {eta}")
    halvings = 0
    while smallest * eta ** (halvings + 1) <= largest:
        halvings += 1
    return halvings


def rung_levels(max_resource: int, eta: int, num_rungs: int) -> tuple[int, ...]:
    """Return the levels of so many rungs, the last of which is the most resource.

    Raises
    ------
    ValueError
        If the lowest level would be below 1.
    """
    if not 1 <= num_rungs <= num_halvings(max_resource, 1, eta) + 1:
        raise ValueError(f"a resource of {max_resource} has no {num_rungs} rungs by {eta}")
    return tuple(max_resource // eta**k for k in reversed(range(num_rungs)))


def halving(num_configurations: int, levels: Sequence[int], eta: int) -> Bracket:
    """Return the bracket of successive halving with so many configurations (Algorithm 2).

    Raises
    ------
    ValueError
        If nobody would reach the last level.
    """
    sizes = tuple(num_configurations // eta**rung for rung in range(len(levels)))
    if not sizes or sizes[-1] < 1:
        raise ValueError(
            f"{num_configurations} configurations are too few for {len(levels)} rungs by {eta}: "
            f"{eta ** (len(levels) - 1)} are needed"
        )
    return Bracket(sizes, tuple(levels))


def hyperband(
    levels: Sequence[int], eta: int, n_max: int | None = None, n_min: int | None = None
) -> list[Bracket]:
    """Return the brackets of one pass of Hyperband (Algorithm 1), the most aggressive first.

    Parameters
    ----------
    levels
        Levels of the rungs, the last of which is the most resource.
    eta
        Reduction factor, >= 2.
    n_max, n_min
        A bracket has at most, or at least, about so many configurations; None: no bound.

    Raises
    ------
    ValueError
        If no bracket is within the bounds.
    """
    most = len(levels) - 1
    first = 0 if n_max is None else max(0, most - num_halvings(n_max, 1, eta))
    last = most if n_min is None else most - num_halvings(n_min, 1, eta)
    brackets = []
    for s in range(first, last + 1):
        halvings = most - s
        num_configurations = -(-(most + 1) * eta**halvings // (halvings + 1))
        brackets.append(halving(num_configurations, levels[s:], eta))
    if not brackets:
        raise ValueError(f"no bracket has at most {n_max} and at least {n_min} configurations")
    return brackets


def hyperband_without_end() -> Iterator[Bracket]:
    """Yield the brackets of Hyperband with an infinite horizon (figure 2.8), whose eta is 2.

    For budgets 2, 4, 8, ... every number of configurations 2, 4, 8, ... that lets each have one
    unit of the resource.
    """
    for budget in (2**k for k in count(1)):
        for s in count(1):
            if s * 2**s > budget:
                break
            arms = [2**rung for rung in range(s, 0, -1)]
            yield Bracket(tuple(arms), tuple(budget // (each * s) for each in arms))


def halvings_within(budget: int, num_configurations: int, max_resource: int, eta: int) -> int:
    """Return the fewest halvings with which successive halving keeps to a budget (figure 2.9).

    Raises
    ------
    ValueError
        If it cannot be kept to.
    """
    most = num_halvings(min(max_resource, num_configurations), 1, eta)
    for halvings in range(most + 1):
        if num_configurations * max_resource * (halvings + 1) <= budget * eta**halvings:
            return halvings
    raise ValueError(f"a budget of {budget} is too small for {num_configurations} configurations")
