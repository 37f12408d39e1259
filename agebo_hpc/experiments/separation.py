"""Whether the best configurations of different data sets can be told apart.

The papers show it in the plane of two principal components. Here it is a number as well: how many
of a search's best have their nearest neighbour, among the best of all other searches, in a search
of the same data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agebo_hpc.analysis.best_share import best_share, hyperparameter_summary
from agebo_hpc.analysis.features import features
from agebo_hpc.analysis.importance import map_of_best
from agebo_hpc.analysis.tables import top_configurations
from agebo_hpc.experiments.measures import Searched

AT_LEAST = 10
"""Configurations of each search, where the best per cent are fewer."""


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


def separation(searches: Sequence[Searched]) -> pd.DataFrame:
    """Say for each search how many of its best have a nearest neighbour of their own problem.

    Parameters
    ----------
    searches
        Of problems with one space, several of each.

    Returns
    -------
    DataFrame
        ``problem``, ``seed``, ``same_problem`` (share, 0 to 1), ``chance`` (what it would be if
        the problems could not be told apart).
    """
    best = [best_share(s.run.history, at_least=AT_LEAST) for s in searches]
    owner = np.repeat(np.arange(len(best)), [len(rows) for rows in best])
    matrix = features(pd.concat(best, ignore_index=True), searches[0].run.space).matrix
    deviation = matrix.std(axis=0)
    matrix = matrix[:, deviation > 0] / deviation[deviation > 0]
    problems = np.asarray([s.planned.problem for s in searches])
    rows = []
    for number, search in enumerate(searches):
        mine, others = owner == number, np.flatnonzero(owner != number)
        nearest = [
            others[np.argmin(((matrix[others] - point) ** 2).sum(axis=1))]
            for point in matrix[mine]
        ]
        same = problems[owner[nearest]] == search.planned.problem
        chance = (problems[owner[others]] == search.planned.problem).mean()
        rows.append(
            (search.planned.problem, search.planned.seed, float(same.mean()), float(chance))
        )
    return pd.DataFrame(rows, columns=["problem", "seed", "same_problem", "chance"])


def separation_test(table: pd.DataFrame) -> dict[str, float]:
    """Test whether the share is above chance, over all searches: Wilcoxon's signed-rank test.

    Returns
    -------
    dict
        ``share`` and ``chance`` (medians), ``low`` and ``high`` (quartiles of the share), ``p``
        (one-sided; NaN with fewer than two searches or no difference).
    """
    from scipy.stats import wilcoxon

    above = (table["same_problem"] - table["chance"]).to_numpy(dtype=float)
    usable = len(above) > 1 and bool(above.any())
    low, middle, high = np.quantile(table["same_problem"], [0.25, 0.5, 0.75])
    return {
        "share": float(middle),
        "low": float(low),
        "high": float(high),
        "chance": float(table["chance"].median()),
        "p": float(wilcoxon(above, alternative="greater").pvalue) if usable else float("nan"),
    }


def _by_problem(searches: Sequence[Searched]) -> Mapping[str, list[Searched]]:
    found: dict[str, list[Searched]] = {}
    for search in searches:
        found.setdefault(search.planned.problem, []).append(search)
    return found
