"""Threads that Horovod starts sleep no longer than they ask for."""

import sys
import threading
from pathlib import Path

import pytest

from agebo_hpc.training.rendezvous import exact_sleeps


def slack() -> int:
    """Return the nanoseconds by which this thread's sleeps may be prolonged."""
    return int(Path(f"/proc/{threading.get_native_id()}/timerslack_ns").read_text())


def slack_of_new_thread() -> int:
    found = []
    thread = threading.Thread(target=lambda: found.append(slack()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) and /proc are Linux's")
def test_threads_started_meanwhile_sleep_exactly_and_later_ones_as_before():
    before = slack()
    with pytest.raises(ZeroDivisionError), exact_sleeps():
        inside = slack_of_new_thread()
        raise ZeroDivisionError
    assert inside == 1
    assert slack() == slack_of_new_thread() == before
