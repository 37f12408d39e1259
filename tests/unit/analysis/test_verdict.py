"""Whether a network is said to be better than boosting."""

from pathlib import Path

import pytest

from agebo_hpc.analysis.missing_baselines import missing_baselines, why_no_boosting
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.analysis.standing import standing
from agebo_hpc.analysis.verdict import stored_comparison, verdict
from agebo_hpc.baselines.comparison import Comparison
from agebo_hpc.baselines.record import Baseline, Baselines
from agebo_hpc.cli.history import _lines
from agebo_hpc.storage.rows import columns_of, frame_of

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


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.01, 0.05), "yes"),
        ((0.0, 0.05), "noise"),
        ((-0.01, 0.05), "noise"),
        ((0.0, 0.0), "noise"),
        ((-0.05, -0.01), "no"),
        (None, "open"),
    ],
)
def test_the_interval_of_the_difference_on_the_same_rows_decides(part, interval, answer):
    gap = 0.0 if interval is None else sum(interval) / 2
    found = Comparison(part, 900, 1_000, 0.7 + gap, 0.7, interval)
    # Whatever the scores on other rows are.
    told = verdict(ACCURACY, 0.1, 0.9, 0.2, (0.1, 0.3), found)
    if part == "validation" and answer == "yes":
        assert told.answer == "open" and "no test part" in told.text
        return
    assert told.answer == answer
    assert f"on 900 of the 1,000 {part} rows" in told.text and "boosting 0.7" in told.text
    word = {"yes": "better by 0.03", "no": "worse by 0.03, with a 95 % interval from 0.01 to 0.05"}
    assert word.get(answer, "") in told.text
    seen = "these rows chose it" in told.text
    assert seen == (part == "validation" and answer in ("noise", "no"))


def test_a_loss_that_is_smaller_is_better_by_a_positive_difference():
    found = Comparison("test", 50, 50, -3.0, -4.0, (0.5, 1.5))
    told = verdict(SearchMetric("neg_mean_absolute_error"), None, None, comparison=found)
    assert told.answer == "yes"
    assert "error 3 and boosting 4; it is better by 1, with a 95 % interval from 0.5" in told.text


def test_a_comparison_of_another_version_is_as_none():
    assert stored_comparison({"boosting": None}) is None and stored_comparison({}) is None
    assert stored_comparison({"boosting": {"strange": 1}}) is None
    known = {"part": "test", "rows": 3, "of_rows": 3, "network": 1.0, "boosting": 0.5}
    assert stored_comparison({"boosting": known}).network == 1.0


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


def test_no_report_runs_the_code_of_a_metric_of_ones_own(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("raise SystemExit('it was run')\ndef profit(y, p): return 1.0\n")
    metric = SearchMetric(f"{file}:profit")
    assert metric.words == metric.axis == "profit" and metric.say(-3.0) == "-3"
    assert metric.of({"profit": 2.0}) == 2.0
    assert SearchMetric("mae").axis == "minus mean absolute error"


def made_run(found=None, state="complete", **asked):
    """Return a run with these baselines."""
    baselines = None if found is None else Baselines("f", "accuracy", tuple(found))
    config = {
        "request": {"baselines": True, **asked},
        "problem": {"trainer": "tensorflow", "data_fingerprint": "f", "metric": "accuracy"},
    }
    nothing = frame_of(columns_of([]))
    return Run(Path("my run"), "a", config, None, nothing, {}, [], {}, baselines=baselines)


def test_why_boosting_has_no_score_is_said_with_what_to_do():
    constant, scored = Baseline("constant", 0.5, 1.0), Baseline("boosting", 0.7, 1.0)
    failed = Baseline("boosting", None, 1.0, "failed (MemoryError: none left)")
    for found in (None, [], [constant]):
        run = made_run(found)
        assert "boosting" in missing_baselines(run)
        assert "`agebo-hpc resume 'my run'`" in why_no_boosting(run)
    assert why_no_boosting(made_run([constant, scored])) == ""
    # What was tried is not measured again.
    assert "MemoryError" in why_no_boosting(made_run([failed]))
    assert "resume" not in why_no_boosting(made_run([failed]))
    assert "--no-baselines" in why_no_boosting(made_run(baselines=False))
    for other in ({"baselines": False}, {"simulate": "sleep"}):
        assert missing_baselines(made_run(**other)) == []


def test_status_names_the_cure_of_what_is_missing_once_the_search_has_ended():
    stands = standing(made_run([Baseline("constant", 0.5, 1.0)]))
    for state, is_told in (("complete", True), ("stopped", True), ("running", False)):
        lines = dict(_lines({**stands, "state": state})[::-1])
        told = [text for _, text in _lines({**stands, "state": state})]
        assert lines["baselines"] == "constant 0.5"
        cure = (
            "linear and boosting not measured yet: agebo-hpc resume 'my run', or retrain, does so"
        )
        assert (cure in told) is is_told
