"""`agebo-hpc experiment` end to end: run, killed, gone on with, shown, skipped."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from agebo_hpc.storage.reader import read_history

COMMON = ["--backing", "lognormal:mean=60,sigma=1", "--workers", "4", "--max-processes", "2"]
TINY = ["experiment", "sync-async", *COMMON, "--max-evals", "24", "--seeds", "2", "--jobs", "2"]


@pytest.fixture(scope="module")
def stopped(child_settings, tmp_path_factory):
    """Return the directory of an experiment that got SIGTERM after its first search."""
    out = tmp_path_factory.mktemp("experiment") / "out"
    words = [sys.executable, "-m", "agebo_hpc", *TINY, "--jobs", "1", "--out", str(out)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=child_settings) as process:
        first = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=240)
    assert first.startswith("1 of 4: AgEBO on lognormal, seed 1, took"), first + said
    assert process.returncode == 75, said
    assert "the same command goes on" in said
    return out


@pytest.fixture(scope="module")
def finished(agebo, stopped):
    """Return what the same command said when it went on, and the directory."""
    done = agebo(*TINY, "--out", stopped, timeout=300)
    assert done.returncode == 0, done.stderr
    return done, stopped


def test_a_killed_experiment_goes_on_by_the_same_command(finished):
    done, out = finished
    assert "complete already" in done.stderr.splitlines()[0]
    assert "4 of 4: " in done.stderr
    for method in ("AgEBO", "AgEBO-synchronous"):
        for seed in (1, 2):
            run = out / "runs" / "lognormal" / method / f"seed-{seed}"
            assert json.loads((run / "status.json").read_text())["state"] == "complete"
            assert len(read_history(run)) == 24


def test_table_figures_and_findings_are_written(finished):
    done, out = finished
    place = out / "sync-async"
    runs = pd.read_csv(place / "runs.csv").set_index(["method", "seed"])
    assert len(runs) == 4
    # Waiting for the slowest of four costs the same evaluations more time.
    share = runs["utilisation"]
    for seed in (1, 2):
        assert 0 < share["AgEBO synchronous", seed] < share["AgEBO", seed] <= 1
    findings = pd.read_csv(place / "findings.csv").set_index("measure")
    assert findings.loc["utilisation", "effect"] > 0
    assert "asynchronous search keeps the workers busy (lognormal)" in done.stdout
    page = (place / "summary.md").read_text()
    assert "published: 95 % and 26 %" in page and "| lognormal | AgEBO | 2 |" in page
    for name in ("comparison", "utilisation"):
        for suffix in ("png", "pdf"):
            assert (place / f"{name}-lognormal.{suffix}").stat().st_size > 1000


def test_a_second_call_runs_no_search_again(agebo, finished):
    _, out = finished
    logs = {path: path.stat().st_mtime_ns for path in out.rglob("seed-*.log")}
    again = agebo(*TINY, "--out", out)
    assert again.returncode == 0, again.stderr
    assert again.stderr.splitlines() == ["4 of 4 are complete already"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("seed-*.log")} == logs


def test_what_cannot_be_compared_is_refused(agebo, finished):
    _, out = finished
    other = agebo(*TINY, "--max-evals", "30", "--out", out)
    assert other.returncode == 2
    assert "have max-evals 24; now it is 30" in other.stderr
    table = agebo("experiment", "vs-automl", *COMMON, "--max-evals", "4", "--out", out / "x")
    assert table.returncode == 2
    assert "table of trainings. Give --backing DATA.h5" in table.stderr
    assert not (out / "x").exists()


def test_the_commands_of_all_searches_can_be_had_without_running_them(agebo, tmp_path):
    told = agebo(*TINY, "--out", tmp_path / "out", "--dry-run")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert len(lines) == 4
    assert [" --synchronous" in line for line in lines] == [False, True, False, True]
    assert not (tmp_path / "out").exists()


def test_recorded_trainings_have_the_epochs_that_they_were_recorded_with(agebo, tmp_path):
    table = Path(__file__).parents[2] / "scripts" / "tables" / "covertype16.parquet"
    words = ["experiment", "static-data-parallel", "--backing", f"recorded:{table},factor=100"]
    words += ["--workers", "4", "--max-processes", "2", "--max-evals", "12", "--seeds", "1"]
    done = agebo(*words, "--out", tmp_path / "out", timeout=300)
    assert done.returncode == 0, done.stderr
    for method in ("AgE-1", "AgE-2"):
        history = read_history(tmp_path / "out" / "runs" / "covertype16" / method / "seed-1")
        assert len(history) == 12 and set(history.epochs) == {5}


def test_experiments_are_listed(agebo):
    told = agebo("experiment", "--list")
    assert told.returncode == 0
    assert "exploration" in told.stdout and "AgEBO kappa=19.6" in told.stdout
    missing = agebo("experiment", "mixed")
    assert missing.returncode == 2
    assert "needs a NAME, --out DIR and --backing" in missing.stderr


def test_one_network_is_held_against_gradient_boosting_on_real_rows(agebo, tiny_dataset, tmp_path):
    words = ["experiment", "vs-automl", "--backing", tiny_dataset, "--preset", "v1-small"]
    limits = ["--max-evals", "2", "--epochs", "1", "--seeds", "1"]
    done = agebo(*words, *limits, "--out", tmp_path / "out", timeout=400)
    assert done.returncode == 0, done.stderr
    models = pd.read_csv(tmp_path / "out" / "vs-automl" / "models.csv").set_index("method")
    assert {"one network", "HistGradientBoosting"} <= set(models.index)
    assert models["score"].between(0.4, 1).all()
    assert (models["rows_per_second"] > 0).all()
    again = agebo(*words, *limits, "--out", tmp_path / "out")
    assert "1 of 1 are complete already\n2 of 2 are complete already" in again.stderr


def test_what_sums_gradients_is_passed_on_to_the_searches_and_may_change(agebo, tmp_path):
    words = [*TINY, "--out", tmp_path / "out", "--dry-run"]
    assert "--data-parallel" not in agebo(*words).stdout
    told = agebo(*words, "--data-parallel", "mpi").stdout.splitlines()
    assert told and all("--data-parallel mpi" in line for line in told)
    assert agebo(*words, "--data-parallel", "gloo").returncode == 2
