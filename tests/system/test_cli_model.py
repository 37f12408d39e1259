"""From a small search to models, as a user calls the commands."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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
    assert re.search(r" accuracy 0\.\d+ \[0\.\d+, [01]\.\d+\],", first), first
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


def test_a_model_of_all_rows_has_no_score_and_says_so(agebo, run, tiny_dataset, tmp_path):
    command = ("retrain", run, "--all-rows", "--epochs", "1", "--out", tmp_path / "model")
    done = agebo(*command)
    assert done.returncode == 0, done.stderr
    for line in ("validation  trained on", "test        trained on", "no row is left to score"):
        assert line in done.stdout
    told = json.loads((tmp_path / "model" / "model.json").read_text())
    assert set(told["scores"]) == {"rows_per_second"} and told["training"]["all_rows"] is True
    assert "was trained on these rows" in agebo("evaluate", command[-1], tiny_dataset).stdout
    assert "--seeds" in error_of(agebo(*command, "--force", "--seeds", "1,2"), 2)


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


def test_ranks_of_mpirun_train_one_model_together(agebo, run, mpirun, tmp_path):
    command = ["-m", "agebo_hpc", "retrain", run, "--seeds", "1,2", "--json", "--out"]
    done = mpirun(2, [*command, tmp_path / "model"], timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "model" / "model.json").read_text())
    assert told["training"]["num_ranks"] == 2
    seeds = told["training"]["seeds"]
    assert [entry["seed"] for entry in seeds] == [1, 2]
    best = max(seeds, key=lambda entry: entry["validation"]["accuracy"])
    assert told["training"]["seed"] == best["seed"]
    printed = json.loads(done.stdout)
    assert printed["scores"]["test"] == best["test"] and printed["seeds"] == seeds
    assert best["test"]["accuracy"] > 0.6


def test_ranks_of_mpirun_train_the_networks_of_folds_and_keep_their_mean(
    agebo, run, mpirun, tiny_table, tiny_dataset, tmp_path
):
    out = tmp_path / "model"
    command = ["-m", "agebo_hpc", "retrain", run, "--folds", "3", "--out", out]
    done = mpirun(2, command, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        *("fold 1", "fold 2", "fold 3"), "mean", "test"
    ]  # fmt: skip
    assert re.search(r" accuracy 0\.\d+ \[0\.\d+, [01]\.\d+\],", lines[4]), lines[4]
    assert "validation  trained on, no score" in lines and "3 members" in done.stdout
    told = json.loads((out / "model.json").read_text())
    assert told["scores"]["folds"]["count"] == 3 and told["training"]["folds"] == 3
    report = json.loads(agebo("evaluate", out, tiny_dataset, "--json").stdout)
    assert report["scores"] == told["scores"]["test"]
    for name, ends in told["scores"]["intervals"]["test"].items():
        assert report["intervals"][name] == pytest.approx(ends)
    assert agebo("predict", out, tiny_table, tmp_path / "out.csv").returncode == 0
    exported = agebo("export", out, "--format", "keras", "--out", tmp_path / "model.keras")
    assert exported.returncode == 0, exported.stderr
    assert "--force to replace it" in error_of(agebo(*command[2:]), 2)
    refused = agebo("retrain", run, "--folds", "3", "--seeds", "1,2")
    assert "--folds and --seeds are both given" in error_of(refused, 2)


def test_a_mistake_is_told_once_by_the_ranks_of_mpirun(run, mpirun, tmp_path):
    command = ["-m", "agebo_hpc", "retrain", run, "--rank", "9", "--out", tmp_path / "model"]
    done = mpirun(2, command)
    assert done.returncode == 2
    assert done.stderr.count("error: --rank is 9") == 1 and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("model*"))


def test_seed_and_seeds_exclude_each_other(agebo, run, tmp_path):
    done = agebo("retrain", run, "--seed", "1", "--seeds", "1,2", "--out", tmp_path / "model")
    assert "--seed and --seeds" in error_of(done, 2)


def test_an_ensemble_is_a_model_and_its_price_is_shown(
    agebo, run, tiny_table, tiny_dataset, tmp_path
):
    out = tmp_path / "ensemble"
    done = agebo("ensemble", run, "--size", "3", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "price       the single network does" in done.stdout
    scored = agebo("evaluate", out, tiny_dataset, "--json")
    report = json.loads(scored.stdout)
    told = json.loads((out / "model.json").read_text())
    assert report["scores"] == told["scores"]["test"]
    done = agebo("predict", out, tiny_table, tmp_path / "out.parquet", "--keep", "label")
    assert done.returncode == 0, done.stderr
    got = pd.read_parquet(tmp_path / "out.parquet")
    assert list(got.columns) == ["label", "prediction", "probability_no", "probability_yes"]
    assert (got["label"] == got["prediction"]).mean() > 0.6
    assert "give 1 to 3" in error_of(agebo("ensemble", run, "--size", "4", "--out", out), 2)


def test_evaluate_tells_where_the_model_errs_and_how_sure_it_may_be(
    agebo, retrained, tiny_dataset
):
    done = agebo("evaluate", retrained[0], tiny_dataset, "--json")
    report = json.loads(done.stdout)
    confusion = np.array(report["quality"]["confusion"])
    assert report["quality"]["labels"] == ["no", "yes"] and confusion.sum() == 660
    assert np.trace(confusion) / 660 == pytest.approx(report["scores"]["accuracy"])
    table = pd.DataFrame(report["quality"]["reliability"])
    assert table["rows"].sum() == 660
    gaps = (table["confidence"] - table["accuracy"]).abs()
    error = float((gaps * table["rows"]).sum() / 660)
    assert report["scores"]["calibration_error"] == pytest.approx(error)
    shown = agebo("evaluate", retrained[0], tiny_dataset).stdout
    assert "confusion   true" in shown and "calibration probability" in shown


def test_a_model_copied_to_a_fresh_environment_gives_the_very_same_probabilities(
    agebo, retrained, tiny_table, tmp_path
):
    assert agebo("predict", retrained[0], tiny_table, tmp_path / "here.parquet").returncode == 0
    shutil.copytree(retrained[0], tmp_path / "far" / "copy")
    code = """
