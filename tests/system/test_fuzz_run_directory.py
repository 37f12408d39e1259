"""Random damage to run directories: a true state up to some result, or one line and code 65."""

import json
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "fuzz_run_directory.py"


def test_nothing_wrong_is_believed_of_a_damaged_run_directory(shell, tmp_path):
    done = shell(f"{sys.executable} {SCRIPT} --cases 60", cwd=tmp_path, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["cases"], found["wrong"]) == (60, 0)
    # Both ends occur, or the damage was none or the judge is blind.
    assert found["journal.jsonl and journal.copy.jsonl: one line and code 65"] > 2
    for file in ("journal.jsonl", "journal.copy.jsonl", "history.h5"):
        assert found[f"{file}: resumed to the same end"] > 2
        assert f"{file}: one line and code 65" not in found
