"""`retrain`, `evaluate` and `predict` as a user calls them, on a small search."""

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def run(agebo, tiny_dataset, tmp_path_factory):
    """Return the run directory of a search of three evaluations with n = 1."""
    out = tmp_path_factory.mktemp("runs") / "run"
    done = agebo(
        "search", tiny_dataset, "--out", out, "--preset", "v1-small", "--epochs", "3",
        "--max-evals", "3", "--processes", "1", "--executor", "serial",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def retrained(agebo, run, tmp_path_factory):
    """Return the model directory of the best, and what `retrain --json` printed."""
    out = tmp_path_factory.mktemp("models") / "model"
    done = agebo("retrain", run, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def error_of(done, code):
    """Return the one line that a refused command printed."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    return lines[0]


def test_the_best_trained_again_has_the_validation_accuracy_of_the_search(agebo, run, retrained):
    history = run.parent / "history.csv"
    done = agebo("history", run, "--csv", history)
    assert done.returncode == 0, done.stderr
    best = pd.read_csv(history)["objective"].max()
    assert retrained[1]["scores"]["validation"]["accuracy"] == best


def test_evaluate_repeats_the_test_scores_of_retrain(agebo, retrained, tiny_dataset):
    model, printed = retrained
    done = agebo("evaluate", model, tiny_dataset, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["part"] == "test" and report["rows"] == 660
    assert report["scores"] == printed["scores"]["test"]
    assert report["rows_per_second"] > 0 and report["same_data"] is True


def test_evaluate_prints_lines_for_people(agebo, retrained, tiny_dataset):
    done = agebo("evaluate", retrained[0], tiny_dataset, "--part", "train")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith("train ")
    assert all(name in first for name in ("loss", "accuracy", "balanced accuracy", "ROC AUC"))
    assert any("rows per second" in line for line in rest)
    assert any("trained on these rows" in line for line in rest)


def test_predicted_labels_have_the_accuracy_of_the_model(
    agebo, retrained, tiny_table, tiny_dataset, tmp_path
):
    out = tmp_path / "out.csv"
    done = agebo("predict", retrained[0], tiny_table, out, "--keep", "label", "--keep", "a")
    assert done.returncode == 0, done.stderr
    got = pd.read_csv(out)
    columns = ["label", "a", "prediction", "probability_no", "probability_yes"]
    assert list(got.columns) == columns
    np.testing.assert_array_equal(got["a"], pd.read_csv(tiny_table)["a"])
    hits = 0
    for part in ("train", "validation", "test"):
        scored = agebo("evaluate", retrained[0], tiny_dataset, "--part", part, "--json")
        report = json.loads(scored.stdout)
        hits += report["rows"] * report["scores"]["accuracy"]
    assert (got["prediction"] == got["label"]).sum() == pytest.approx(hits)


def test_without_out_the_model_lies_in_the_run_and_a_second_call_is_refused(agebo, run):
    command = ("retrain", run, "--rank", "2", "--include-validation", "--epochs", "1")
    done = agebo(*command)
    assert done.returncode == 0, done.stderr
    assert "validation  trained on, no score" in done.stdout
    models = list((run / "models").iterdir())
    assert [m.name.split("_")[0] for m in models] == ["evaluation"]
    assert "--force" in error_of(agebo(*command), 2)
    assert agebo(*command, "--force").returncode == 0
    assert list((run / "models").iterdir()) == models


def test_a_rank_that_is_not_there_is_refused_with_the_number_of_evaluations(agebo, run, tmp_path):
    done = agebo("retrain", run, "--rank", "9", "--out", tmp_path / "model")
    assert "--rank is 9" in (line := error_of(done, 2)) and "give 1 to 3" in line
    assert not list(tmp_path.iterdir())


def test_what_is_missing_or_no_model_has_its_exit_code(agebo, retrained, tiny_table, tmp_path):
    out = tmp_path / "out.csv"
    assert "no model" in error_of(agebo("predict", tmp_path / "no", tiny_table, out), 66)
    assert "is not a model" in error_of(agebo("predict", tmp_path, tiny_table, out), 66)
    assert "tiny.csv" in error_of(agebo("evaluate", retrained[0], tiny_table), 65)
    assert "no run directory" in error_of(agebo("retrain", tmp_path / "no", "--out", out), 66)
    assert not out.exists()


def test_data_of_another_target_does_not_fit(agebo, retrained, tiny_regression):
    line = error_of(agebo("evaluate", retrained[0], tiny_regression), 65)
    assert "it is a regression, the model a classification" in line


def test_missing_columns_are_named_in_one_line(agebo, retrained, tiny_table, tmp_path):
    pd.read_csv(tiny_table).drop(columns=["a", "place"]).to_csv(tmp_path / "in.csv", index=False)
    done = agebo("predict", retrained[0], tmp_path / "in.csv", tmp_path / "out.csv")
    assert "lacks the columns 'a', 'place'" in error_of(done, 65)
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]