import sys
for name in ("mpi4py", "horovod"):
    sys.modules[name] = None  # importing it raises
from agebo_hpc.__main__ import main
try:
    main()
finally:
    drawing = {"matplotlib", "PIL", "joblib"} & set(sys.modules)
    print("loaded without need:", sorted(drawing))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "copy", tiny_table, "there.parquet"],
        capture_output=True, text=True, timeout=240, cwd=tmp_path / "far",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded without need: []"
    here = pd.read_parquet(tmp_path / "here.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "far" / "there.parquet"), here, check_exact=True
    )


@pytest.mark.parametrize(
    "kind, name", [("onnx", "m.onnx"), ("keras", "m.keras"), ("savedmodel", "m")]
)
def test_export_writes_each_format(agebo, retrained, kind, name, tmp_path):
    done = agebo("export", retrained[0], "--format", kind, "--out", tmp_path / name)
    assert done.returncode == 0, done.stderr
    again = agebo("export", retrained[0], "--format", kind, "--out", tmp_path / name)
    assert "--force" in error_of(again, 2)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_the_benchmark_against_boosting_ranks_all_on_the_same_test_rows(
    agebo, script, run, tiny_dataset, monkeypatch
):
    called, real = [], subprocess.run

    def in_this_process(command, *more, **settings):
        if command[:3] != [sys.executable, "-m", "agebo_hpc"]:
            return real(command, *more, **settings)
        called.append(command[3])
        return agebo(*command[3:])

    monkeypatch.setattr(subprocess, "run", in_this_process)
    words = [tiny_dataset, "--run", run, "--size", "2", "--tune", "0.01"]
    done = script("bench/bench_against_boosting.py", *words, timeout=480)
    assert done.returncode == 0, done.stderr
    assert called == ["status", "retrain", "retrain", "ensemble"]
    report = json.loads(done.stdout.splitlines()[-1])
    names = [row["model"] for row in report["results"]]
    assert names == [
        *("network", "network, validation rows too", "ensemble of up to 2"),
        *("LightGBM", "HistGradientBoosting", "HistGradientBoosting, best of 1"),
    ]
    assert report["evaluations"] == 3 and report["search_seconds"] > 0
    assert all(0.5 < row["score"] <= 1 and row["rows_per_second"] > 0 for row in report["results"])
    # Without time to tune, the default settings are the best of one.
    assert report["results"][4]["score"] == report["results"][5]["score"]
