"""ASHA, promoting and stopping: outcomes that only the right rule has."""

import random
from fractions import Fraction

import pytest
from simulated_workers import CONFIGURATION, from_scratch, resumed, simulate

from agebo_hpc.scheduling.bracket_choice import bracket_weights
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.scheduling.schedulers import SchedulerSettings, make_scheduler
from agebo_hpc.space.configuration import Evaluation, Result, Status


def made(name, max_resource, eta=3, **settings):
    settings = {"brackets": "one", **settings}
    return make_scheduler(SchedulerSettings(name, max_resource, eta=eta, **settings))


def asha(max_resource=9, **settings):
    return made("asha", max_resource, **settings)


def of_ninety():
    return asha(90, min_resource=10)


@pytest.mark.parametrize("num_workers", [1, 3, 9])
def test_best_first_only_the_best_third_goes_on(num_workers):
    seen = simulate(of_ninety(), lambda number, level: (number + 1) / 100, num_workers, 12)
    assert seen.levels == {0: 90, 1: 30, 2: 30, 3: 30} | {each: 10 for each in range(4, 12)}


@pytest.mark.parametrize("num_workers", [1, 3, 9])
def test_one_that_fails_higher_up_keeps_the_place_it_was_promoted_to(num_workers):
    def loss(number, level):
        return None if number == 2 and level > 10 else (number + 1) / 100

    seen = simulate(of_ninety(), loss, num_workers, 12)
    assert seen.levels[3] == 30 and seen.levels[4] == 10


@pytest.mark.parametrize("num_workers", [1, 3, 9])
def test_worst_first_nearly_all_go_on(num_workers):
    seen = simulate(of_ninety(), lambda number, level: 1 - number / 100, num_workers, 12)
    assert seen.counts() == {10: 12, 30: 10, 90: 8}


@pytest.mark.parametrize("num_workers", [1, 3, 9])
def test_worst_first_halving_is_not_misled(num_workers):
    halving = made("sha", 90, min_resource=10, bracket_size=12)
    seen = simulate(halving, lambda number, level: 1 - number / 100, num_workers, 12)
    assert seen.counts() == {10: 12, 30: 4, 90: 1}


def report(scheduler, assignment, loss, status=Status.PAUSED):
    return scheduler.report(Result(assignment.evaluation, status, -loss))


def begin(scheduler, number):
    scheduler.add(Evaluation(number, CONFIGURATION))
    return scheduler.next()


def test_the_higher_rung_goes_first_and_the_best_of_a_rung():
    scheduler = asha()
    losses = [0.5, 0.4, 0.3, 0.9, 0.8, 0.7, 0.95, 0.6, 0.2]
    running = [begin(scheduler, number) for number in range(9)]
    for assignment, loss in zip(running, losses, strict=True):
        report(scheduler, assignment, loss)
    promoted = [scheduler.next() for _ in range(3)]
    assert [each.evaluation.id for each in promoted] == [8, 2, 1]
    for assignment in promoted:
        report(scheduler, assignment, losses[assignment.evaluation.id])
    # Three came to the second rung, of whom the best goes on before any new one begins.
    best = begin(scheduler, 9)
    assert (best.evaluation.id, best.start, best.end) == (8, 3, 9)
    for assignment in [scheduler.next(), begin(scheduler, 10), begin(scheduler, 11)]:
        assert assignment.start == 0
        report(scheduler, assignment, 0.1)
    # Of twelve the best four go on from the lowest rung, the best of them first.
    assert [scheduler.next().evaluation.id for _ in range(2)] == [9, 10]
    assert report(scheduler, best, 0.0, Status.DONE) is Decision.STOP


@pytest.mark.parametrize(("duration", "first"), [(from_scratch, 13), (resumed, 9)])
def test_with_enough_workers_the_first_is_finished_soon(duration, first):
    seen = simulate(asha(), lambda n, level: n, 9, 9, duration)
    assert seen.finished == [first]


@pytest.mark.parametrize(("duration", "first"), [(from_scratch, 27), (resumed, 21)])
def test_one_worker_has_a_bracket_behind_it_by_then(duration, first):
    seen = simulate(made("sha", 9), lambda n, level: n, 1, 9, duration)
    assert seen.finished == [first]


