"""Random damage to run directories: a true state up to some result, or one line and code 65."""

import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "fuzz_run_directory.py"


@pytest.mark.parametrize("cases", [12, pytest.param(500, marks=pytest.mark.long)])
def test_nothing_wrong_is_believed_of_a_damaged_run_directory(shell, tmp_path, cases):
    done = shell(f"{sys.executable} {SCRIPT} --cases {cases}", cwd=tmp_path, timeout=15 * cases)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["cases"], found["wrong"]) == (cases, 0)
    # Both ends occur, or the damage was none or the judge is blind.
    few = cases // 50
    assert found["journal.jsonl and journal.copy.jsonl: one line and code 65"] > few
    for file in ("journal.jsonl", "journal.copy.jsonl", "history.h5"):
        assert found[f"{file}: resumed to the same end"] > few
        assert f"{file}: one line and code 65" not in found
