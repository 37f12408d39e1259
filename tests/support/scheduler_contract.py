"""What every scheduler promises. A new one is tested by a subclass."""

import random
from dataclasses import replace

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


class Pieces(SerialExecutor):
    """Trains pieces too: all but the last come back as paused."""

    is_piece = False

    def submit_piece(self, assignment):
        self.is_piece = assignment.end < assignment.full_length
        self.submit(assignment.evaluation)

    def collect(self, stop, seconds):
        results = super().collect(stop, seconds)
        is_piece, self.is_piece = self.is_piece, False
        if not is_piece or results[0].status is not Status.DONE:
            return results
        return [replace(results[0], status=Status.PAUSED)]


class Recorder:
    """A history in memory."""

    def __init__(self):
        self.results = []
        self.submissions = []

    def submitted(self, evaluation, told):
        self.submissions.append(evaluation.id)

    def append(self, *events, proposed):
        self.results += [event for event in events if isinstance(event, Result)]


class SchedulerContract:
    """The checks; a subclass makes one."""

    def build(self, waiting=(), num_epochs=EPOCHS, past=()):
        """Return a scheduler with what earlier sessions have done and left."""
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
            Pieces(Trainer(losses), seed=1),
            Limits(max_evals=10),
            self.build(waiting),
            ahead=1,
        )
        assert driver.run() and driver.num_told + len(driver.paused) == 10
        ended = [each.id for each in recorder.results if each.status.is_final]
        assert sorted([*ended, *driver.paused]) == list(range(10))
        # Those that an earlier session left are not submitted anew.
        assert sorted(recorder.submissions) == list(range(2, 10))


def number(assignment):
    return assignment.evaluation.id, assignment.start


class Session:
    """Calls a scheduler at random, as a driver might, and writes down what a journal would."""

    def __init__(self, scheduler, rng, following=0):
        self.scheduler = scheduler
        self.rng = rng
        self.following = following
        self.running = []
        self.events = []
        self.proposed = []

    def play(self, num_calls):
        for _ in range(num_calls):
            if self.rng.random() < 0.5:
                self.start()
            elif self.running:
                self.end(self.running.pop(self.rng.randrange(len(self.running))))
        return self

    def start(self):
        assignment = self.scheduler.next()
        if assignment is None:
            self.proposed.append(evaluation(self.following))
            self.scheduler.add(self.proposed[-1])
            self.following += 1
            assignment = self.scheduler.next()
        self.running.append(assignment)
        self.events.append(assignment)

    def end(self, assignment):
        of, is_top = assignment.evaluation, assignment.end == assignment.full_length
        kind = self.rng.random()
        if kind < 0.1:
            ended = Result(of, Status.LOST)
        elif kind < 0.2:
            ended = Result(of, Status.FAILED)
        else:
            status = Status.DONE if is_top else Status.PAUSED
            ended = Result(of, status, (of.id * 37 % 101) / 101 + assignment.end)
        self.events.append(ended)
        self.scheduler.report(ended)

    def finish(self):
        """Let all that may go on go on, until nothing runs and nobody waits."""
        while self.running or self.scheduler.num_waiting:
            if self.scheduler.num_waiting:
                self.start()
            else:
                self.end(self.running.pop(0))
        return self


class RungSchedulerContract(SchedulerContract):
    """What those promise besides that train piece by piece."""

    @pytest.mark.parametrize("seed", range(5))
    def test_pieces_follow_one_another_and_each_is_trained_once(self, seed):
        session = Session(self.build(), random.Random(seed)).play(400).finish()
        reached, lost = {}, set()
        for event in session.events:
            if isinstance(event, Result):
                lost |= {event.id} if event.status is Status.LOST else set()
                continue
            name = event.evaluation.id
            if name in lost:
                lost.remove(name)
                assert reached[name] == event
            else:
                assert event.start == (reached[name].end if name in reached else 0)
            reached[name] = event
        assert any(each.end == each.full_length for each in reached.values())

    @pytest.mark.parametrize("seed", range(3))
    def test_what_has_failed_never_goes_on(self, seed):
        session = Session(self.build(), random.Random(seed)).play(300).finish()
        failed = set()
        for event in session.events:
            if isinstance(event, Result):
                failed |= {event.id} if event.status is Status.FAILED else set()
            else:
                assert event.evaluation.id not in failed

    @pytest.mark.parametrize("seed", range(3))
    def test_after_any_event_it_goes_on_from_the_journal_alone(self, seed):
        whole = Session(self.build(), random.Random(seed)).play(120)
        for cut in range(0, len(whole.events) + 1, 3):
            past = whole.events[:cut]
            restored = self.build(past=past)
            running = {}
            for event in past:
                if isinstance(event, Result):
                    del running[event.id]
                else:
                    running[event.evaluation.id] = event
            # What ran comes first, as it was; then it goes on without losing or doubling any.
            again = [restored.next() for _ in running]
            assert sorted(again, key=number) == sorted(running.values(), key=number)
            rest = Session(restored, random.Random(cut), following=1000)
            rest.running = again
            rest.play(30).finish()
            done = [number(e) for e in past if not isinstance(e, Result) and e not in again]
            later = [number(e) for e in rest.events if not isinstance(e, Result)]
            lost = {e.id for e in (*past, *rest.events) if getattr(e, "status", "") == "lost"}
            twice = {each for each in later if each in done or later.count(each) > 1}
            assert {name for name, _ in twice} <= lost

    @pytest.mark.parametrize("seed", range(5))
    def test_restored_it_decides_as_the_unbroken_one(self, seed):
        whole = Session(self.build(), random.Random(seed)).play(200)
        restored = Session(self.build(past=whole.events), random.Random(0), whole.following)
        running = [restored.scheduler.next() for _ in whole.running]
        assert sorted(map(number, running)) == sorted(map(number, whole.running))
        restored.running = list(whole.running)
        whole.rng = random.Random(0)
        before = len(whole.events)
        whole.play(200).finish()
        restored.play(200).finish()
        # As texts: a time that is not known, NaN, is not equal to itself.
        assert list(map(repr, restored.events)) == list(map(repr, whole.events[before:]))

    def test_new_ones_that_were_never_assigned_are_not_forgotten(self):
        session = Session(self.build(), random.Random(1)).play(20)
        left = [each.evaluation for each in session.running]
        restored = self.build([*left, evaluation(900)], past=session.events)
        assert 900 in ids(drained(restored))

    @pytest.mark.parametrize("num_configurations", [1, 2, 5, 10, 30])
    def test_a_search_of_any_size_ends_with_one_trained_in_full(self, num_configurations):
        scheduler = self.build()
        done = []
        for each in range(num_configurations):
            scheduler.add(evaluation(each))
        is_ended = False
        while scheduler.num_waiting or not is_ended:
            if not scheduler.num_waiting:
                scheduler.end_intake()
                is_ended = True
                continue
            assignment = scheduler.next()
            is_top = assignment.end == assignment.full_length
            done += [assignment] * is_top
            objective = float(-assignment.evaluation.id)
            status = Status.DONE if is_top else Status.PAUSED
            scheduler.report(Result(assignment.evaluation, status, objective))
        assert done or num_configurations < self.enough_for_one

    enough_for_one = 1
    """Configurations that there must be for one to reach the top."""
