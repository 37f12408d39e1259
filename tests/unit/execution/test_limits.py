"""When a search ends: counts, wall time, signals, failure after failure."""

import os
import signal

import pytest

from agebo_hpc.errors import TooManyFailuresError
from agebo_hpc.execution.budget import Budget, smallest_budget
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.limits import CONSECUTIVE_FAILURES, Limits
from agebo_hpc.execution.stop_file import StopFile
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def evaluation(number=0, n=1):
    return Evaluation(number, Configuration((0,), {"num_processes": n}))


def result(status=Status.DONE, n=1, seconds=10.0, traceback=""):
    objective = 0.5 if status is Status.DONE else None
    return Result(
        evaluation(n=n), status, objective, started=0.0, ended=seconds, traceback=traceback
    )


def test_no_more_are_asked_than_max_evals_with_those_that_run():
    limits = Limits(max_evals=5)
    assert [limits.num_missing(num_begun=n) for n in (0, 4, 5, 6)] == [5, 1, 0, 0]
    assert Limits().num_missing(num_begun=10**6) > 10**6


def test_an_evaluation_that_would_outlast_the_wall_time_is_not_started():
    clock = Clock()
    limits = Limits(walltime=100.0, clock=clock)
    assert limits.may_start(evaluation(n=1)), "nothing is known yet"
    for seconds in (20.0, 25.0, 30.0):
        limits.observe(result(n=1, seconds=seconds))
    clock.now += 69.0
    assert limits.may_start(evaluation(n=1))
    clock.now += 2.0
    assert limits.remaining == pytest.approx(29.0)
    assert not limits.may_start(evaluation(n=1))
    assert limits.may_ask(), "the shortest took 20 s"
    clock.now += 10.0
    assert not limits.may_ask()


def test_the_end_says_its_reason():
    clock = Clock()
    limits = Limits(max_evals=3, walltime=60.0, clock=clock)
    assert limits.end_reason(is_reached=True) == "3 evaluations, as asked for"
    assert limits.end_reason(is_reached=False) == ""
    limits.observe(result(seconds=36.0))
    clock.now += 36.0
    assert not limits.may_ask()
    said = limits.end_reason(is_reached=False)
    assert said.startswith("no evaluation fits into the 24 s left") and said.endswith("36 s")
    clock.now += 24.0
    assert limits.end_reason(is_reached=False) == "the 60 s that it had are used up"
    limits.interrupt.received = signal.SIGINT
    assert limits.end_reason(is_reached=False) == "", "the order is said elsewhere"


def test_an_evaluation_that_is_refused_is_a_reason_too():
    clock = Clock()
    limits = Limits(walltime=100.0, clock=clock)
    for seconds in (1.0, 80.0):
        limits.observe(result(seconds=seconds))
    clock.now += 81.0
    assert limits.may_ask() and not limits.may_start(evaluation())
    assert "takes about 80 s" in limits.end_reason(is_reached=False)


def test_a_smaller_or_more_parallel_evaluation_may_start_when_another_may_not():
    clock = Clock()
    limits = Limits(walltime=100.0, clock=clock, size_of=lambda c: c.architecture[0])

    def sized(n, size):
        return Evaluation(0, Configuration((size,), {"num_processes": n}))

    for n in (1, 2, 4):
        for size in (1000, 4000, 16000):
            seconds = 0.01 * size / n
            limits.observe(Result(sized(n, size), Status.DONE, 0.5, started=0.0, ended=seconds))
    clock.now += 40.0
    assert not limits.may_start(sized(1, 16000))
    assert limits.may_start(sized(4, 16000))
    assert limits.may_start(sized(1, 2000))


def test_at_the_end_of_the_wall_time_running_evaluations_must_stop():
    clock = Clock()
    limits = Limits(walltime=50.0, clock=clock)
    clock.now += 49.9
    assert not limits.must_stop()
    clock.now += 0.1
    assert limits.must_stop()
    assert not limits.may_ask()
    assert not limits.may_start(evaluation())


@pytest.mark.parametrize("number", Interrupt.SIGNALS)
def test_a_signal_is_remembered_and_nothing_else_happens(number):
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        limits = Limits(interrupt=interrupt)
        assert not limits.must_stop()
        os.kill(os.getpid(), number)
        assert interrupt.received is number
        assert limits.must_stop()
    assert signal.getsignal(number) == before


def test_a_second_interrupt_from_the_keyboard_ends_at_once():
    with Interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_is_being_saved_is_saved_whatever_is_pressed():
    with Interrupt() as interrupt:
        interrupt.is_saving = True
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)


def test_failure_after_failure_ends_the_search_with_the_most_frequent_cause():
    limits = Limits()
    for count in range(CONSECUTIVE_FAILURES - 1):
        limits.observe(result(Status.FAILED, traceback="rare" if count % 3 else "ValueError: x"))
    with pytest.raises(TooManyFailuresError, match=r"last 20 .*, 13 of them with:\nrare"):
        limits.observe(result(Status.OUT_OF_MEMORY, traceback="rare"))


def test_tracebacks_that_differ_in_numbers_are_of_one_cause():
    limits = Limits()
    for count in range(CONSECUTIVE_FAILURES - 1):
        text = f"ValueError: evaluation {count}" if count % 3 else f"KeyError: {'abc' * count}"
        limits.observe(result(Status.FAILED, traceback=text))
    with pytest.raises(TooManyFailuresError, match=r"13 of them with:\nValueError: evaluation 1"):
        limits.observe(result(Status.FAILED, traceback="ValueError: evaluation 99"))


@pytest.mark.parametrize("status", [Status.DONE, Status.NON_FINITE, Status.TIMED_OUT, Status.CUT])
def test_what_is_no_failure_of_the_installation_starts_the_count_anew(status):
    limits = Limits()
    for _ in range(3):
        for _ in range(CONSECUTIVE_FAILURES - 1):
            limits.observe(result(Status.FAILED))
        limits.observe(result(status))


def test_a_stop_file_does_what_a_signal_does_and_is_looked_for_once_a_second(tmp_path):
    clock = Clock()
    path = tmp_path / "STOP"
    limits = Limits(stop_file=StopFile(path, clock))
    assert not limits.must_stop()
    path.touch()
    clock.now += 0.5
    assert not limits.must_stop(), "not every probe asks the file system"
    clock.now += 0.5
    assert limits.must_stop()
    assert limits.order == f"the file {path}"
    path.unlink()
    clock.now += 10
    assert limits.must_stop(), "an order stands"


def test_the_smallest_budget_of_a_life_counts():
    asked, left = Budget(60.0, completes=True), Budget(50.0)
    assert smallest_budget(asked, left, Budget()) == left
    assert smallest_budget(asked, Budget()) == asked
    assert smallest_budget(Budget(), Budget()).seconds is None
