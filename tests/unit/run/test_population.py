"""How large the population is where nobody says it."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preparation import prepare_dataset
from agebo_hpc.run.population import (
    default_population,
    default_sample_size,
    expected_evaluations,
)
from agebo_hpc.run.request import SearchRequest

SIMULATED = {"data": None, "simulate": "lognormal:mean=60,sigma=0.5", "out": "x"}


def request(**asked):
    return SearchRequest(**{**SIMULATED, **asked})


@pytest.mark.parametrize(
    ("expected", "population", "sample"),
    [(None, 100, 10), (1, 5, 2), (20, 5, 2), (60, 15, 7), (100, 25, 10), (400, 100, 10),
     (10**6, 100, 10)],
)  # fmt: skip
def test_a_quarter_of_what_is_expected_and_the_papers_for_long_searches(
    expected, population, sample
):
    assert default_population(expected) == population
    assert default_sample_size(population) == sample


def test_what_is_said_counts_and_keeps_to_the_papers_sample():
    settings = request(population=40).search_settings(1, (25, 10))
    assert (settings.population_size, settings.sample_size) == (40, 10)
    settings = request(population=6).search_settings(1, (25, 10))
    assert (settings.population_size, settings.sample_size) == (6, 6)
    settings = request(sample_size=3).search_settings(1, (25, 10))
    assert (settings.population_size, settings.sample_size) == (25, 3)
    settings = request().search_settings(1)
    assert (settings.population_size, settings.sample_size) == (100, 10)


def test_a_search_of_a_known_number_expects_it_whatever_is_searched():
    asked = request(max_evals=60)
    assert expected_evaluations(asked, asked.load_problem(), 0.0, 1) == 60
    asked = request(max_time=60.0)
    assert expected_evaluations(asked, asked.load_problem(), 1e11, 1) is None


def test_time_gives_more_evaluations_on_more_and_faster_cores(tmp_path):
    frame = pd.DataFrame({"a": np.arange(400.0), "late": [0, 1] * 200})
    data = prepare_dataset(frame, "late", tmp_path / "data.h5").path
    asked = SearchRequest(data=str(data), out="x", preset="v1", max_time=600.0)
    problem = asked.load_problem()
    one = expected_evaluations(asked, problem, 1e8, 1)
    assert one > 0
    assert expected_evaluations(asked, problem, 1e8, 4) == pytest.approx(4 * one, abs=4)
    assert expected_evaluations(asked, problem, 2e8, 1) == pytest.approx(2 * one, abs=2)
    both = SearchRequest(data=str(data), out="x", preset="v1", max_time=600.0, max_evals=one // 2)
    assert expected_evaluations(both, problem, 1e8, 1) == one // 2
