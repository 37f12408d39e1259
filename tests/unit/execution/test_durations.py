"""Durations of evaluations are predicted from n, batch size and parameters."""

import numpy as np
import pytest

from agebo_hpc.execution.durations import ENOUGH, RECENT, Durations


def seconds_of(n, batch, parameters):
    return 3.0 * n**-0.8 * batch**-0.5 * parameters**0.4


def filled(count, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    durations = Durations()
    for _ in range(count):
        features = (rng.choice([1, 2, 4]), rng.choice([32, 256]), rng.integers(1000, 100_000))
        durations.observe(features, seconds_of(*features) * np.exp(noise * rng.normal()))
    return durations, rng


def test_without_any_an_evaluation_may_take_no_time():
    assert Durations().predict((1, 32, 1000)) == 0.0


def test_with_few_the_longest_is_the_prediction():
    durations = Durations()
    for seconds in range(1, ENOUGH):
        durations.observe((1, 32, 1000), float(seconds))
    assert durations.predict((8, 1024, 10)) == ENOUGH - 1
    assert durations.shortest == 1.0


def test_the_shortest_is_that_of_the_latest_only():
    durations, rng = Durations(), np.random.default_rng(0)
    seconds = rng.integers(1, 50, size=5 * RECENT).astype(float).tolist()
    for number, each in enumerate(seconds, 1):
        durations.observe((1, 32, 1000), each)
        assert durations.shortest == min(seconds[max(0, number - RECENT) : number])


@pytest.mark.parametrize("features", [(1, 32, 50_000), (4, 256, 2000), (8, 256, 90_000)])
def test_powers_are_found_also_for_what_was_never_seen(features):
    durations, _ = filled(100)
    assert durations.predict(features) == pytest.approx(seconds_of(*features), rel=0.15)


def test_nine_of_ten_are_over_by_then():
    durations, rng = filled(200, noise=0.3)
    kept = 0
    for _ in range(300):
        features = (rng.choice([1, 2, 4]), rng.choice([32, 256]), rng.integers(1000, 100_000))
        actual = seconds_of(*features) * np.exp(0.3 * rng.normal())
        kept += actual <= durations.predict(features)
    assert 0.8 < kept / 300 < 0.97


def test_what_never_varied_has_no_influence():
    durations = Durations()
    for seconds in np.linspace(9.0, 11.0, 20):
        durations.observe((1, 32, 1000), seconds)
    assert durations.predict((8, 1024, 10**6)) == pytest.approx(11.0, rel=0.1)
