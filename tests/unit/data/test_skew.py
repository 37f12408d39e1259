"""Targets with one heavy tail get a line that names a transform; others get none."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.skew import lost_digits, skew_advice
from agebo_hpc.data.target import RealCoding

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(0, 1, 5000)


@pytest.mark.parametrize(
    "numbers",
    [
        NORMAL,
        1e9 + NORMAL,
        RNG.random(5000),
        RNG.exponential(1, 5000),
        RNG.poisson(4, 5000).astype(float),
        np.repeat([1.0, 2.0, 3.0], 500),
        RNG.standard_cauchy(5000),
        np.append(NORMAL, 1e12),
        np.exp(RNG.normal(0, 3, 50)),
        np.repeat([0.0, 1.0], [2500, 2500]),
        np.repeat([0.0, 1.0], [4500, 500]),
        np.full(500, 3.0),
    ],
    ids=lambda numbers: f"{len(numbers)} {numbers[0]:.3g}",
)
def test_nothing_is_said_of_targets_that_are_not_skewed(numbers):
    assert skew_advice("y", numbers) == ""


@pytest.mark.parametrize(
    ("numbers", "named"),
    [
        (np.exp(2 * NORMAL), "log or quantile;"),
        (1e9 * np.exp(2 * NORMAL), "log or quantile;"),
        (-np.exp(2 * NORMAL), "transform quantile;"),
        (np.exp(2 * NORMAL) - 1, "transform quantile;"),
        (
            RNG.poisson(np.exp(1.5 * NORMAL - 1)).astype(float),
            "log or quantile, or as counts with",
        ),
        (np.where(RNG.random(5000) < 0.9, 0.0, RNG.gamma(1, 900, 5000)), "log or quantile;"),
    ],
)
def test_a_heavy_tail_gets_one_line(numbers, named):
    told = skew_advice("y", numbers)
    assert named in told
    assert told.startswith("The target 'y' is heavily skewed: its median is")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("numbers", "is_told"),
    [
        (np.append(50 + 5 * NORMAL, 1e12), True),
        (np.append(np.exp(NORMAL), [-1e13, -1e13]), True),
        (np.append(np.exp(NORMAL), [-1e13, 1e13]), False),
        (np.append(50 + 5 * NORMAL, 1e7), False),
        (1e12 + NORMAL, False),
        (np.exp(3 * NORMAL), False),
        (RNG.poisson(2, 5000).astype(float), False),
        (np.linspace(0, 1, 100_000), False),
        (np.repeat([0.0, 1.0, 1000.0], 500), False),
    ],
)
def test_values_that_leave_the_others_no_digits_are_told(numbers, is_told):
    column = pd.Series(numbers, name="y")
    told = lost_digits(column, RealCoding.fit(column))
    assert ["told apart to" in line for line in told] == [True] * is_told
