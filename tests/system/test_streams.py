"""What is closed, full or read by nobody costs what would be printed, not the work."""

import json
import os
import subprocess
import sys

import pytest

from agebo_hpc.storage.reader import read_replay

SEARCH = (
    "search --out run --executor serial --simulate lognormal:mean=0.001 --seed 3 --max-evals 9"
)


def shell(line, cwd, program="python -m agebo_hpc"):
    line = line.replace("AGEBO", program.replace("python", sys.executable, 1))
    words = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a directory with a finished search, ``run``."""
    home = tmp_path_factory.mktemp("streams")
    assert shell(f"AGEBO {SEARCH}", home).returncode == 0
    return home


@pytest.mark.parametrize(
    "to",
    ["2>&-", ">&- 2>&- <&-", "2>&1 | true", ">/dev/full 2>&1"],
)
def test_a_search_goes_on_and_says_so_in_its_directory(tmp_path, to):
    done = shell(f"AGEBO {SEARCH} {to}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    out = tmp_path / "run"
    status = json.loads((out / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("complete", 0)
    assert len(read_replay(out).results) == 9
    # No data file got the number of a stream, and what is printed with it.
    for name in ("journal.jsonl", "config.toml"):
        assert "search complete" not in (out / name).read_text()
    said = (out / "log.txt").read_text()
    if "&-" in to:
        assert "closed: standard" in said
    else:
        assert "nothing more is printed there" in said


@pytest.mark.parametrize("command", ["status run", "data list", "resume run"])
@pytest.mark.parametrize("to", [">&- 2>&- <&-", "| true"])
def test_other_commands_end_as_they_should(run, command, to):
    done = shell(f"AGEBO {command} {to}", run)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("command", ["history run", "sites list"])
def test_a_result_that_finds_no_room_is_an_error(run, command):
    done = shell(f"AGEBO {command} >/dev/full", run)
    assert done.returncode == 2
    assert done.stderr == (
        "error: The standard output cannot be written: No space left on device.\n"
    )


def test_a_working_directory_whose_name_is_no_utf_8(tmp_path):
    home = os.path.join(os.fsencode(tmp_path), b"caf\xe9 und mehr")
    os.mkdir(home)
    done = shell(f"AGEBO {SEARCH} 2>&1", home)
    assert done.returncode == 0, done.stdout
    for command in ("status run", 'resume "$PWD/run" --max-evals 10'):
        done = shell(f"AGEBO {command} 2>&1 | cat -v", home)
        assert done.returncode == 0 and "Traceback" not in done.stdout, done.stdout
