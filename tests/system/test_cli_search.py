"""`search` and `resume` end to end: repeatable, resumable, interruptible."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import pytest

from agebo_hpc.errors import AgeboError
from agebo_hpc.search.methods import METHODS
from agebo_hpc.storage.reader import read_history

MADE_UP = Path(__file__).parent.parent / "mpi" / "made_up.py"
AGEBO = ["-m", "agebo_hpc"]
TIMES = ["submitted", "started", "ended", "ranks", "host", "peak_memory", "curve"]


def problem(name):
    return ["--problem", f"{MADE_UP}:{name}"]


def findings(run):
    """Return what must not depend on where and when a search ran, by evaluation id."""
    history = read_history(run).sort_values("evaluation_id", ignore_index=True)
    drop = TIMES + [name for name in history if name.startswith("seconds")]
    history["losses"] = [
        tuple((e.get("loss"), e.get("validation_loss")) for e in curve)
        for curve in history["curve"]
    ]
    return history.drop(columns=drop)


def status(run):
    return json.loads((run / "status.json").read_text())


def assert_same(first, second):
    pd.testing.assert_frame_equal(findings(first), findings(second))


SMALL = ["--preset", "v1-small", "--epochs", "2"]


@pytest.fixture(scope="module")
def whole_run(agebo, tiny_dataset, tmp_path_factory):
    """Return the run directory of a serial search of six evaluations, with real training."""
    out = tmp_path_factory.mktemp("whole") / "run"
    words = ["search", tiny_dataset, "--out", out, *SMALL, "--max-evals", "6"]
    # Others are compared with it: nothing may depend on a process, such as its order of sets.
    done = agebo(*words, process=True)
    assert done.returncode == 0, done.stderr
    return out


def test_a_search_finds_networks_and_says_so(whole_run):
    history = read_history(whole_run)
    assert list(history["evaluation_id"]) == list(range(6))
    assert set(history["status"]) == {"done"}
    assert history["objective"].between(0.3, 1).all()
    assert (history["num_parameters"] > 0).all()
    assert [len(curve) for curve in history["curve"]] == [2] * 6
    assert (history["started"] >= history["submitted"]).all()
    assert (history["ended"] > history["started"]).all()
    found = status(whole_run)
    assert (found["state"], found["exit_code"], found["counts"]["done"]) == ("complete", 0, 6)
    best = history.loc[history["objective"].idxmax()]
    assert found["best"]["objective"] == pytest.approx(best["objective"])


def test_the_same_seed_gives_the_same_history_but_for_times(
    agebo, tiny_dataset, whole_run, tmp_path
):
    words = ["search", tiny_dataset, *SMALL, "--max-evals", "6", "--out"]
    assert agebo(*words, tmp_path / "again").returncode == 0
    assert_same(whole_run, tmp_path / "again")
    assert agebo(*words, tmp_path / "other", "--seed", "7").returncode == 0
    other = findings(tmp_path / "other")
    assert set(other["configuration_key"]).isdisjoint(findings(whole_run)["configuration_key"])


@pytest.mark.mpi
def test_one_trainer_rank_finds_what_a_single_process_finds(
    mpirun, tiny_dataset, whole_run, tmp_path
):
    out = tmp_path / "run"
    words = ["-m", "agebo_hpc", "search", tiny_dataset, "--out", out, *SMALL, "--max-evals", "6"]
    done = mpirun(2, words)
    assert done.returncode == 0, done.stderr
    assert_same(whole_run, out)


def test_a_search_in_two_lives_finds_what_it_finds_in_one(
    agebo, tiny_dataset, whole_run, tmp_path
):
    out = tmp_path / "run"
    done = agebo("search", tiny_dataset, "--out", out, *SMALL, "--max-evals", "3")
    assert done.returncode == 0, done.stderr
    assert len(read_history(out)) == 3
    done = agebo("resume", out, "--max-evals", "6")
    assert done.returncode == 0, done.stderr
    assert_same(whole_run, out)


def test_a_regression_is_searched_by_r2(agebo, tiny_regression, tmp_path):
    out = tmp_path / "run"
    words = ["--max-evals", "2", "--fix", "learning_rate=0.01", "--fix", "batch_size=32"]
    done = agebo("search", tiny_regression, "--out", out, *SMALL, *words)
    assert done.returncode == 0, done.stderr
    history = read_history(out)
    assert set(history["learning_rate"]) == {0.01} and set(history["batch_size"]) == {32}
    assert (history["objective"] <= 1).all()


def test_the_evaluation_time_limit_ends_trainings_and_the_search_goes_on(
    agebo, tiny_dataset, tmp_path
):
    words = ["--max-evals", "2", "--eval-timeout", "0.001"]
    done = agebo("search", tiny_dataset, "--out", tmp_path / "run", *SMALL, *words)
    # Not one of them has a result: that is no complete search.
    assert done.returncode == 70, done.stderr
    assert "All 2 evaluations failed" in done.stderr and "timed_out" in done.stderr
    assert list(read_history(tmp_path / "run")["status"]) == ["timed_out"] * 2


# --- interruptions -----------------------------------------------------------------------------


@pytest.fixture
def in_background():
    """Start a call and return (its future, the process that names the run directory)."""
    with ThreadPoolExecutor(1) as pool:

        def start(call, out):
            future = pool.submit(call)
            while True:
                for child in psutil.Process().children():
                    try:
                        words = child.cmdline()
                    except psutil.Error:
                        continue
                    if str(out) in words and not words[0].endswith("bash"):
                        return future, child
                assert not future.done(), future.result().stderr
                time.sleep(0.02)

        yield start


def wait_for_results(future, out, number):
    """Wait until a running search has so many results on disk."""
    while not future.done():
        try:
            if len(read_history(out)) >= number:
                return
        except (AgeboError, OSError):
            pass
        time.sleep(0.05)
    pytest.fail(f"the search ended too early:\n{future.result().stderr}")


def running(future, out):
    """Wait until the search of a run directory has begun."""
    while not ((out / "status.json").exists() and status(out)["counts"]["running"]):
        assert not future.done(), future.result().stderr
        time.sleep(0.05)


def test_killed_in_mid_run_it_goes_on_without_loss_or_duplicates(
    agebo, tiny_dataset, whole_run, tmp_path, in_background
):
    out = tmp_path / "run"
    words = ["search", tiny_dataset, "--out", out, *SMALL, "--max-evals", "6"]
    future, process = in_background(lambda: agebo(*words, process=True), out)
    wait_for_results(future, out, 2)
    process.kill()
    assert future.result().returncode == -signal.SIGKILL
    before = read_history(out)
    assert 2 <= len(before) < 6
    done = agebo("resume", out)
    assert done.returncode == 0, done.stderr
    assert_same(whole_run, out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_ends_it_within_an_epoch_with_the_code_to_run_it_again(
    agebo, tmp_path, in_background, number
):
    out = tmp_path / "run"
    # Trainings of an hour in epochs of 0.05 s.
    words = ["search", "--out", out, *problem("endless"), "--max-evals", "2"]
    future, process = in_background(lambda: agebo(*words, process=True), out)
    running(future, out)
    process.send_signal(number)
    done = future.result()
    assert done.returncode == 75, done.stderr
    assert f"stopped by {number.name}" in done.stderr
    assert f"agebo-hpc resume {out}" in done.stderr
    found = status(out)
    assert (found["state"], found["exit_code"]) == ("stopped", 75)
    assert found["counts"]["done"] == 0


LONG = ["--preset", "v1-small", "--epochs", "60", "--fix", "batch_size=32", "--max-evals", "2"]


@pytest.fixture(scope="module")
def whole_long_run(agebo, tiny_dataset, tmp_path_factory):
    """Return the run directory of a search of two long trainings that nobody broke."""
    out = tmp_path_factory.mktemp("long") / "run"
    assert agebo("search", tiny_dataset, "--out", out, *LONG).returncode == 0
    return out


@pytest.mark.parametrize("executor", ["serial", pytest.param("mpi", marks=pytest.mark.mpi)])
def test_a_training_cut_by_a_signal_is_done_again_on_resume(
    agebo, mpirun, tiny_dataset, whole_long_run, tmp_path, in_background, executor
):
    def search(out):
        words = ["search", tiny_dataset, "--out", out, *LONG]
        if executor == "serial":
            return agebo(*words, process=True)
        return mpirun(2, [*AGEBO, *words])

    out = tmp_path / "cut"
    future, process = in_background(lambda: search(out), out)
    wait_for_results(future, out, 1)
    process.send_signal(signal.SIGUSR2)
    done = future.result()
    assert done.returncode == 75, done.stderr
    assert "done" in set(read_history(out)["status"])
    done = agebo("resume", out) if executor == "serial" else mpirun(2, [*AGEBO, "resume", out])
    assert done.returncode == 0, done.stderr
    assert status(out)["state"] == "complete"
    history = read_history(out)
    finished = history[history["status"] == "done"]
    assert sorted(finished["evaluation_id"]) == [0, 1]
    whole = findings(whole_long_run)
    again = findings(out)
    again = again[again["status"] == "done"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, whole)


def test_the_wall_time_ends_it_and_what_is_missing_decides_the_code(agebo, tmp_path):
    out = tmp_path / "missing"
    words = [*problem("slow"), "--walltime", "2s"]
    done = agebo("search", "--out", out, *words, "--max-evals", "50")
    assert done.returncode == 75, done.stderr
    done = agebo("search", "--out", tmp_path / "alone", *words)
    assert done.returncode == 0, done.stderr
    assert "search complete" in done.stderr
    assert "left to do" not in done.stderr
    done = agebo("resume", out, "--walltime", "1s")
    assert done.returncode == 75, done.stderr


def test_a_finished_search_says_that_nothing_is_left_to_do(agebo, tmp_path):
    out = tmp_path / "run"
    words = ["search", "--out", out, *problem("quick"), "--max-evals", "3"]
    assert agebo(*words).returncode == 0
    before = read_history(out)
    for again in (["resume", out], [*words, "--resume"]):
        done = agebo(*again)
        assert done.returncode == 0, done.stderr
        assert "no evaluation was left to do" in done.stderr
    pd.testing.assert_frame_equal(read_history(out), before)


def test_search_with_resume_starts_a_search_where_there_is_none(agebo, tmp_path):
    out = tmp_path / "run"
    words = ["--out", out, *problem("quick"), "--max-evals", "3", "--resume"]
    done = agebo("search", *words)
    assert done.returncode == 0, done.stderr
    assert len(read_history(out)) == 3


def test_failed_evaluations_have_their_traceback_in_history_and_log(agebo, tmp_path):
    out = tmp_path / "run"
    words = ["--out", out, *problem("every_third_fails"), "--max-evals", "6"]
    done = agebo("search", *words)
    assert done.returncode == 0, done.stderr
    history = read_history(out)
    assert list(history["status"]) == ["done", "done", "failed"] * 2
    failed = history[history["status"] == "failed"]
    assert failed["traceback"].str.contains("ArithmeticError: no way in evaluation").all()
    assert failed["objective"].isna().all()
    assert "ArithmeticError: no way in evaluation 5" in (out / "log.txt").read_text()
    assert status(out)["counts"] == {"done": 4, "failed": 2, "lost": 0, "running": 0}


def test_failure_after_failure_ends_it_with_the_cause(agebo, tmp_path):
    words = ["--out", tmp_path / "run", *problem("all_fail"), "--max-evals", "50"]
    done = agebo("search", *words)
    assert done.returncode == 70
    assert "error: The last 20 evaluations failed" in done.stderr
    assert "ArithmeticError: no way" in done.stderr
    assert status(tmp_path / "run")["exit_code"] == 70


def test_what_another_trainer_trained_cannot_be_trained_again(agebo, tmp_path):
    done = agebo("search", "--out", tmp_path / "run", *problem("quick"), "--max-evals", "2")
    assert done.returncode == 0, done.stderr
    done = agebo("retrain", tmp_path / "run", "--out", tmp_path / "model")
    assert done.returncode == 78
    assert "TensorFlow trainer" in done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_searches(agebo, tmp_path, method):
    words = ["--out", tmp_path / "run", *problem("quick"), "--max-evals", "20"]
    words += ["--population", "6", "--sample-size", "3", "--method", method]
    done = agebo("search", *words)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    assert len(history) == 20
    # Architecture alone is searched by aging evolution alone.
    assert (history["learning_rate"].nunique() == 1) == (method == "age")


# --- progress ----------------------------------------------------------------------------------


def test_off_a_terminal_progress_is_a_line_now_and_then(agebo, tmp_path):
    words = ["--out", tmp_path / "run", *problem("unhurried"), "--max-evals", "10"]
    done = agebo("search", *words)
    assert "\r" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if re.match(r"\d+/10 evaluations", line)]
    seconds = float(re.search(r"search complete after ([\d.]+) s", done.stderr)[1])
    # One at the start, one at the end, and one for each half minute of a slow machine.
    assert 2 <= len(lines) <= 2 + seconds / 30
    assert lines[-1].startswith("10/10 evaluations (0 running)")


def test_on_a_terminal_progress_is_one_live_line(tmp_path):
    ours, theirs = pty.openpty()
    words = ["search", "--out", tmp_path / "run", *problem("unhurried"), "--max-evals", "12"]
    words += ["--population", "6"]
    with subprocess.Popen(
        [sys.executable, "-m", "agebo_hpc", *words],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass  # Linux says so at the end of a terminal.
        finally:
            os.close(ours)
        assert process.wait(60) == 0
    lines = shown.decode().replace("\r\n", "\n").splitlines(keepends=False)
    text = shown.decode()
    assert text.count("\r\x1b[K") >= 4
    # What is said before the search begins has lines of its own.
    assert text[text.index("\r\x1b[K") :].count("\n") == 2, lines
    assert re.search(r"12/12 evaluations \(0 running\)", text)
