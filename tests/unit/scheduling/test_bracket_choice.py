"""The two knobs, and what follows from them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.scheduling.bracket_choice import (
    Turns,
    bracket_weights,
    mean_cost,
    num_rungs_for,
    rungs_of_brackets,
    split,
)
from agebo_hpc.scheduling.schedulers import SchedulerSettings

STANDARD = bracket_weights((5, 4, 3), 4)


def oracle(halvings, eta, brackets):
    weights = [Fraction(eta ** (halvings - s), halvings - s + 1) for s in brackets]
    return [weight / sum(weights) for weight in weights]


def test_the_default_has_five_rungs_by_four():
    settings = SchedulerSettings("asha", max_resource=256)
    assert settings.levels == (1, 4, 16, 64, 256)
    assert SchedulerSettings("asha", max_resource=20).levels == (1, 5, 20)
    assert SchedulerSettings("asha", max_resource=3).levels == (3,)


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"max_resource": 10_000}, 5),
        ({"max_resource": 255}, 4),
        ({"max_resource": 256, "num_configurations": 63}, 3),
        ({"max_resource": 256, "num_configurations": 1}, 1),
        ({"max_resource": 256, "min_resource": 5}, 3),
        ({"max_resource": 256, "max_rungs": 2}, 2),
    ],
)
def test_there_are_as_many_rungs_as_make_sense(asked, number):
    assert num_rungs_for(**asked) == number


@pytest.mark.parametrize(
    ("which", "rungs"), [("all", (5, 4, 3, 2, 1)), ("standard", (5, 4, 3)), ("one", (5,))]
)
def test_brackets_by_their_names(which, rungs):
    assert rungs_of_brackets(which, 5) == rungs


@pytest.mark.parametrize("which", ["all", "standard", "one"])
def test_one_rung_is_one_bracket(which):
    assert rungs_of_brackets(which, 1) == (1,)


def test_standard_brackets_have_the_shares_of_the_thesis():
    assert [mean_cost(rungs, 4) for rungs in (5, 4, 3)] == [
        Fraction(5, 256),
        Fraction(4, 64),
        Fraction(3, 16),
    ]
    assert [round(100 * float(share), 2) for share in STANDARD] == [70.59, 22.06, 7.35]


@pytest.mark.parametrize(
    ("halvings", "eta", "shares"),
    [
        (5, 3, [0.587, 0.235, 0.098, 0.044, 0.022, 0.015]),
        (3, 3, [0.551, 0.245, 0.122, 0.082]),
    ],
)
def test_all_brackets_have_the_shares_of_a_bohb(halvings, eta, shares):
    found = bracket_weights(range(halvings + 1, 0, -1), eta)
    assert found == oracle(halvings, eta, range(halvings + 1))
    assert [round(float(share), 3) for share in found] == shares


def test_a_number_of_configurations_is_split():
    assert split(100, STANDARD) == [71, 22, 7]
    assert split(1000, STANDARD) == [707, 220, 73]


@given(st.integers(1, 3000), st.integers(2, 6), st.sampled_from(["all", "standard", "one"]))
def test_every_bracket_has_its_part_whatever_the_number(number, eta, which):
    most = num_rungs_for(10**6, eta, num_configurations=number)
    counts = split(number, bracket_weights(rungs_of_brackets(which, most), eta))
    assert sum(counts) == number and min(counts) >= 1


def test_brackets_spend_the_same_within_rounding():
    counts = split(1000, STANDARD)
    spent = [float(n * mean_cost(r, 4)) for n, r in zip(counts, (5, 4, 3), strict=True)]
    assert max(spent) - min(spent) < float(mean_cost(3, 4))


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
        lambda parts: [Fraction(part, sum(parts)) for part in parts]
    ),
    st.integers(1, 400),
)
def test_turns_are_true_to_the_shares_after_every_number(weights, number):
    turns = Turns(weights)
    for _ in range(number):
        turns.next()
    for weight, count in zip(weights, turns.counts, strict=True):
        assert abs(float(weight) * number - count) < len(weights)


def test_the_first_turns_are_the_same_whatever_comes_later():
    turns = [Turns(STANDARD) for _ in range(2)]
    first = [turns[0].next() for _ in range(100)]
    assert [turns[1].next() for _ in range(200)][:100] == first
    assert turns[0].counts == [71, 22, 7] and turns[1].counts[0] >= 140
