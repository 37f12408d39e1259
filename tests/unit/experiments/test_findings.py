"""Effects, spreads and verdicts of published findings."""

import math

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.experiments.findings import (
    ABOVE,
    BELOW,
    EQUAL,
    Finding,
    evaluate,
    pairwise,
    quartiles,
)

LOW, HIGH = [1.0, 2.0, 3.0, 4.0, 5.0], [11.0, 12.0, 13.0, 14.0, 15.0]


def runs(**methods):
    rows = [("p", name, value) for name, values in methods.items() for value in values]
    return pd.DataFrame(rows, columns=["problem", "method", "best"])


def verdict(a, b, direction):
    finding = Finding("a and b", "best", "a", "b", direction)
    [row] = evaluate([finding], runs(a=a, b=b)).itertuples(index=False)
    return row.verdict


@pytest.mark.parametrize(
    ("a", "b", "direction", "said"),
    [
        (HIGH, LOW, ABOVE, "shown"),
        (HIGH, LOW, BELOW, "opposite"),
        (LOW, HIGH, BELOW, "shown"),
        (HIGH[:3], LOW[:3], ABOVE, "tends to show"),
        (LOW[:3], HIGH[:3], ABOVE, "tends to the opposite"),
        (LOW, LOW, ABOVE, "no difference"),
        ([1.0, 2.0, 5.0], [0.0, 3.0, 4.0], ABOVE, "no difference"),
        (LOW, LOW, EQUAL, "no difference shown"),
        (LOW, HIGH, EQUAL, "differs"),
    ],
)
def test_a_verdict_needs_direction_and_rank_test(a, b, direction, said):
    assert verdict(a, b, direction) == said


def test_the_effect_is_the_median_of_all_differences_with_its_quartiles():
    [row] = evaluate([Finding("x", "best", "a", "b")], runs(a=HIGH, b=LOW)).itertuples()
    assert (row.median, row.other_median, row.effect) == (13.0, 3.0, 10.0)
    assert (row.low, row.high, row.superiority) == (9.0, 11.0, 1.0)
    # Five against five without overlap: two of the 252 orders.
    assert row.p == pytest.approx(2 / 252)


def test_one_search_of_each_says_a_direction_and_no_more():
    [row] = evaluate([Finding("x", "best", "a", "b")], runs(a=[2.0], b=[1.0])).itertuples()
    assert math.isnan(row.p) and row.verdict == "tends to show"


def test_what_was_never_reached_lies_above_everything():
    finding = Finding("faster", "best", "a", "b", BELOW)
    never = [math.inf] * 5
    [row] = evaluate([finding], runs(a=LOW, b=never)).itertuples()
    assert (row.verdict, row.effect, row.other_median) == ("shown", -math.inf, math.inf)
    assert set(pairwise(np.asarray(never), np.asarray(never))) == {0.0}
    assert quartiles(np.asarray([1.0, math.inf]))[0] == 1.0


def test_each_problem_is_judged_for_itself_and_what_was_not_run_is_left_out():
    both = pd.concat([runs(a=HIGH, b=LOW), runs(a=LOW, b=HIGH).assign(problem="q")])
    found = evaluate([Finding("x", "best", "a", "b"), Finding("y", "best", "a", "c")], both)
    assert dict(zip(found["problem"], found["verdict"], strict=True)) == {
        "p": "shown",
        "q": "opposite",
    }
