"""The simulation of stragglers and dropped jobs: asynchronous against synchronous halving.

Section 3.3.3 of the thesis of Liam Li: 25 workers, eta 4, 256 configurations a bracket, trained
for 1 to 256 units, always from scratch; a dropped job is trained once more.
"""

import random
import sys

import pytest
from simulated_workers import simulate, straggling

from agebo_hpc.scheduling.schedulers import SchedulerSettings, make_scheduler

HORIZON = 2000
SPREADS = (0.10, 0.24, 0.56, 1.33)
DROPS = (0.0, 0.001, 0.002, 0.004, 0.008)


def finished(name, std, drop, seed):
    """Return how many were trained in full, and when the first was."""
    scheduler = make_scheduler(SchedulerSettings(name, 256, brackets="one"))
    rng = random.Random(seed)
    losses = {}
    seen = simulate(
        scheduler,
        lambda number, level: losses.setdefault(number, rng.random()),
        25,
        duration=straggling(std),
        horizon=HORIZON,
        drop=drop,
        seed=seed,
    )
    assert seen.idle == 0
    return len(seen.finished), (seen.finished or [HORIZON])[0]


def means(name, std, drop, seeds):
    runs = [finished(name, std, drop, seed) for seed in range(seeds)]
    return [sum(column) / seeds for column in zip(*runs, strict=True)]


def compare(std, drop, seeds):
    """Return what both have on average, after a check that the asynchronous one has more."""
    asynchronous, synchronous = (means(name, std, drop, seeds) for name in ("asha", "sha"))
    assert asynchronous[0] > synchronous[0]
    return asynchronous, synchronous


@pytest.mark.parametrize("std", SPREADS)
def test_asha_finishes_more_at_every_spread(std):
    compare(std, 0.0, seeds=2)


def test_with_stragglers_and_drops_it_finishes_three_tenths_more_and_sooner():
    asynchronous, synchronous = compare(1.33, 0.002, seeds=8)
    assert asynchronous[0] / synchronous[0] >= 1.3 and asynchronous[1] < synchronous[1]


@pytest.mark.long
@pytest.mark.parametrize("std", SPREADS)
def test_the_whole_grid(std):
    for drop in DROPS:
        asynchronous, synchronous = compare(std, drop, seeds=25)
        ratio = asynchronous[0] / synchronous[0]
        sys.stdout.write(f"{std} {drop}: {asynchronous} {synchronous} {ratio:.2f}\n")
        assert ratio >= 1.05 and asynchronous[1] < synchronous[1]
