"""The time limit of an evaluation, for trainers that know of stop orders only."""

import pytest

from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.training.time_limit import TimeLimited
from agebo_hpc.training.trainer import Outcome

EVALUATION = Evaluation(3, Configuration((0,), {"num_processes": 1}))


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Trainer:
    """Ten epochs of so many seconds, on a clock of its own."""

    def __init__(self, seconds):
        self.clock = Clock()
        self._seconds = seconds

    def prepare(self, evaluation, seed):
        return self

    def run(self, comm, stop):
        curve = []
        while len(curve) < 10:
            self.clock.now += self._seconds
            curve.append({"epoch": len(curve) + 1})
            if stop(curve[-1]) and len(curve) < 10:
                return Outcome(Status.CUT, curve=tuple(curve))
        return Outcome(Status.DONE, 0.5, tuple(curve))


def run(seconds, limit, stop=lambda record=None: False):
    trainer = Trainer(seconds)
    return TimeLimited(trainer, limit, trainer.clock).prepare(EVALUATION, 1).run(None, stop)


def test_a_training_ends_with_the_epoch_in_which_its_time_is_over():
    outcome = run(seconds=1.0, limit=3.5)
    assert (outcome.status, len(outcome.curve)) == (Status.TIMED_OUT, 4)
    assert outcome.objective is None


def test_one_that_is_over_in_time_is_left_alone():
    assert run(seconds=1.0, limit=10.5) == run(seconds=1.0, limit=1e9)


def test_an_order_to_stop_before_is_an_order_to_stop():
    heard = []

    def stop(record=None):
        heard.append(record["epoch"])
        return len(heard) == 2

    outcome = run(seconds=1.0, limit=3.5, stop=stop)
    assert (outcome.status, heard) == (Status.CUT, [1, 2])


@pytest.mark.parametrize("has_clean", [True, False])
def test_what_a_trainer_does_after_an_evaluation_is_done(has_clean):
    trainer = Trainer(1.0)
    cleaned = []
    if has_clean:
        trainer.clean = lambda: cleaned.append(1)
    TimeLimited(trainer, 1.0).clean()
    assert cleaned == [1] * has_clean
