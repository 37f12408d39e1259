"""Aging evolution (Algorithm 1 of the paper, lines 9-20; Real et al. 2019).

A queue of the P youngest networks; the best of a sample of S is the parent; its mutation is the
child; the oldest leaves. Age is the order in which results arrive.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple

from agebo_hpc.random_state import Stream, generator
from agebo_hpc.search.genomes import Genome
from agebo_hpc.search.proposers import Proposer, Value
from agebo_hpc.space.configuration import NO_PARENT


class Member(NamedTuple, Generic[Value]):
    """A network of the population.

    Attributes
    ----------
    value
        What is mutated.
    objective
        Objective of its evaluation, finite.
    id
        Id of its evaluation; None where an earlier version did not store it.
    """

    value: Value
    objective: float
    id: int | None


class AgingEvolution(Proposer[Value]):
    """Proposes values by aging evolution.

    Parameters
    ----------
    genome
        Draws and mutates them.
    seed
        Seed of the search, >= 0.
    population_size
        P, the length of the queue, >= 1.
    sample_size
        S, drawn without replacement, 1 <= S <= P.
    """

    def __init__(
        self,
        genome: Genome[Value],
        seed: int,
        population_size: int = 100,
        sample_size: int = 10,
    ) -> None:
        self._genome = genome
        self._seed = seed
        self._sample_size = sample_size
        self.population: deque[Member[Value]] = deque(maxlen=population_size)

    def propose(self, evaluation_id: int, pending: Mapping[int, Value]) -> Value:
        """Mutate the best of a sample; draw at random until the population is full."""
        rng = generator(self._seed, evaluation_id, Stream.ARCHITECTURE)
        if len(self.population) < (self.population.maxlen or 0):
            self.parent = NO_PARENT
            return self._genome.random(rng)
        sample = rng.choice(len(self.population), self._sample_size, replace=False)
        parent = max((self.population[i] for i in sample), key=lambda member: member.objective)
        self.parent = parent.id
        return self._genome.mutate(parent.value, rng)

    def limit_processes(self, largest: int) -> None:
        """Pass the limit on to the genome."""
        self._genome.limit_processes(largest)

    def learn(
        self, evaluation_id: int, value: Value, objective: float | None, epochs: int = 0
    ) -> None:
        """Add a network to the population; the oldest leaves. A failed one never enters.

        One that has been trained further leaves with its former objective and enters with the new.
        """
        former = [member for member in self.population if member.id == evaluation_id]
        for member in former:
            self.population.remove(member)
        if objective is not None:
            self.population.append(Member(value, objective, evaluation_id))

    def state(self) -> dict[str, Any]:
        """Return the population, oldest first."""
        members = [
            [self._genome.to_data(member.value), member.objective, member.id]
            for member in self.population
        ]
        return {"population": members}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over a population; members of earlier versions have no id."""
        self.population.clear()
        for data, objective, *id in state["population"]:
            # Earlier versions let in what is no number.
            if math.isfinite(objective):
                value = self._genome.from_data(data)
                self.population.append(Member(value, objective, id[0] if id else None))
