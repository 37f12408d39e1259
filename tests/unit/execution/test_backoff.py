"""How long a rank sleeps between two looks for messages."""

import pytest

from agebo_hpc.execution import backoff
from agebo_hpc.execution.backoff import Backoff


@pytest.fixture
def clock(monkeypatch):
    """Return the list of sleeps; the clock goes by them alone."""
    sleeps = []

    def sleep(seconds):
        sleeps.append(seconds)

    monkeypatch.setattr(backoff.time, "sleep", sleep)
    monkeypatch.setattr(backoff.time, "monotonic", lambda: sum(sleeps))
    return sleeps


def test_a_message_that_comes_at_once_is_seen_at_once(clock):
    backoff = Backoff()
    for _ in range(4):
        backoff.sleep()
    assert sum(clock) < 5e-4


def test_nobody_waits_much_longer_for_the_sleep_than_without_it(clock):
    backoff = Backoff()
    while sum(clock) < 10.0:
        backoff.sleep()
        allowed = max(Backoff.QUICK, Backoff.SHARE * sum(clock))
        assert clock[-1] <= min(allowed, Backoff.LONGEST) + 1e-12
    assert clock[-1] == Backoff.LONGEST
    assert len(clock) < 700, "an idle rank leaves the core to those that train"


def test_who_is_waited_for_by_others_sleeps_milliseconds_at_most(clock):
    backoff = Backoff(Backoff.QUICK)
    while sum(clock) < 5.0:
        backoff.sleep()
    assert max(clock) == Backoff.QUICK


def test_after_a_message_it_begins_anew(clock):
    backoff = Backoff()
    while sum(clock) < 5.0:
        backoff.sleep()
    backoff.reset()
    backoff.sleep()
    assert clock[-1] == Backoff.SHORTEST
