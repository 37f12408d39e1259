"""Searches that begin by hand, and networks within bounds on their cost."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.search.affordable import affordable, affordable_first
from agebo_hpc.search.first import MOST_CHANGES, NEAR
from agebo_hpc.search.methods import METHODS, make_search
from agebo_hpc.search.settings import BayesianSettings, SearchSettings
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.cost import CostBounds, refuse_bounds_of, work
from agebo_hpc.space.embedding import CodeInput
from agebo_hpc.space.problem import preset

PROBLEM = preset("tabular")
SPACE = PROBLEM.architecture
CODES = (CodeInput(13, True), CodeInput(41, False, (10,), True), CodeInput(5, False, (11, 12, 13)))
SETTINGS = SearchSettings(
    seed=3,
    num_initial=4,
    population_size=30,
    sample_size=3,
    bayesian=BayesianSettings(num_candidates=50, num_trees=2),
)
BY_HAND = [method for method in METHODS if method != "random"]


def graph_of(architecture):
    return SPACE.decode(architecture, 14, 3, range(8), CODES)


def new_search(method="agebo", space=SPACE, first=PROBLEM.first, settings=SETTINGS):
    return make_search(method, space, PROBLEM.hyperparameters, settings, first)


def run(search, number, told=True):
    """Ask and tell; return the configurations."""
    found = []
    for _ in range(number):
        [evaluation] = search.ask()
        found.append(evaluation.configuration)
        if told:
            objective = graph_of(found[-1].architecture).num_parameters % 1000 / 1000
            search.tell(
                [Result(evaluation, Status.DONE, objective, submitted=0, started=0, ended=1)]
            )
    return found


def changes(architecture, first=None):
    """Return how many decisions differ from the nearest of those by hand."""
    return min(
        sum(a != b for a, b in zip(architecture, by_hand, strict=True))
        for by_hand in (PROBLEM.first if first is None else first)
    )


@pytest.mark.parametrize("method", BY_HAND)
def test_the_first_is_the_one_by_hand_and_those_after_it_are_near(method):
    first, second, *others = run(new_search(method), NEAR + 4)
    assert (first.architecture, second.architecture) == PROBLEM.first
    assert first.hyperparameters == second.hyperparameters == PROBLEM.hyperparameters.defaults
    near = [changes(c.architecture) for c in others[: NEAR - 2]]
    assert 1 <= max(near) <= MOST_CHANGES and len({c.architecture for c in others}) > NEAR / 2
    assert len({c.hyperparameters["learning_rate"] for c in others}) > 1 or method == "age"
    if method != "mixed-bo":
        assert max(changes(c.architecture) for c in others[NEAR - 1 :]) > MOST_CHANGES


def test_a_random_search_begins_at_random():
    assert run(new_search("random"), 1)[0].architecture not in PROBLEM.first


@pytest.mark.parametrize(("scores", "best"), [((0.8, 0.9), 1), ((0.9, 0.8), 0), ((None, 0.1), 1)])
def test_those_after_it_are_near_the_better_of_two_by_hand(scores, best):
    search = new_search()
    for evaluation, score in zip(search.ask(2), scores, strict=True):
        status = Status.DONE if score else Status.FAILED
        search.tell([Result(evaluation, status, score, submitted=0, started=0, ended=1)])
    again = new_search()
    again.load_state(search.state())
    found = run(search, 12, told=False)
    assert max(changes(c.architecture, [PROBLEM.first[best]]) for c in found) <= MOST_CHANGES
    assert run(again, 12, told=False) == found


def test_a_small_population_evolves_when_it_is_full():
    small = replace(SETTINGS, population_size=3, sample_size=2)
    found = run(new_search(settings=small), 8)
    parents = {c.architecture for c in found[:7]}
    assert (
        min(
            sum(a != b for a, b in zip(found[7].architecture, parent, strict=True))
            for parent in parents
        )
        <= 1
    )


@pytest.mark.parametrize("method", BY_HAND)
def test_a_search_goes_on_from_its_state_and_from_its_journal(method):
    whole = new_search(method)
    run(whole, 6)
    again = new_search(method)
    again.load_state(whole.state())
    assert run(again, 30) == run(whole, 30)
    asked, replayed = new_search(method), new_search(method)
    evaluations = asked.ask(3)
    replayed.restore_pending(evaluations)
    assert run(asked, 8, told=False) == run(replayed, 8, told=False)


BOUNDS = (
    CostBounds(max_parameters=60_000),
    CostBounds(max_flops=1e5),
    CostBounds(min_rows_per_second=3e5, speed=1e11),
    CostBounds(max_parameters=500_000, max_flops=4e5, min_rows_per_second=1e5, speed=1e11),
)


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda bounds: bounds.told())
@pytest.mark.parametrize("method", ["agebo", "age", "random", "mixed-age"])
def test_all_that_is_proposed_keeps_to_the_bounds(method, bounds):
    space = affordable(SPACE, graph_of, bounds)
    small = replace(SETTINGS, population_size=5, sample_size=2)
    first = affordable_first(space, PROBLEM.first)
    search = new_search(method, space, first, small)
    found = run(search, 15)
    assert [bounds.excess(graph_of(c.architecture)) for c in found] == [""] * 15
    again = new_search(method, affordable(SPACE, graph_of, bounds), first, small)
    assert run(again, 15) == found


def test_without_bounds_the_space_is_the_same():
    assert affordable(SPACE, graph_of, CostBounds()) is SPACE
    assert affordable_first(SPACE, PROBLEM.first) == PROBLEM.first


def test_a_first_network_beyond_the_bounds_is_left_out():
    space = affordable(SPACE, graph_of, BOUNDS[0])
    assert affordable_first(space, PROBLEM.first) == ()


@pytest.mark.parametrize(
    "bounds",
    [CostBounds(1), CostBounds(None, 2.0), CostBounds(None, None, 1e12, 1e11)],
    ids=["parameters", "flops", "rows"],
)
def test_bounds_that_nothing_keeps_to_are_refused_with_the_smallest_network(bounds):
    with pytest.raises(ConfigurationError, match=r"keeps to --m.*cheapest that was found has \d"):
        affordable(SPACE, graph_of, bounds)


def test_mixed_bayesian_optimization_has_no_bounds():
    refuse_bounds_of("mixed-bo", CostBounds())
    with pytest.raises(UsageError, match="--max-parameters 5 is for"):
        refuse_bounds_of("mixed-bo", CostBounds(5))


def test_more_members_wider_layers_and_more_frequencies_cost_more():
    layers = partial(SPACE.of_layers, [(128, "relu")] * 2)
    base = work(graph_of(layers(embedding=(8, 4))))
    assert work(graph_of(layers(embedding=(8, 4), members=2))) > 1.3 * base
    assert work(graph_of(layers(embedding=(48, 16)))) > 1.3 * base
    assert work(graph_of(SPACE.of_layers([(512, "relu")] * 2, embedding=(8, 4)))) > 3 * base
    rows = [CostBounds(speed=speed).rows_per_second(graph_of(layers())) for speed in (1e10, 2e10)]
    assert rows[1] == pytest.approx(2 * rows[0])
    assert np.isfinite(rows).all()
