"""Whether a network is said to be better than boosting."""

import pytest

from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.verdict import verdict

ACCURACY = SearchMetric("accuracy")


@pytest.mark.parametrize(
    ("interval", "answer", "begin"),
    [
        ((0.71, 0.75), "yes", "Yes: accuracy 0.73 (95 % interval"),
        ((0.69, 0.75), "noise", "Within noise"),
        ((0.70, 0.75), "noise", "Within noise"),
        ((0.60, 0.69), "no", "No"),
    ],
)
def test_the_interval_of_the_test_score_decides(interval, answer, begin):
    found = verdict(ACCURACY, 0.7, 0.9, 0.73, interval)
    assert found.answer == answer and found.text.startswith(begin)
    assert f"95 % interval {interval[0]:.5g} to {interval[1]:.5g}" in found.text


def test_scores_below_zero_are_compared_in_the_same_way():
    assert verdict(SearchMetric("r2"), -0.2, 0.0, 0.1, (-0.1, 0.3)).answer == "yes"
    assert verdict(SearchMetric("r2"), -0.2, 0.0, -0.5, (-0.9, -0.3)).answer == "no"


def test_boosting_on_the_test_rows_comes_before_that_on_the_validation_rows():
    found = verdict(ACCURACY, 0.7, 0.9, 0.73, (0.72, 0.74), boosting_test=0.75)
    assert found.answer == "no" and "the same rows" in found.text


def test_a_validation_score_proves_nothing_but_that_it_is_not_better():
    assert verdict(ACCURACY, 0.7, 0.7).answer == "no"
    above = verdict(ACCURACY, 0.7, 0.8)
    assert above.answer == "open" and "optimistic" in above.text and "retrain" in above.text


def test_what_is_not_known_is_said():
    assert "not measured" in verdict(ACCURACY, None, 0.8).text
    assert "No network has a score" in verdict(ACCURACY, 0.7, None).text
    assert "without an interval" in verdict(ACCURACY, 0.7, 0.8, 0.75).text


def test_a_loss_is_told_as_a_user_knows_it_and_smaller_is_better():
    metric = SearchMetric("neg_root_mean_squared_error")
    test = metric.of({"rmse": 3.0})
    ends = metric.interval_of({"rmse": [2.5, 3.5]})
    found = verdict(metric, -4.0, -2.0, test, ends)
    assert found.answer == "yes"
    assert "error 3 (95 % interval 2.5 to 3.5) against boosting's 4" in found.text
    assert verdict(metric, -2.0, -1.0, test, ends).answer == "no"


def test_a_metric_of_a_problem_file_is_found_by_its_name():
    metric = SearchMetric("profit")
    assert metric.of({"profit": 3}) == 3.0 and metric.of({"loss": 1}) is None
    assert metric.words == "profit" and not metric.is_loss
