"""The second paper's spaces under every method: large nodes, named categories, integers."""

import json

import pytest

from agebo_hpc.search.methods import METHODS, make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.problem import preset

PROBLEM = preset("combo-like")
SPACES = (PROBLEM.architecture, PROBLEM.hyperparameters)
SETTINGS = SearchSettings(3, 4, 8, 3, bayesian=BayesianSettings(num_candidates=200))


def objective(configuration):
    """Nadam with a small loss patience is best; nothing else matters."""
    chosen = configuration.hyperparameters
    return (chosen["optimizer"] == "nadam") - chosen["plateau_patience"] / 100


def go_on(search, number):
    made = []
    for _ in range(number):
        [evaluation] = search.ask(1)
        PROBLEM.architecture.validate(evaluation.configuration.architecture)
        search.tell([Result(evaluation, Status.DONE, objective(evaluation.configuration))])
        made.append(evaluation.configuration)
    return made


@pytest.mark.parametrize("method", METHODS)
def test_every_method_goes_on_from_its_state_as_without_a_break(method):
    search = make_search(method, *SPACES, SETTINGS)
    go_on(search, 12)
    state = json.loads(json.dumps(search.state()))
    again = make_search(method, *SPACES, SETTINGS)
    again.load_state(state)
    assert go_on(again, 4) == go_on(search, 4)


def test_the_forest_finds_the_best_of_named_categories():
    made = go_on(make_search("agebo", *SPACES, SETTINGS), 60)
    late = [c.hyperparameters["optimizer"] for c in made[30:]]
    assert late.count("nadam") > 20
