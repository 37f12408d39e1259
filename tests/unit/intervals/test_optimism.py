"""What the best of many owes to the rows that chose it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from agebo_hpc.intervals.optimism import error_of, gap_interval, optimism_at_most


@pytest.mark.parametrize("networks", [1, 2, 10, 100])
def test_of_equal_networks_the_optimism_is_the_mean_of_the_largest_noise(networks: int) -> None:
    mean = np.random.default_rng(5).normal(size=(20_000, networks)).max(axis=1).mean()
    assert optimism_at_most(np.full(networks, 0.8), 0.01) == pytest.approx(0.01 * mean, abs=5e-4)


def test_a_network_far_above_all_others_owes_nothing() -> None:
    assert optimism_at_most(np.array([0.9, 0.5, 0.4]), 0.01) == 0.0
    assert optimism_at_most(np.array([0.9, 0.9]), 0.0) == 0.0


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("spread", [0.0, 0.02, 0.1])
def test_what_the_best_owes_to_chance_is_below_the_bound(shared: float, spread: float) -> None:
    generator = np.random.default_rng(1)
    rows, networks = 400, 30
    gaps, bounds = [], []
    for _ in range(200):
        true = 0.8 - spread * generator.random(networks)
        noise = np.sqrt(shared) * generator.normal(size=(rows, 1))
        noise = noise + np.sqrt(1 - shared) * generator.normal(size=(rows, networks))
        scores = (noise < stats.norm.ppf(true)).mean(axis=0)
        best = scores.argmax()
        gaps.append(scores[best] - true[best])
        bounds.append(optimism_at_most(scores, np.sqrt(scores[best] * (1 - scores[best]) / rows)))
    # The standard error of the best is a little smaller than that of the true score.
    assert np.mean(gaps) < 1.1 * np.mean(bounds)
    assert np.mean(bounds) < 0.05


def test_the_interval_of_a_gap_holds_the_true_one() -> None:
    generator = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        found = [generator.binomial(200, p) / 200 for p in (0.9, 0.8)]
        ends = [stats.binomtest(round(f * 200), 200).proportion_ci(method="wilson") for f in found]
        low, high = gap_interval(found[0], tuple(ends[0]), found[1], tuple(ends[1]))
        held += low <= 0.1 <= high
    assert 0.92 < held / 400 < 0.98


def test_the_error_of_an_interval_is_its_half_width_in_normal_units() -> None:
    assert error_of((0.0, 2 * 1.959964)) == pytest.approx(1.0)
