"""Whether a network is said to be better than boosting."""

import pytest

from agebo_hpc.analysis.verdict import verdict


@pytest.mark.parametrize(
    ("interval", "answer", "begin"),
    [
        ((0.71, 0.75), "yes", "Yes: accuracy 0.73 against 0.7"),
        ((0.69, 0.75), "noise", "Within noise"),
        ((0.70, 0.75), "noise", "Within noise"),
        ((0.60, 0.69), "no", "No"),
    ],
)
def test_the_interval_of_the_test_score_decides(interval, answer, begin):
    found = verdict("accuracy", 0.7, 0.9, 0.73, interval)
    assert found.answer == answer and found.text.startswith(begin)
    assert f"95 % interval {interval[0]:.5g} to {interval[1]:.5g}" in found.text


def test_scores_below_zero_are_compared_in_the_same_way():
    assert verdict("r2", -0.2, 0.0, 0.1, (-0.1, 0.3)).answer == "yes"
    assert verdict("r2", -0.2, 0.0, -0.5, (-0.9, -0.3)).answer == "no"


def test_boosting_on_the_test_rows_comes_before_that_on_the_validation_rows():
    found = verdict("accuracy", 0.7, 0.9, 0.73, (0.72, 0.74), boosting_test=0.75)
    assert found.answer == "no" and "the same rows" in found.text


def test_a_validation_score_proves_nothing_but_that_it_is_not_better():
    assert verdict("accuracy", 0.7, 0.7).answer == "no"
    above = verdict("accuracy", 0.7, 0.8)
    assert above.answer == "open" and "optimistic" in above.text and "retrain" in above.text


def test_what_is_not_known_is_said():
    assert "not measured" in verdict("accuracy", None, 0.8).text
    assert "No network has a score" in verdict("accuracy", 0.7, None).text
    assert "without an interval" in verdict("accuracy", 0.7, 0.8, 0.75).text
