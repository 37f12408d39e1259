"""The tables of successive halving and Hyperband."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.scheduling.brackets import (
    halving,
    halvings_within,
    hyperband,
    hyperband_without_end,
    num_halvings,
    rung_levels,
)

# Rungs (number at level) and costs (from the start each time, continued) of each bracket.
TABLES = {
    (81, 3): (
        ("81@1 27@3 9@9 3@27 1@81", 405, 297),
        ("34@3 11@9 3@27 1@81", 363, 276),
        ("15@9 5@27 1@81", 351, 279),
        ("8@27 2@81", 378, 324),
        ("5@81", 405, 405),
    ),
    (27, 3): (
        ("27@1 9@3 3@9 1@27", 108, 81),
        ("12@3 4@9 1@27", 99, 78),
        ("6@9 2@27", 108, 90),
        ("4@27", 108, 108),
    ),
    (256, 4): (
        ("256@1 64@4 16@16 4@64 1@256", 1280, 1024),
        ("80@4 20@16 5@64 1@256", 1216, 992),
        ("27@16 6@64 1@256", 1072, 912),
        ("10@64 2@256", 1152, 1024),
        ("5@256", 1280, 1280),
    ),
    (9, 3): (("9@1 3@3 1@9", 27, 21), ("5@3 1@9", 24, 21), ("3@9", 27, 27)),
}


def text(bracket):
    return " ".join(f"{n}@{level}" for n, level in zip(bracket.sizes, bracket.levels, strict=True))


def brackets(max_resource, eta, **bounds):
    levels = rung_levels(max_resource, eta, num_halvings(max_resource, 1, eta) + 1)
    return hyperband(levels, eta, **bounds)


@pytest.mark.parametrize("known", TABLES)
def test_hyperband_has_the_brackets_of_its_table(known):
    found = brackets(*known)
    assert [(text(b), b.cost(resumes=False), b.cost()) for b in found] == list(TABLES[known])


def test_a_pass_costs_little_less_than_all_brackets_in_full():
    assert sum(bracket.cost(resumes=False) for bracket in brackets(81, 3)) == 1902
    assert 5 * 5 * 81 == 2025


@pytest.mark.parametrize("max_resource", [300, 600, 400, 1000])
def test_the_settings_of_the_thesis_have_five_brackets(max_resource):
    assert [b.sizes[0] for b in brackets(max_resource, 4)] == [256, 80, 27, 10, 5]


@pytest.mark.parametrize(
    ("first", "rungs"),
    [(0, [(9, 1), (3, 3), (1, 9)]), (1, [(9, 3), (3, 9)]), (2, [(9, 9)])],
)
def test_nine_configurations_are_halved_as_in_the_figure(first, rungs):
    bracket = halving(9, (1, 3, 9)[first:], 3)
    assert list(zip(bracket.sizes, bracket.levels, strict=True)) == rungs


def test_halvings_are_counted_with_integers():
    # The logarithms are 4.999999999999999 and 3.0000000000000004.
    assert num_halvings(243, 1, 3) == 5 and len(brackets(243, 3)) == 6
    assert num_halvings(125, 1, 5) == 3


@given(st.integers(1, 10**9), st.integers(1, 1000), st.integers(2, 10))
def test_halvings_are_as_many_as_fit(largest, smallest, eta):
    if largest < smallest:
        return
    k = num_halvings(largest, smallest, eta)
    assert smallest * eta**k <= largest < smallest * eta ** (k + 1)


@given(st.integers(1, 5000), st.integers(2, 6))
def test_every_bracket_of_hyperband_ends_with_a_whole_training(max_resource, eta):
    found = brackets(max_resource, eta)
    assert len(found) == num_halvings(max_resource, 1, eta) + 1
    for bracket in found:
        assert bracket.levels[-1] == max_resource and bracket.sizes[-1] >= 1
        assert list(bracket.levels) == sorted(set(bracket.levels)) and bracket.levels[0] >= 1
        for above, below in zip(bracket.sizes[1:], bracket.sizes, strict=False):
            assert above == below // eta


@pytest.mark.parametrize(
    ("k", "found"),
    [
        (1, ["2@1"]),
        (2, ["2@2"]),
        (3, ["2@4", "4@1 2@2"]),
        (4, ["2@8", "4@2 2@4"]),
        (5, ["2@16", "4@4 2@8", "8@1 4@2 2@5"]),
        (6, ["2@32", "4@8 2@16", "8@2 4@5 2@10", "16@1 8@2 4@4 2@8"]),
    ],
)
def test_without_end_a_budget_is_spent_on_ever_more_arms(k, found):
    budgets = [1, 1, 2, 2, 3, 4]
    before = sum(budgets[: k - 1])
    mine = list(islice(hyperband_without_end(), before, before + budgets[k - 1]))
    assert [text(bracket) for bracket in mine] == found
    for bracket in mine:
        pulls = sum(n * r for n, r in zip(bracket.sizes, bracket.levels, strict=True))
        assert pulls <= 2**k and bracket.cost() <= pulls


def test_halvings_within_a_budget():
    # 81, 54 and 27 epochs with none, one and two halvings.
    assert halvings_within(27, 9, 9, 3) == 2
    assert halvings_within(54, 9, 9, 3) == 1 and halvings_within(81, 9, 9, 3) == 0
    with pytest.raises(ValueError, match="budget of 26 is too small"):
        halvings_within(26, 9, 9, 3)


def test_bounds_leave_brackets_out():
    assert brackets(1000, 4, n_max=64) == brackets(1000, 4)[1:]
    assert brackets(1000, 4, n_min=10) == brackets(1000, 4)[:4]
    with pytest.raises(ValueError, match="at most 3 and at least 300"):
        brackets(1000, 4, n_max=3, n_min=300)


@pytest.mark.parametrize(
    ("rows", "number", "smallest"),
    [(670, 3, 74), (20_000, 3, 2_222), (73_962, 4, 2_739), (500_000, 6, 2_057)],
)
def test_brackets_of_the_117_tables(rows, number, smallest):
    found = brackets(rows, 3, n_max=max(9, rows // 1000))
    assert len(found) == number and found[0].levels[0] == smallest


@pytest.mark.parametrize("bad", [(9, 3, 3), (1, 5, 2), (4, 1, 1)])
def test_what_is_no_ladder_is_refused(bad):
    largest, smallest, eta = bad
    with pytest.raises(ValueError, match="no halvings|has no"):
        if eta < 2 or largest < smallest:
            num_halvings(largest, smallest, eta)
        rung_levels(largest, eta, 4)


def test_too_few_configurations_are_refused():
    with pytest.raises(ValueError, match="8 configurations are too few .* 9 are needed"):
        halving(8, (1, 3, 9), 3)
