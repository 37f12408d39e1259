"""Whatever fails on whatever rank: a failed evaluation or the end of the job, never a hang."""

import re
import socket
from pathlib import Path

import pytest

from agebo_hpc.storage.reader import read_history

pytestmark = pytest.mark.mpi

HERE = Path(__file__).parent
HOST = re.escape(socket.gethostname())


@pytest.fixture
def search(mpirun, tmp_path):
    """Search on n ranks with a problem of this directory: what happened, and the history."""

    def run(ranks, problem, *options, data=(), timeout=120):
        out = tmp_path / problem.split(":")[1]
        words = ["-m", "agebo_hpc", "search", *data, "--out", out]
        words += ["--problem", f"{HERE / problem}", *options]
        return mpirun(ranks, words, timeout=timeout), out

    return run


def pairs(history):
    return history["num_processes"] == 2


def test_a_member_that_fails_in_preparing_fails_the_evaluation_and_the_search_goes_on(search):
    done, out = search(3, "made_up.py:one_member_unprepared", "--max-evals", "6")
    assert done.returncode == 0, done.stderr
    history = read_history(out)
    assert len(history) == 6
    assert 0 < pairs(history).sum() < 6
    assert set(history[pairs(history)]["status"]) == {"failed"}
    assert set(history[~pairs(history)]["status"]) == {"done"}
    for text in history[pairs(history)]["traceback"]:
        assert re.match(rf"Member 1 of the evaluation, on host {HOST}:\nTraceback", text)
        assert "LookupError: not prepared" in text
    assert "LookupError: not prepared" in (out / "log.txt").read_text()


def test_members_that_fail_in_training_fail_the_evaluation_and_the_search_goes_on(search):
    done, out = search(3, "made_up.py:both_members_fail", "--max-evals", "6")
    assert done.returncode == 0, done.stderr
    history = read_history(out)
    assert set(history[pairs(history)]["status"]) == {"failed"}
    assert set(history[~pairs(history)]["status"]) == {"done"}
    assert history[pairs(history)]["traceback"].str.contains("ArithmeticError: no way").all()


def test_a_member_that_fails_in_the_middle_of_an_epoch_leaves_no_other_waiting(
    search, tiny_dataset
):
    options = ["--max-evals", "6", "--processes", "2"]
    done, out = search(3, "poisoned.py:poisoned", *options, data=[tiny_dataset])
    assert done.returncode == 0, done.stderr
    history = read_history(out).sort_values("evaluation_id")
    assert list(history["status"]) == ["failed", "done"] * 3
    for text in history[history["status"] == "failed"]["traceback"]:
        # The cause, of member 1, and not the echo that member 0 got.
        assert re.match(rf"Member 1 of the evaluation, on host {HOST}:\nTraceback", text)
        assert "InvalidArgumentError" in text
    assert all(ranks == (1, 2) for ranks in history["ranks"])


def test_a_trainer_that_cannot_be_made_on_one_rank_ends_the_job_and_names_rank_and_host(search):
    done, _ = search(3, "made_up.py:with_a_broken_slot", "--max-evals", "6", timeout=120)
    assert done.returncode == 70
    assert re.search(rf"rank 2 on host {HOST} failed:\nTraceback", done.stderr)
    assert "RuntimeError: this slot is broken" in done.stderr


def test_an_exception_in_the_manager_ends_the_job_and_names_rank_and_host(mpirun, tmp_path):
    script = f"""
import sys
from agebo_hpc.__main__ import main
from agebo_hpc.execution import driver

def broken(self):
    raise ZeroDivisionError("the loop is broken")

driver.Driver.run = broken
sys.argv[1:] = ["search", "--out", {str(tmp_path / "run")!r}, "--max-evals", "4",
                "--problem", {f"{HERE / 'made_up.py'}:quick"!r}]
main()
"""
    done = mpirun(3, script, timeout=120)
    assert done.returncode == 70
    assert re.search(rf"rank 0 on host {HOST} failed:\nTraceback", done.stderr)
    assert "ZeroDivisionError: the loop is broken" in done.stderr


def test_failure_after_failure_ends_the_search_with_the_cause_and_all_ranks_leave(search):
    # One evaluation still runs then, and its result is too large to be sent to nobody.
    options = ["--max-evals", "40", "--processes", "1"]
    done, out = search(3, "made_up.py:all_but_one_fail", *options, timeout=120)
    assert done.returncode == 70
    assert "error: The last 20 evaluations failed" in done.stderr
    assert "ArithmeticError: no way" in done.stderr
    assert (read_history(out)["status"] == "failed").sum() == 20
