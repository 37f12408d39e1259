"""Synchronous halving: order of arrival is nothing, brackets differ, nobody idles."""

import random

import pytest
from simulated_workers import CONFIGURATION, simulate

from agebo_hpc.scheduling.schedulers import SchedulerSettings, make_scheduler
from agebo_hpc.space.configuration import Evaluation, Result, Status


def made(name="sha", max_resource=9, **settings):
    return make_scheduler(SchedulerSettings(name, max_resource, eta=3, **settings))


def survivors(order, losses):
    scheduler = made()
    for number in range(9):
        scheduler.add(Evaluation(number, CONFIGURATION))
    assert [scheduler.next().end for _ in range(9)] == [1] * 9
    for number in order:
        assert scheduler.num_waiting == 0
        evaluation = Evaluation(number, CONFIGURATION)
        scheduler.report(Result(evaluation, Status.PAUSED, -losses[number]))
    return [scheduler.next().evaluation.id for _ in range(scheduler.num_waiting)]


@pytest.mark.parametrize("losses", [[9, 1, 8, 2, 7, 3, 6, 4, 5], [1, 1, 1, 2, 1, 1, 0, 2, 2]])
def test_the_order_of_arrival_changes_nothing(losses):
    rng = random.Random(0)
    found = {tuple(survivors(rng.sample(range(9), 9), losses)) for _ in range(30)}
    assert len(found) == 1


def crossing(number, level):
    if number % 3:
        return 0.30 + 0.001 * number
    return 0.95 - 0.1 * level + 0.001 * number


def test_hyperband_finds_what_its_aggressive_bracket_misses():
    """Every third curve begins badly and ends best."""
    scheduler = made("hyperband")
    best, begun = {}, {}

    def loss(number, level):
        bracket, in_bracket = begun[number]
        value = crossing(in_bracket, level)
        best[bracket] = min(best.get(bracket, 9.0), value)
        return value

    sizes = [9, 5, 3]
    for bracket, size in enumerate(sizes):
        for each in range(size):
            begun[sum(sizes[:bracket]) + each] = (bracket, each)
    seen = simulate(scheduler, loss, 1, 17)
    assert {s: round(value, 3) for s, value in best.items()} == {0: 0.301, 1: 0.301, 2: 0.05}
    assert [len([a for a in seen.assignments if a.bracket == s]) for s in range(3)] == [13, 6, 3]


def test_hyperband_goes_round():
    seen = simulate(made("hyperband"), lambda n, level: n, 3, 34)
    begun = [each for each in seen.assignments if each.start == 0]
    assert sorted({(each.bracket, each.end) for each in begun}) == [
        *[(0, 1), (1, 3), (2, 9), (3, 1), (4, 3), (5, 9)]
    ]


def test_a_bracket_has_the_sizes_of_its_table():
    seen = simulate(made("sha", 81), lambda n, level: n * 37 % 81, 4, 81)
    ends = [each.end for each in seen.assignments]
    assert {level: ends.count(level) for level in (1, 3, 9, 27, 81)} == {
        **{1: 81, 3: 27, 9: 9, 27: 3, 81: 1}
    }


@pytest.mark.parametrize("name", ["sha", "hyperband"])
def test_nobody_idles_while_there_is_anything_new(name):
    seen = simulate(made(name, 27), lambda n, level: n % 11, 7, horizon=300)
    assert seen.idle == 0 and len(seen.finished) > 3


def test_without_end_the_budget_doubles():
    scheduler = made("hyperband", is_endless=True)
    seen = simulate(scheduler, lambda n, level: n, 1, 100)
    ends = [(each.bracket, each.end) for each in seen.assignments]
    assert ends[:6] == [(0, 1), (0, 1), (1, 2), (1, 2), (2, 4), (2, 4)]
    assert (3, 1) in ends and (3, 2) in ends


@pytest.mark.parametrize("workers", [1, 4])
def test_a_bracket_whose_best_have_failed_promotes_the_others(workers):
    def loss(number, level):
        return None if number < 7 else number

    seen = simulate(made(), loss, workers, 9)
    assert seen.levels == {7: 9, 8: 3}


def test_unfilled_brackets_are_decided_when_nothing_new_comes():
    # 9 and 4: of the second bracket one goes on, and nobody to the top.
    seen = simulate(made(), lambda n, level: n, 2, 13)
    assert seen.counts() == {1: 13, 3: 4, 9: 1}


@pytest.mark.parametrize("name", ["sha", "hyperband"])
@pytest.mark.parametrize("left", [{0}, {9, 10, 11}, set(range(9, 17)), set(range(8, 30)), {29}])
def test_what_a_session_left_untrained_has_its_place_in_the_next(name, left):
    # As where no time was left for them: they joined brackets, and no history tells of it.
    first, evaluations = made(name), [Evaluation(number, CONFIGURATION) for number in range(30)]
    for each in evaluations:
        first.add(each)
    given = [first.next() for _ in range(30)]
    settings = SchedulerSettings(name, 9, eta=3)
    past = [assignment for assignment in given if assignment.id not in left]
    again = make_scheduler(settings, past, evaluations)
    assert sorted((again.next() for _ in range(30)), key=lambda each: each.id) == given
    assert again.next() is None
