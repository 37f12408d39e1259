"""Shares of one allocation of processes: for several searches, and for one training.

Sections 3.5.2 and 3.5.3 of the thesis of Liam Li (CMU-ML-20-104).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a search can make use of.

    Attributes
    ----------
    most
        Processes that it can use now, >= 0: its runnable trainings times the most that one uses
        well.
    weight
        Its priority, > 0.
    """

    most: float
    weight: float = 1.0


class Shares:
    """Shares processes among searches: equal or by weight, never more than one can use.

    What a search cannot use the others share, by the same rule (water-filling).

    Parameters
    ----------
    num_processes
        Processes in all, >= 0.
    """

    def __init__(self, num_processes: float) -> None:
        self._num_processes = num_processes
        self._claims: dict[Hashable, Claim] = {}

    def claim(self, search: Hashable, claim: Claim) -> None:
        """Note what a search can use from now on; a new one is taken in."""
        self._claims[search] = claim

    def release(self, search: Hashable) -> None:
        """Let a search go; the others share what it had."""
        del self._claims[search]

    def shares(self) -> Mapping[Hashable, float]:
        """Return the processes of each search, >= 0; their sum is at most that of all."""
        shares: dict[Hashable, float] = {}
        left = self._num_processes
        weight = sum(claim.weight for claim in self._claims.values())
        # Those that want least for their weight are the first to be content.
        for search, claim in sorted(
            self._claims.items(), key=lambda item: item[1].most / item[1].weight
        ):
            shares[search] = min(claim.most, left * claim.weight / weight)
            left -= shares[search]
            weight -= claim.weight
        return shares


def most_efficient_processes(seconds: Mapping[int, float], least_efficiency: float) -> int:
    """Return the most processes whose strong-scaling efficiency is at least a bound.

    Parameters
    ----------
    seconds
        Time of one training of a fixed global batch by its number of processes; has 1.
    least_efficiency
        Least share of the ideal speed, in (0, 1].
    """
    return max(
        number
        for number, each in seconds.items()
        if number == 1 or seconds[1] / (number * each) >= least_efficiency
    )
