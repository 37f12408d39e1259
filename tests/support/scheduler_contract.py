"""What every scheduler promises. A new one is tested by a subclass."""

import random

import pytest

from agebo_hpc.execution.driver import Driver
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import InlineProposals
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import v1_hyperparameters
from agebo_hpc.training.trainer import Outcome

EPOCHS = 9
ENDS = [status for status in Status if status.is_final]


def evaluation(number):
    return Evaluation(number, Configuration((number,), {"num_processes": 1}))


def result(of, status=Status.DONE):
    return Result(of, status, 0.5 if status.has_value else None)


def drained(scheduler):
    """Return the assignments that come one after the other until a proposal is needed."""
    found = []
    while (assignment := scheduler.next()) is not None:
        found.append(assignment)
    return found


def ids(assignments):
    return [assignment.evaluation.id for assignment in assignments]


class Trainer:
    """Loses the evaluations that are to be lost, each as often as it says."""

    def __init__(self, losses):
        self._losses = dict(losses)

    def prepare(self, evaluation, seed):
        self._evaluation = evaluation
        return self

    def run(self, comm, stop):
        left = self._losses.get(self._evaluation.id, 0)
        self._losses[self._evaluation.id] = left - 1
        return Outcome(Status.LOST) if left > 0 else Outcome(Status.DONE, 0.5)


class Recorder:
    """A history in memory."""

    def __init__(self):
        self.results = []
        self.submissions = []

    def submitted(self, evaluation, told):
        self.submissions.append(evaluation.id)

    def append(self, *results, proposed):
        self.results += results


class SchedulerContract:
    """The checks; a subclass makes one."""

    def build(self, waiting=(), num_epochs=EPOCHS):
        """Return a new scheduler with evaluations that an earlier session has left."""
        raise NotImplementedError

    def test_an_empty_one_needs_a_proposal(self):
        scheduler = self.build()
        assert scheduler.num_waiting == 0
        assert scheduler.next() is None and scheduler.next() is None

    def test_what_it_says_to_wait_comes_without_a_proposal(self):
        scheduler = self.build([evaluation(0)])
        for number in range(1, 5):
            scheduler.add(evaluation(number))
        waiting = scheduler.num_waiting
        assert waiting >= 1
        assert len(drained(scheduler)) == waiting
        assert scheduler.num_waiting == 0

    def test_what_an_earlier_session_left_and_what_is_new_begin_once_each(self):
        scheduler = self.build([evaluation(7), evaluation(3)])
        for number in (8, 9):
            scheduler.add(evaluation(number))
        begun = [each for each in drained(scheduler) if each.start == 0]
        assert sorted(ids(begun)) == [3, 7, 8, 9]

    def test_assignments_lie_in_a_training_of_the_length_that_was_asked_for(self):
        for length in (1, EPOCHS):
            scheduler = self.build([evaluation(0)], num_epochs=length)
            scheduler.add(evaluation(1))
            for each in drained(scheduler):
                assert 0 <= each.start < each.end <= each.full_length == length

    def test_an_evaluation_stays_what_was_added(self):
        scheduler = self.build()
        scheduler.add(evaluation(5))
        assert [each.evaluation for each in drained(scheduler)] == [evaluation(5)]

    @pytest.mark.parametrize("status", ENDS)
    def test_nothing_more_is_trained_of_what_has_ended(self, status):
        scheduler = self.build([evaluation(0)])
        [assignment] = drained(scheduler)
        assert scheduler.report(result(assignment.evaluation, status)) is Decision.STOP
        assert scheduler.num_waiting == 0 and drained(scheduler) == []

    @pytest.mark.parametrize("status", [Status.CUT, Status.LOST])
    def test_what_has_not_ended_comes_again_if_it_says_so_and_only_then(self, status):
        scheduler = self.build([evaluation(0), evaluation(1)])
        first = scheduler.next()
        decision = scheduler.report(result(first.evaluation, status))
        again = ids(drained(scheduler)).count(first.evaluation.id)
        assert again == (decision is Decision.CONTINUE)

    def test_what_continues_begins_where_it_began(self):
        scheduler = self.build([evaluation(0)])
        first = scheduler.next()
        if scheduler.report(result(first.evaluation, Status.LOST)) is Decision.CONTINUE:
            assert drained(scheduler) == [first]

    @pytest.mark.parametrize("seed", range(5))
    def test_the_same_calls_give_the_same_assignments(self, seed):
        assert self._story(seed) == self._story(seed)

    def _story(self, seed):
        """Return what a scheduler answers to calls at random; nobody is trained twice at once."""
        rng = random.Random(seed)
        scheduler = self.build([evaluation(number) for number in range(3)])
        running, answers, following = [], [], 3
        for _ in range(200):
            match rng.choice(["add", "next", "next", "report"]):
                case "add":
                    scheduler.add(evaluation(following))
                    following += 1
                case "next":
                    waiting, assignment = scheduler.num_waiting, scheduler.next()
                    assert (assignment is None) == (waiting == 0)
                    if assignment is not None:
                        assert assignment not in running
                        running.append(assignment)
                    answers.append(assignment)
                case "report" if running:
                    ended = running.pop(rng.randrange(len(running)))
                    status = rng.choice(list(Status))
                    answers.append(scheduler.report(result(ended.evaluation, status)))
        return answers

    @pytest.mark.parametrize("losses", [{}, {0: 1}, {1: 2, 4: 1}, {2: 3}, {9: 5}])
    def test_a_search_with_it_has_as_many_evaluations_as_asked_for(self, losses):
        recorder = Recorder()
        search = make_search(
            "random",
            ArchitectureSpace(num_nodes=2),
            v1_hyperparameters().with_processes([1]),
            SearchSettings(seed=1),
        )
        search.ask(2)
        waiting = list(search.pending.values())
        driver = Driver(
            InlineProposals(search, recorder, 0),
            SerialExecutor(Trainer(losses), seed=1),
            Limits(max_evals=10),
            self.build(waiting),
            ahead=1,
        )
        assert driver.run() and driver.num_told == 10
        ended = [each.id for each in recorder.results if each.status.is_final]
        assert sorted(ended) == list(range(10))
        # Those that an earlier session left are not submitted anew.
        assert sorted(recorder.submissions) == list(range(2, 10))
