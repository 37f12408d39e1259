"""Whether the best configurations of different data sets can be told apart.

The papers show it in the plane of two principal components. Here it is a number as well: how many
of a search's best have their nearest neighbour, among the best of all other searches, in a search
of the same data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agebo_hpc.analysis.best_share import best_share, hyperparameter_summary
from agebo_hpc.analysis.features import features
from agebo_hpc.analysis.importance import map_of_best
from agebo_hpc.analysis.tables import top_configurations
from agebo_hpc.experiments.measures import Searched

AT_LEAST = 10
"""Configurations of each search, where the best per cent are fewer."""
NUM_SHUFFLES = 1999


def best_of_problems(searches: Sequence[Searched], num: int = 5) -> pd.DataFrame:
    """List the best configurations of each problem, over all of its searches."""
    parts = []
    for problem, mine in _by_problem(searches).items():
        pooled = pd.concat([s.run.history for s in mine], ignore_index=True)
        parts.append(top_configurations(pooled, num).assign(problem=problem))
    table = pd.concat(parts, ignore_index=True).drop(columns=["architecture", "evaluation_id"])
    return table[["problem", *(name for name in table if name != "problem")]]


def hyperparameters_of_best(searches: Sequence[Searched]) -> pd.DataFrame:
    """Sum up the hyperparameters of the best per cent of each problem's evaluations."""
    parts = []
    for problem, mine in _by_problem(searches).items():
        best = [best_share(s.run.history, at_least=AT_LEAST) for s in mine]
        table = hyperparameter_summary(pd.concat(best, ignore_index=True))
        parts.append(table.assign(problem=problem))
    table = pd.concat(parts, ignore_index=True)
    return table[["problem", *(name for name in table if name != "problem")]]


def plane_of_best(searches: Sequence[Searched]) -> pd.DataFrame:
    """Lay the best of each problem out in a plane, see `map_of_best`; one space for all."""
    pooled = {
        problem: pd.concat([s.run.history for s in mine], ignore_index=True)
        for problem, mine in _by_problem(searches).items()
    }
    return map_of_best(pooled, searches[0].run.space)


@dataclass(frozen=True)
class Separation:
    """Whether problems can be told apart by their best.

    Attributes
    ----------
    shares
        One row for each search: ``problem``, ``seed``, ``same_problem`` (share of its best whose
        nearest neighbour is of its own problem).
    chance
        The mean share when the problems' names are shuffled among the searches.
    p
        p value of a one-sided permutation test of the mean share. Searches share neighbours, so
        their shares do not count as independent.
    """

    shares: pd.DataFrame
    chance: float
    p: float


def separation(searches: Sequence[Searched]) -> Separation:
    """Return for each search how many of its best have a nearest neighbour of their own problem.

    Parameters
    ----------
    searches
        Searches of problems with one space, several of each.
    """
    best = [best_share(s.run.history, at_least=AT_LEAST) for s in searches]
    owner = np.repeat(np.arange(len(best)), [len(rows) for rows in best])
    matrix = features(pd.concat(best, ignore_index=True), searches[0].run.space).matrix
    deviation = matrix.std(axis=0)
    matrix = matrix[:, deviation > 0] / deviation[deviation > 0]
    neighbours = [_neighbours(matrix, owner, number) for number in range(len(searches))]
    problems = np.asarray([s.planned.problem for s in searches])

    def shares(names: np.ndarray) -> np.ndarray:
        pairs = zip(neighbours, names, strict=True)
        return np.asarray([float((names[found] == name).mean()) for found, name in pairs])

    rng = np.random.default_rng(0)
    shuffled = [float(shares(rng.permutation(problems)).mean()) for _ in range(NUM_SHUFFLES)]
    measured = shares(problems)
    at_least = sum(value >= measured.mean() - 1e-12 for value in shuffled)
    table = pd.DataFrame(
        {
            "problem": problems,
            "seed": [s.planned.seed for s in searches],
            "same_problem": measured,
        }
    )
    return Separation(table, float(np.mean(shuffled)), (1 + at_least) / (1 + NUM_SHUFFLES))


def _neighbours(matrix: np.ndarray, owner: np.ndarray, number: int) -> np.ndarray:
    """Return for each of a search's points the search of the nearest point of all others."""
    others = np.flatnonzero(owner != number)
    nearest = [
        others[np.argmin(((matrix[others] - point) ** 2).sum(axis=1))]
        for point in matrix[owner == number]
    ]
    return owner[nearest]


def _by_problem(searches: Sequence[Searched]) -> Mapping[str, list[Searched]]:
    found: dict[str, list[Searched]] = {}
    for search in searches:
        found.setdefault(search.planned.problem, []).append(search)
    return found
