"""Processes that are there, that are gone, and that are ended."""

import signal
import subprocess
import sys
import time

from agebo_hpc.execution.mpi.ulfm import SWITCH, job_survives
from agebo_hpc.processes.process_id import ProcessId


def test_a_place_is_empty_after_its_process_has_ended_and_before_it_is_waited_for():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        place = ProcessId.of(process.pid)
        assert place.is_local and not place.has_ended()
        process.kill()
        deadline = time.monotonic() + 60.0
        while not place.has_ended() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert place.has_ended()
    # It has been waited for now: the number is free, and nothing happens to whoever gets it.
    assert place.number_is_free() and not ProcessId.here().number_is_free()
    place.kill()


def test_a_stopped_process_is_killed_and_one_that_only_has_its_number_is_not():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGSTOP)
        place = ProcessId.of(process.pid)
        ProcessId(place.host, place.pid, "1").kill()
        time.sleep(0.1)
        assert process.poll() is None
        place.kill()
        assert process.wait(10) == -signal.SIGKILL


def test_a_job_survives_where_the_launcher_switched_it_on(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    assert not job_survives()
    monkeypatch.setenv(SWITCH, "1")
    assert job_survives()
