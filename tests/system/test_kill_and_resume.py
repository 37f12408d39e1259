"""Processes that are killed at random moments cost nothing that the search was told."""

import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "kill_and_resume.py"


@pytest.mark.mpi
@pytest.mark.parametrize("kills", [2, pytest.param(200, marks=pytest.mark.long)])
def test_nothing_is_lost_or_done_twice_when_processes_are_killed(shell, tmp_path, kills):
    options = f"--kills {kills} --evals 40 --jobs 2 --longest 0.5"
    limit = 300 + 30 * kills
    done = shell(f"{sys.executable} {SCRIPT} {options}", cwd=tmp_path, timeout=limit)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert rows["kills"] >= kills
    assert rows["sessions"] > rows["searches"] >= 2
    assert rows["evaluations"] == 40 * rows["searches"]
    assert rows["searches compared with an unbroken one"] == rows["searches"]
    for what in (
        "acknowledged results lost",
        "results told before they were written",
        "evaluations done twice",
        "differences from an unbroken search",
        "jobs that did not end",
    ):
        assert rows[what] == 0, done.stdout
