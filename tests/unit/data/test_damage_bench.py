"""Random damages of prepared data, by the benchmark's own program: none goes unnoticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "scripts" / "bench" / "damage_prepared_data.py"


def check(number, seed):
    words = [sys.executable, BENCH, "--number", str(number), "--seed", str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["damages"] == number and told["wrong"] == 0
    assert told["refused"] > number / 2


def test_a_few_damages_change_no_score_without_a_word():
    check(25, seed=7)


@pytest.mark.long
def test_hundreds_of_damages_change_no_score_without_a_word():
    check(300, seed=1)
    check(600, seed=2)
