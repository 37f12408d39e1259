"""How large the population of aging evolution is where nobody says it.

Until the population is full, networks are drawn at random: with the papers' 100, a search of fewer
evaluations would be a random one. So it follows the number of evaluations that are expected.
"""

from __future__ import annotations

import numpy as np

from agebo_hpc.execution.executor import Executor
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.session import Session
from agebo_hpc.search.methods import WITH_POPULATION
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.space.cost import work
from agebo_hpc.space.problem import Problem

LARGEST = SearchSettings.population_size
"""Size of the papers' population, and the default of long searches."""
SMALLEST = 5
SHARE = 4
"""Evaluations that are expected for each network of the population."""
DRAWN = 8
"""Random networks from whose cost the time of a training is told."""
PASSES = 3
"""Of a training step, in units of a prediction: forward, and two products backward."""
EFFICIENCY = 0.5
"""Share of a core's speed in large products that trainings reach, about."""


def expected_evaluations(
    request: SearchRequest, problem: Problem, speed: float, cores: int
) -> int | None:
    """Return about how many evaluations a search will have; None: it cannot be told.

    Parameters
    ----------
    request, problem
        What is searched.
    speed
        Floating point operations of products that one core does in a second; 0: not known.
    cores
        Cores that train, >= 1.
    """
    limits = [seconds for seconds in (request.max_time, request.walltime) if seconds is not None]
    told = [] if request.max_evals is None else [request.max_evals]
    seconds = _seconds_each(problem, speed) if limits and speed else 0.0
    if seconds:
        told.append(int(min(limits) * cores / seconds))
    return min(told, default=None)


def _seconds_each(problem: Problem, speed: float) -> float:
    """Return the seconds of one core that a random network's training takes, roughly."""
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.run.configuration import network_decoder

    decode = network_decoder(problem)
    if decode is None:
        return 0.0
    rng = np.random.default_rng(0)
    works = [work(decode(problem.architecture.random(rng))) for _ in range(DRAWN)]
    rows = open_dataset(str(problem.data), verify=False).num_rows["train"]
    each = PASSES * float(np.mean(works)) * rows * problem.recipe.epochs
    return each / (EFFICIENCY * speed)


def default_population(expected: int | None) -> int:
    """Return the size of the population for so many evaluations; None: not known."""
    if expected is None:
        return LARGEST
    return max(SMALLEST, min(LARGEST, expected // SHARE))


def default_sample_size(population: int) -> int:
    """Return how many are drawn from a population to take a parent from."""
    return max(1, min(SearchSettings.sample_size, population // 2))


def usual_population(
    session: Session, problem: Problem, speed: float, executor: Executor
) -> tuple[tuple[int, int], str]:
    """Return population and sample size where nobody says them; a resume keeps the run's.

    Returns
    -------
    sizes : tuple of int
    note : str
        What is said of them; empty where they are the papers', or given.
    """
    if session.run is not None:
        stored = session.run.config["search"]
        names = ("population_size", "sample_size")
        population, sample = (int(stored.get(n, getattr(SearchSettings, n))) for n in names)
        return (population, sample), ""
    cores = executor.num_cores or executor.num_slots
    expected = expected_evaluations(session.request, problem, speed, cores)
    size = default_population(expected)
    note = ""
    request = session.request
    is_told = request.population is not None or request.method not in WITH_POPULATION
    if size < LARGEST and not is_told:
        many = f"{expected} evaluation{'s are' if expected != 1 else ' is'} expected"
        why = f"about {many}"
        note = f"population {size}, as {why}; --population sets another"
    return (size, default_sample_size(size)), note
