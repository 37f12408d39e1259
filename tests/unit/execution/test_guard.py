"""Whatever happens in an evaluation becomes an outcome."""

import socket

import pytest

from agebo_hpc.errors import NonFiniteLossError
from agebo_hpc.execution.guard import run_guarded
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.training.trainer import Outcome

EVALUATION = Evaluation(3, Configuration((0,), {"num_processes": 1}))


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


class Trainer:
    """Returns an outcome or raises an error, in preparing or in running."""

    def __init__(self, answer, in_prepare=False):
        self._answer = answer
        self._in_prepare = in_prepare

    def prepare(self, evaluation, seed):
        if self._in_prepare:
            raise self._answer
        return self

    def run(self, comm, stop):
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


def guarded(answer, in_prepare=False):
    return run_guarded(Trainer(answer, in_prepare), EVALUATION, 1, None, lambda: False)


def test_an_outcome_is_passed_on():
    outcome = Outcome(Status.DONE, 0.9)
    ending = guarded(outcome)
    assert ending.outcome is outcome
    assert ending.traceback == ""


@pytest.mark.parametrize("in_prepare", [True, False])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("a cause"), Status.FAILED),
        (NonFiniteLossError("a cause"), Status.NON_FINITE),
        (MemoryError("a cause"), Status.OUT_OF_MEMORY),
        (ResourceExhaustedError("a cause"), Status.OUT_OF_MEMORY),
    ],
)
def test_an_exception_is_a_failed_outcome_with_traceback_member_and_host(
    error, status, in_prepare
):
    ending = guarded(error, in_prepare)
    assert ending.outcome.status is status
    assert ending.outcome.objective is None
    first, *_, last = ending.traceback.splitlines()
    assert first == f"Member 0 of the evaluation, on host {socket.gethostname()}:"
    assert type(error).__name__ in last and "a cause" in last


def test_what_ends_the_process_is_not_held_up():
    with pytest.raises(KeyboardInterrupt):
        guarded(KeyboardInterrupt())


class Members:
    """A communicator on which the other member says what is given."""

    def __init__(self, others):
        self._others = iter(others)

    def allgather(self, value):
        return [value, next(self._others)]


@pytest.mark.parametrize(
    ("first", "second", "agreed"),
    [
        (Status.CUT, Status.TIMED_OUT, Status.TIMED_OUT),
        (Status.TIMED_OUT, Status.CUT, Status.TIMED_OUT),
        (Status.CUT, Status.CUT, Status.CUT),
        (Status.DONE, Status.DONE, Status.DONE),
    ],
)
def test_a_member_whose_time_is_over_decides_for_all(first, second, agreed):
    comm = Members([None, Outcome(second)])
    ending = run_guarded(Trainer(Outcome(first)), EVALUATION, 1, comm, lambda: False)
    assert ending.outcome.status is agreed
