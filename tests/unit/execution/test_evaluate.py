"""Whatever happens in an evaluation becomes an outcome."""

import json
import math
import socket
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from agebo_hpc.errors import NonFiniteLossError
from agebo_hpc.execution.evaluate import evaluate
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.checkpoints import CheckpointFiles
from agebo_hpc.storage.seal import to_json
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


def evaluated(answer, in_prepare=False):
    return evaluate(Trainer(answer, in_prepare), EVALUATION, 1, None, lambda: False)


def test_an_outcome_is_passed_on():
    outcome = Outcome(Status.DONE, 0.9)
    found = evaluated(outcome)
    assert found is outcome
    assert found.traceback == ""


@pytest.mark.parametrize(
    ("objective", "status", "said"),
    [
        (math.nan, Status.NON_FINITE, "The objective is nan"),
        (-math.inf, Status.NON_FINITE, "The objective is -inf"),
        (np.float32("inf"), Status.NON_FINITE, "The objective is inf"),
        (np.array(np.nan), Status.NON_FINITE, "The objective is nan"),
        (Decimal("NaN"), Status.NON_FINITE, "The objective is nan"),
        (10**400, Status.NON_FINITE, "The objective is inf"),
        (None, Status.FAILED, "The objective is None; it must be a number"),
        ("0.5", Status.FAILED, "The objective is '0.5'; it must be a number"),
        (1j, Status.FAILED, "must be a number"),
        ([0.5, 0.6], Status.FAILED, "must be a number"),
    ],
)
def test_only_a_finite_objective_is_done(objective, status, said):
    found = evaluated(Outcome(Status.DONE, objective, ({"epoch": 1},)))
    assert (found.status, found.objective) == (status, None)
    assert said in found.traceback
    assert found.curve == ({"epoch": 1},)
    result = Result(EVALUATION, Status.DONE, objective)
    assert (result.status, result.objective, said in result.traceback) == (status, None, True)


@pytest.mark.parametrize("objective", [0.5, np.float32(0.5), np.array(0.5), Fraction(1, 2)])
def test_an_objective_of_any_type_of_number_is_recorded_as_a_number(objective):
    assert evaluated(Outcome(Status.DONE, objective)).status is Status.DONE
    recorded = Result.from_dict(
        json.loads(to_json(Result(EVALUATION, Status.DONE, objective).to_dict()))
    )
    assert (recorded.objective, type(recorded.objective)) == (0.5, float)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returned a NoneType; it must return an Outcome"),
        (0.5, "returned a float"),
        (Outcome(Status.DONE, 0.5, ({"loss": object()},)), "cannot be written as JSON"),
        (Outcome(Status.DONE, 0.5, times={"train": {1, 2}}), "cannot be written as JSON"),
    ],
)
def test_what_cannot_be_recorded_is_a_failure_of_its_evaluation(answer, said):
    found = evaluated(answer)
    assert found.status is Status.FAILED
    assert said in found.traceback


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
    found = evaluated(error, in_prepare)
    assert found.status is status
    assert found.objective is None
    first, *_, last = found.traceback.splitlines()
    assert first == f"Member 0 of the evaluation, on host {socket.gethostname()}:"
    assert type(error).__name__ in last and "a cause" in last


def test_what_ends_the_process_is_not_held_up():
    with pytest.raises(KeyboardInterrupt):
        evaluated(KeyboardInterrupt())


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
    comm = Members([None, Outcome(second, 0.5)])
    found = evaluate(Trainer(Outcome(first, 0.5)), EVALUATION, 1, comm, lambda: False)
    assert found.status is agreed


@pytest.fixture
def files(tmp_path):
    return CheckpointFiles(tmp_path / "checkpoints")


CURVE = ({"epoch": 1, "validation_metric": 0.4}, {"epoch": 2, "validation_metric": 0.5})


class Continuing(Trainer):
    """Remembers what it goes on from."""

    def prepare_piece(self, assignment, seed, state):
        self.state = state
        return self


def piece_of(trainer, files, start=2, checkpoint=2, comm=None):
    assignment = Assignment(EVALUATION, start, 4, 9, checkpoint=checkpoint)
    return evaluate(trainer, assignment, 1, comm, lambda record=None: False, files)


def test_a_piece_goes_on_from_its_checkpoint_and_leaves_the_next_one(files):
    files.write(3, 2, b"before")
    trainer = Continuing(Outcome(Status.PAUSED, 0.6, CURVE * 2, state=b"after"))
    outcome = piece_of(trainer, files)
    assert trainer.state == b"before" and outcome.status is Status.PAUSED
    # It is on disk before anybody hears of it, and travels no further.
    assert files.read(3, 4) == b"after" and outcome.state is None


@pytest.mark.parametrize("harm", ["none", "missing", "damaged", "not named"])
def test_without_a_checkpoint_a_piece_begins_at_its_first_epoch(files, harm):
    if harm != "missing":
        files.write(3, 2, b"before")
    if harm == "damaged":
        files.place(3, 2).write_bytes(b"before")
    trainer = Continuing(Outcome(Status.PAUSED, 0.6, CURVE * 2))
    place = None if harm == "none" else files
    outcome = piece_of(trainer, place, checkpoint=0 if harm == "not named" else 2)
    assert trainer.state is None and outcome.status is Status.PAUSED


@pytest.mark.parametrize("status", [Status.PAUSED, Status.CUT])
def test_what_is_cut_leaves_a_checkpoint_too_also_of_a_whole_training(files, status):
    trainer = Trainer(Outcome(status, 0.5, CURVE, state=b"state"))
    evaluate(trainer, EVALUATION, 1, None, lambda record=None: True, files)
    assert files.read(3, 2) == b"state"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome(Status.PAUSED, math.nan, CURVE, state=b"x"), Status.NON_FINITE),
        (Outcome(Status.PAUSED, math.inf, CURVE, state=b"x"), Status.NON_FINITE),
        (Outcome(Status.PAUSED, None, CURVE, state=b"x"), Status.FAILED),
        (Outcome(Status.DONE, 0.5, CURVE, state=b"x"), Status.DONE),
        (Outcome(Status.TIMED_OUT, None, CURVE, state=b"x"), Status.TIMED_OUT),
        (Outcome(Status.PAUSED, 0.5, CURVE, state="text"), Status.FAILED),
        (Outcome(Status.PAUSED, 0.5, CURVE, state={"epoch": 2}), Status.FAILED),
    ],
)
def test_what_cannot_go_on_leaves_no_checkpoint(files, outcome, status):
    assert piece_of(Continuing(outcome), files).status is status
    assert not files.path.exists()
