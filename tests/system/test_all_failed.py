"""A search of which every evaluation failed is not complete, whoever asks."""

import json

import pytest

PROBLEM = """
from pathlib import Path
from agebo_hpc import Problem
from agebo_hpc.space.configuration import Status
from agebo_hpc.training.trainer import Outcome


class Training:
    def __init__(self, evaluation):
        self.evaluation = evaluation

    def run(self, comm, stop):
        if (Path(__file__).parent / "mended").exists():
            return Outcome(Status.DONE, 0.5)
        if self.evaluation.id % 3 == 2:
            raise ValueError("seldom")
        raise RuntimeError(f"no space left for evaluation {self.evaluation.id}")


class Trainer:
    def __init__(self, problem, slot):
        pass

    def prepare(self, evaluation, seed):
        return Training(evaluation)


problem = Problem(trainer=Trainer)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "p.py").write_text(PROBLEM)
    return tmp_path / "run"


def search(run, *more):
    words = ["--problem", f"{run.parent / 'p.py'}:problem", "--out", run, "--processes", "1"]
    return ["search", *words, "--max-evals", "4", *more]


def check_failed(done, number):
    assert done.returncode == 70, done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"error: All {number} evaluations failed, "), said
    assert "RuntimeError: no space left for evaluation" in said and "log.txt" in said
    assert "Traceback" not in done.stderr.replace("tracebacks", "")


def state_of(agebo, run):
    done = agebo("status", run, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["state"]


def test_it_is_said_at_the_end_at_resume_and_by_status(agebo, run):
    check_failed(agebo(*search(run)), 4)
    assert json.loads((run / "status.json").read_text())["exit_code"] == 70
    assert state_of(agebo, run) == "failed"
    check_failed(agebo("resume", run), 4)
    check_failed(agebo("resume", run, "--max-evals", "6"), 6)
    (run.parent / "mended").touch()
    done = agebo("resume", run, "--max-evals", "7")
    assert done.returncode == 0, done.stderr
    assert state_of(agebo, run) == "complete"


def test_a_run_of_before_that_was_called_complete_is_shown_as_failed(agebo, run):
    check_failed(agebo(*search(run)), 4)
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "state": "complete", "exit_code": 0}))
    assert state_of(agebo, run) == "failed"


def test_a_time_that_is_used_up_does_not_make_it_complete(agebo, run):
    done = agebo(*search(run, "--max-evals", "1000000", "--max-time", "1"))
    assert done.returncode == 70, done.stderr


def test_a_simulated_search_whose_evaluations_all_take_too_long(agebo, tmp_path):
    done = agebo(
        *("search", "--out", tmp_path / "run", "--executor", "simulated", "--groups", "4"),
        *("--simulate", "lognormal:mean=60,sigma=0", "--epochs", "300", "--eval-timeout", "1s"),
        *("--max-evals", "8"),
    )
    assert done.returncode == 70, done.stderr
    assert "All 8 evaluations failed, 8 of them with: the status timed_out" in done.stderr


def test_ranks_of_mpirun_end_with_the_same_words(mpirun, run):
    done = mpirun(2, ["-m", "agebo_hpc", *search(run)])
    assert done.returncode == 70, done.stderr
    assert done.stderr.count("error: All 4 evaluations failed, 3 of them with: RuntimeError") == 1
