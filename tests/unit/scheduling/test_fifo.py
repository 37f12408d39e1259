"""Whole trainings, first in first out."""

import pytest

from agebo_hpc.scheduling.fifo import Fifo
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status


def evaluation(number):
    return Evaluation(number, Configuration((0,), {"num_processes": 1}))


def ids(scheduler):
    found = []
    while (assignment := scheduler.next()) is not None:
        found.append(assignment.evaluation.id)
    return found


def test_what_an_earlier_session_left_comes_before_what_is_new():
    fifo = Fifo([evaluation(4), evaluation(2)])
    fifo.add(evaluation(5))
    assert fifo.num_waiting == 3
    assert ids(fifo) == [4, 2, 5]
    assert fifo.next() is None and fifo.num_waiting == 0


def test_an_assignment_is_a_whole_training():
    fifo = Fifo([evaluation(0)], num_epochs=20)
    assignment = fifo.next()
    assert assignment == Assignment(evaluation(0), 0, 20, 20) and assignment.is_whole
    assert not Assignment(evaluation(0), 0, 5, 20).is_whole


def test_a_lost_evaluation_is_trained_once_more_behind_those_in_line():
    fifo = Fifo([evaluation(0), evaluation(1)])
    lost = fifo.next().evaluation
    assert fifo.report(Result(lost, Status.LOST)) is Decision.CONTINUE
    assert ids(fifo) == [1, 0]


@pytest.mark.parametrize("bounds", [(0, 0, 5), (3, 2, 5), (0, 6, 5), (-1, 2, 5)])
def test_a_training_goes_forward_and_not_beyond_its_length(bounds):
    with pytest.raises(ValueError, match="no training goes"):
        Assignment(evaluation(0), *bounds)