def test_without_end_there_is_always_a_higher_rung():
    scheduler = asha(1, eta=4, is_endless=True)
    rng = random.Random(0)
    losses = {}
    simulate(scheduler, lambda n, level: losses.setdefault(n, rng.random()), 1, 4**6)
    sizes = scheduler.sizes()
    assert 4**6 in sizes and sizes[1] == 4**6 and sizes[4**6] >= 1


def hanging(assignment, rng):
    return float("inf") if assignment.evaluation.id == 0 else resumed(assignment, rng)


def test_a_worker_that_hangs_does_not_keep_others_from_finishing():
    seen = simulate(asha(), lambda n, level: n % 7, 4, 60, hanging, horizon=1e6)
    assert len(seen.finished) >= 3


def test_a_bracket_of_halving_waits_for_the_worker_that_hangs():
    halving = made("sha", 9)
    seen = simulate(halving, lambda n, level: n % 7, 4, 9, hanging, horizon=1e6)
    assert seen.finished == [] and set(seen.levels.values()) == {1}


def decisions(losses, eta=3):
    scheduler = made("asha-stopping", 9, eta)
    running = [begin(scheduler, number) for number in range(len(losses))]
    return [report(scheduler, each, y) for each, y in zip(running, losses, strict=True)]


GO, STOP = Decision.CONTINUE, Decision.STOP


@pytest.mark.parametrize(
    ("losses", "expected"),
    [([0.1, 0.2, 0.3], [GO, GO, STOP]), ([0.5, 0.6, 0.7, 0.55], [GO, GO, STOP, STOP])],
)
def test_stopping_gives_the_first_ones_the_benefit_of_doubt(losses, expected):
    assert decisions(losses) == expected


def test_promotion_gives_nobody_the_benefit_of_doubt():
    scheduler = asha()
    running = [begin(scheduler, number) for number in range(3)]
    for assignment, loss in zip(running, [0.1, 0.2, 0.3], strict=True):
        assert scheduler.num_waiting == 0
        assert report(scheduler, assignment, loss) is Decision.PAUSE
    assert scheduler.next().evaluation.id == 0 and scheduler.next() is None


@pytest.mark.parametrize("seed", range(10))
def test_stopping_decides_as_the_rule_says(seed):
    def goes_on(records, y, eta):
        n = len(records)
        return n < eta or sum(v < y for v in records) < n // eta

    rng = random.Random(seed)
    losses = [rng.random() for _ in range(60)]
    for number, decision in enumerate(decisions(losses, 4)):
        expected = goes_on(losses[: number + 1], losses[number], 4)
        assert (decision is GO) == expected


def test_what_goes_on_is_next_before_all_that_is_new():
    scheduler = made("asha-stopping", 9)
    first = begin(scheduler, 0)
    scheduler.add(Evaluation(1, CONFIGURATION))
    assert report(scheduler, first, 0.5) is GO
    following = scheduler.next()
    assert (following.evaluation.id, following.start, following.end) == (0, 1, 3)


@pytest.mark.parametrize("name", ["asha", "asha-stopping"])
def test_only_ranks_count(name):
    rng = random.Random(3)
    losses = [rng.random() for _ in range(200)]

    def run(change):
        scheduler = made(name, 27)
        seen = simulate(scheduler, lambda n, level: change(losses[n] - level / 100), 5, 200)
        return seen.assignments

    assert run(lambda y: y) == run(lambda y: 2.718281828**y) == run(lambda y: y**3)


@pytest.mark.parametrize("name", ["asha", "asha-stopping"])
def test_brackets_have_their_shares_and_begin_at_their_rungs(name):
    scheduler = made(name, 27, brackets="all")
    seen = simulate(scheduler, lambda n, level: n * 7 % 101, 4, 49)
    begun = [each for each in seen.assignments if each.start == 0]
    counts = [sum(each.bracket == s for each in begun) for s in range(4)]
    shares = bracket_weights((4, 3, 2, 1), 3)
    assert shares[0] == Fraction(27, 49) and counts == [27, 12, 6, 4]
    assert {(each.bracket, each.end) for each in begun} == {(0, 1), (1, 3), (2, 9), (3, 27)}
