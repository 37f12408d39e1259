"""Another user's code runs only for who asks for it."""

import os
import subprocess
import sys

import pytest

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.trust import check_owner
from agebo_hpc.storage.run_directory import RunDirectory

STRANGER = 12345
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes others' files")

PROBLEM = """
from pathlib import Path
from agebo_hpc.space.problem import preset
Path(__file__).with_name("has_run").touch()
problem = preset("v1")
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "problem.py").write_text(PROBLEM)
    return RunDirectory.create(tmp_path / "my run", {"search": {"seed": 1}})


def request_of(run, problem):
    return SearchRequest(data=None, out=str(run.path), problem=problem)


@pytest.mark.parametrize("what", [".", "config.toml", "../problem.py"])
def test_a_strangers_file_is_named_and_not_run(run, what):
    request = request_of(run, f"{run.path.parent}/problem.py:problem")
    check_owner(run, request)
    os.chown(run.path / what, STRANGER, STRANGER)
    with pytest.raises(ConfigurationError, match="add --trust") as raised:
        check_owner(run, request)
    assert "\n" not in str(raised.value) and f"number {STRANGER}" in str(raised.value)


def test_a_link_to_a_strangers_file_is_no_way_around(run):
    os.chown(run.path.parent / "problem.py", STRANGER, STRANGER)
    (run.path.parent / "link.py").symlink_to("problem.py")
    with pytest.raises(ConfigurationError, match="add --trust"):
        check_owner(run, request_of(run, f"{run.path.parent}/link.py:problem"))


def test_a_run_without_code_asks_for_no_trust(run):
    os.chown(run.path, STRANGER, STRANGER)
    check_owner(run, request_of(run, None))


def test_resume_asks_and_the_other_commands_run_no_code(tmp_path):
    def agebo(*words):
        words = [sys.executable, "-m", "agebo_hpc", *words]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    (tmp_path / "problem.py").write_text(PROBLEM)
    simulated = ("--executor", "serial", "--simulate", "lognormal:mean=0.001", "--seed", "1")
    problem = ("--problem", "problem.py:problem", "--max-evals", "3")
    done = agebo("search", "--out", "run", *simulated, *problem)
    assert done.returncode == 0, done.stderr
    (tmp_path / "has_run").unlink()
    os.chown(tmp_path / "run", STRANGER, STRANGER)
    done = agebo("resume", "run", "--max-evals", "4")
    assert done.returncode == 78 and "--trust" in done.stderr
    assert done.stderr.count("\n") == 1
    for words in (["status", "run"], ["history", "run"], ["analyze", "run"], ["retrain", "run"]):
        done = agebo(*words)
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "has_run").exists()
    done = agebo("resume", "run", "--max-evals", "4", "--trust")
    assert done.returncode == 0 and (tmp_path / "has_run").exists()
