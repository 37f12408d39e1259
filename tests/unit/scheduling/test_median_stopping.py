"""Median stopping."""

import random
import statistics

from hypothesis import given
from hypothesis import strategies as st
from simulated_workers import CONFIGURATION, simulate

from agebo_hpc.scheduling.median_stopping import MedianStopping, RunningMedian
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.configuration import Evaluation, Result, Status


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60))
def test_the_median_is_that_of_all(numbers):
    median = RunningMedian()
    for count, number in enumerate(numbers, 1):
        median.insert(number)
        middle = sorted(numbers[:count])[(count - 1) // 2 : count // 2 + 1]
        assert median.value == (middle[0] if count % 2 else middle[0] / 2 + middle[1] / 2)
    assert len(median) == len(numbers)


def run(curves, num_workers=1):
    scheduler = MedianStopping((1, 2, 3, 4))
    return simulate(scheduler, lambda n, level: curves[n][level - 1], num_workers, len(curves))


def test_the_first_ones_are_trained_in_full():
    assert set(run([[9, 9, 9, 9 - n] for n in range(5)]).levels.values()) == {4}


def test_one_that_is_worse_than_the_median_is_stopped_at_once():
    curves = [[n, n, n, n] for n in (1, 2, 3, 4, 5)] + [[3.5] * 4, [2.5] * 4]
    seen = run(curves)
    assert seen.levels[5] == 1 and seen.levels[6] == 4


def test_the_best_so_far_counts_and_not_the_last():
    curves = [[5, 4, 3, 2]] * 5 + [[4.4, 9, 9, 9]]
    # Its best 4.4 is below the averages 5 and 4.5, and above 4.
    assert run(curves).levels[5] == 3


def test_it_decides_as_the_rule_says():
    rng = random.Random(7)
    curves = [[rng.random() for _ in range(4)] for _ in range(40)]
    seen = run(curves)
    reached = []
    for number, curve in enumerate(curves):
        for level in range(1, 5):
            others = [statistics.mean(c[:level]) for c, r in reached if r >= level]
            if len(others) >= 5 and min(curve[:level]) > statistics.median(others):
                break
        reached.append((curve, level))
        assert seen.levels[number] == level


def test_a_failed_one_is_worse_than_all():
    scheduler = MedianStopping((1, 2))
    for number in range(6):
        scheduler.add(Evaluation(number, CONFIGURATION))
        first = scheduler.next()
        scheduler.report(Result(first.evaluation, Status.FAILED))
    scheduler.add(Evaluation(6, CONFIGURATION))
    last = scheduler.next()
    result = Result(last.evaluation, Status.PAUSED, -1e9)
    assert scheduler.report(result) is Decision.CONTINUE
