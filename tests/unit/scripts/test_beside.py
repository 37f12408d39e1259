"""A short command beside a long one: both are waited for, and neither failure is lost."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

BESIDE = Path(__file__).parents[3] / "scripts" / "lib" / "beside.sh"


@pytest.mark.parametrize(
    ("short", "long", "code"),
    [
        ("echo short", "echo long", 0),
        ("echo short; exit 3", "echo long", 1),
        ("echo short", "echo long; exit 5", 5),
        ("echo short >&2; exit 3", "echo long; exit 5", 5),
        ("no-such-command; echo short; false", "echo long", 1),
        ("sleep 0.3; echo short; exit 3", "echo long", 1),
    ],
)
def test_it_fails_if_one_of_the_two_does_and_says_what_both_said(short, long, code):
    done = subprocess.run([BESIDE, short, "bash", "-c", long], capture_output=True, text=True)
    assert done.returncode == code
    assert "long" in done.stdout
    failed = short != "echo short"
    assert "short" in (done.stderr if failed else done.stdout)
    assert (f"failed: {short}" in done.stderr) == failed


def test_an_early_failure_is_said_while_the_other_one_runs():
    command = [BESIDE, "echo too long a line; exit 1", "sleep", "60"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr.readline() == "too long a line\n"
            assert process.poll() is None
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()


def test_the_end_of_the_long_one_by_a_signal_ends_the_short_one(tmp_path):
    short, long = (f"echo $$ > {tmp_path}/{name}; exec sleep 60" for name in ("short", "long"))
    command = [BESIDE, short, "bash", "-c", long]
    with subprocess.Popen(command, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        pids = []
        while len(pids) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
            pids = [int(file.read_text()) for file in tmp_path.iterdir() if file.stat().st_size]
        both = [psutil.Process(pid) for pid in pids]
        # As a terminal sends it, to all in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    assert psutil.wait_procs(both, 60)[1] == []
