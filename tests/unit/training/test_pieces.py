"""Pieces of trainings of a trainer that knows none of them."""

import pytest

from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.training.pieces import prepare_work
from agebo_hpc.training.time_limit import TimeLimited
from agebo_hpc.training.trainer import Outcome

EVALUATION = Evaluation(3, Configuration((0,), {"num_processes": 1}))


class Trainer:
    """Six epochs unless it is told to stop; passes records on or asks without one."""

    def __init__(self, says_records=True, objective=None, length=6):
        self._says_records, self._objective, self._length = says_records, objective, length
        self.epochs = []

    def prepare(self, evaluation, seed):
        return self

    def run(self, comm, stop):
        curve = []
        for epoch in range(1, self._length + 1):
            self.epochs.append(epoch)
            curve.append({"epoch": epoch, "validation_metric": 0.1 * epoch})
            if stop(curve[-1]) if self._says_records else stop():
                return Outcome(Status.CUT, self._objective, tuple(curve), state=b"unused")
        return Outcome(Status.DONE, 1.0, tuple(curve))


def run(trainer, start, end, full_length=6, stop=lambda record=None: False):
    assignment = Assignment(EVALUATION, start, end, full_length)
    return prepare_work(trainer, assignment, 1, None).run(None, stop)


@pytest.mark.parametrize("says_records", [True, False])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 4), (4, 5)])
def test_it_is_stopped_at_the_end_of_the_piece_whatever_it_begins_with(says_records, start, end):
    trainer = Trainer(says_records)
    outcome = run(trainer, start, end)
    assert trainer.epochs == [*range(1, end + 1)]
    assert outcome.status is Status.PAUSED and outcome.objective == pytest.approx(0.1 * end)
    assert outcome.state is None


def test_the_objective_that_a_trainer_gives_counts_before_its_last_metric():
    assert run(Trainer(objective=0.7), 0, 3).objective == 0.7


def test_the_last_piece_and_a_whole_training_end_by_themselves():
    assert run(Trainer(), 3, 6).status is Status.DONE
    # Its length is its own affair.
    assert len(run(Trainer(length=9), 3, 6).curve) == 9
    assert run(Trainer(length=2), 0, 3).status is Status.DONE
    assert prepare_work(Trainer(), EVALUATION, 1).run(None, lambda record: False).objective == 1.0


def test_an_order_before_the_end_of_the_piece_cuts_it():
    outcome = run(Trainer(), 0, 4, stop=lambda record: record["epoch"] == 2)
    assert outcome.status is Status.CUT and len(outcome.curve) == 2


@pytest.mark.parametrize(
    ("times", "status"), [([0, 1, 2, 3], Status.PAUSED), ([0, 1, 99, 99], Status.TIMED_OUT)]
)
def test_a_time_limit_holds_within_a_piece(times, status):
    moments = iter(times)
    outcome = run(TimeLimited(Trainer(), 10.0, lambda: next(moments)), 0, 3)
    assert outcome.status is status
    assert (outcome.objective is None) == (status is Status.TIMED_OUT)


class Continuing(Trainer):
    def prepare_piece(self, assignment, seed, state):
        self.asked = (assignment.end, seed, state)
        return self


@pytest.mark.parametrize("wrap", [lambda trainer: trainer, lambda t: TimeLimited(t, 9.0)])
def test_a_trainer_that_knows_pieces_gets_them_with_the_state(wrap):
    trainer = Continuing()
    assignment = Assignment(EVALUATION, 2, 3, 6)
    prepare_work(wrap(trainer), assignment, 5, b"state")
    assert trainer.asked == (3, 5, b"state")
