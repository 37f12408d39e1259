"""Random tables the whole way, by the benchmark's own program: the same predictions, or a line."""

import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "fuzz_tables.py"


@pytest.mark.parametrize(
    ("tables", "searches"), [(20, 0), pytest.param(3000, 60, marks=pytest.mark.long)]
)
def test_tables_are_predicted_alike_from_both_formats_in_any_order(
    shell, tmp_path, tables, searches
):
    words = f"--minutes 60 --tables {tables} --searches {searches} --seed 3"
    done = shell(f"{sys.executable} {SCRIPT} {words}", cwd=tmp_path, timeout=100 + 3 * tables)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["tables"], found["wrong"]) == (tables, 0)
    # Most are predicted, or the tables are too odd to prove anything.
    same = sum(count for end, count in found.items() if end.startswith("the same"))
    assert same > tables / 2
