"""What a killed command was replacing is the old one or the new one, and the run goes on."""

import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "kill_replacements.py"


@pytest.mark.long
def test_the_old_or_the_new_one_is_there_after_every_kill(shell, tmp_path):
    line = f"{sys.executable} {SCRIPT} --kills 100 --seed 1"
    done = shell(line, cwd=tmp_path, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert rows["kills"] == 100
    assert rows["wrong"] == 0 and rows["left"] == []
    assert rows["counts"]["kills that left something"] > 0
