"""One process: what it trains is reported epoch by epoch and can be stopped from there."""

from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.training.trainer import Outcome


class Trainer:
    """Ten epochs unless it is told to stop; remembers what it was asked to clean."""

    def __init__(self):
        self.cleaned = 0

    def prepare(self, evaluation, seed):
        return self

    def run(self, comm, stop):
        curve = []
        for epoch in range(1, 11):
            curve.append({"epoch": epoch, "validation_metric": 0.1 * epoch})
            if stop(curve[-1]):
                return Outcome(Status.CUT, curve=tuple(curve))
        return Outcome(Status.DONE, 1.0, tuple(curve))

    def clean(self):
        self.cleaned += 1


def evaluation(number):
    return Evaluation(number, Configuration((0,), {"num_processes": 1}))


def test_every_epoch_is_reported_and_an_order_ends_one_evaluation_only():
    trainer = Trainer()
    executor = SerialExecutor(trainer, 1)
    told = []

    def on_report(number, record):
        told.append((number, record["epoch"]))
        if (number, record["epoch"]) == (0, 4):
            executor.stop(0)

    executor.on_report = on_report
    results = []
    for number in range(2):
        executor.submit(evaluation(number))
        results += executor.collect(lambda: False, 1.0)
    assert [(r.id, r.status, len(r.curve)) for r in results] == [
        (0, Status.STOPPED, 4),
        (1, Status.DONE, 10),
    ]
    assert told == [(0, epoch) for epoch in range(1, 5)] + [(1, epoch) for epoch in range(1, 11)]
    assert trainer.cleaned == 2


def test_an_order_for_an_evaluation_that_has_ended_does_not_stop_it_when_it_comes_again():
    executor = SerialExecutor(Trainer(), 1)
    executor.on_report = lambda number, record: executor.stop(number)
    executor.submit(evaluation(0))
    [first] = executor.collect(lambda: False, 1.0)
    assert first.status is Status.STOPPED
    executor.on_report = lambda number, record: None
    executor.stop(0)
    executor.submit(evaluation(0))
    [again] = executor.collect(lambda: False, 1.0)
    assert again.status is Status.DONE
