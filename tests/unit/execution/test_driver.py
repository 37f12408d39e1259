"""The loop of Algorithm 1, with trainings that take no time."""

from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from agebo_hpc.errors import TooManyFailuresError
from agebo_hpc.execution.driver import Driver
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import InlineProposals, ThreadedProposals
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.scheduling.fifo import Fifo
from agebo_hpc.scheduling.scheduler import Decision
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.simulation.executor import Machine, SimulatedExecutor
from agebo_hpc.simulation.lognormal import Lognormal
from agebo_hpc.simulation.virtual_clock import VirtualClock
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Configuration, Evaluation, Status
from agebo_hpc.space.problem import v1_hyperparameters
from agebo_hpc.training.trainer import Outcome


class Trainer:
    """Gives the sum of the decisions; `surprise` may change it."""

    def __init__(self, surprise=None):
        self._surprise = surprise or (lambda evaluation: None)

    def prepare(self, evaluation, seed):
        self._evaluation = evaluation
        return self

    def run(self, comm, stop):
        outcome = self._surprise(self._evaluation)
        return outcome or Outcome(Status.DONE, sum(self._evaluation.configuration.architecture))


class Recorder:
    """Remembers in which order things were written and told."""

    def __init__(self):
        self.events = []
        self.results = []
        self.told = {}

    def submitted(self, evaluation, told):
        self.events.append(("submitted", evaluation.id))
        self.told[evaluation.id] = told

    def append(self, *results, proposed):
        self.events.extend(("written", result.id) for result in results)
        self.results.extend(results)


def search_with(recorder=None, method="agebo"):
    search = make_search(
        method,
        ArchitectureSpace(num_nodes=2),
        v1_hyperparameters().with_processes([1]),
        SearchSettings(seed=1),
    )
    if recorder is not None:
        tell = search.tell

        def noting(results):
            recorder.events.append(("told", results[0].id))
            tell(results)

        search.tell = noting
    return search


def driver(limits, surprise=None, kind=InlineProposals, executor=None, **changes):
    recorder = Recorder()
    search = changes.pop("search", None) or search_with(recorder)
    executor = executor or SerialExecutor(Trainer(surprise), seed=1)
    proposals = kind(search, recorder, changes.get("num_told", 0))
    waiting = sorted(search.pending.values(), key=lambda evaluation: evaluation.id)
    return Driver(proposals, executor, limits, Fifo(waiting), **changes), recorder


def test_it_runs_exactly_as_many_evaluations_as_asked_for():
    loop, recorder = driver(Limits(max_evals=7))
    assert loop.run()
    assert [result.id for result in recorder.results] == list(range(7))
    assert all(result.status is Status.DONE for result in recorder.results)


def test_a_result_is_written_before_the_search_hears_of_it():
    loop, recorder = driver(Limits(max_evals=3))
    loop.run()
    expected = [(event, i) for i in range(3) for event in ("submitted", "written", "told")]
    assert recorder.events == expected


def test_evaluations_of_earlier_lives_count():
    loop, recorder = driver(Limits(max_evals=7), num_told=5)
    assert loop.run()
    assert len(recorder.results) == 2


def test_pending_evaluations_of_an_earlier_session_come_first_and_are_not_submitted_again():
    search = search_with()
    pending = search.ask(2)
    loop, recorder = driver(Limits(max_evals=4), search=search)
    assert loop.run()
    assert [result.evaluation for result in recorder.results[:2]] == pending
    assert [i for event, i in recorder.events if event == "submitted"] == [2, 3]


def test_failed_evaluations_count_and_the_search_goes_on():
    def surprise(evaluation):
        if evaluation.id in (1, 2):
            raise ValueError("bad luck")

    loop, recorder = driver(Limits(max_evals=5), surprise)
    assert loop.run()
    assert [str(r.status) for r in recorder.results] == [
        "done",
        "failed",
        "failed",
        "done",
        "done",
    ]


def test_failure_after_failure_ends_it_and_all_are_written():
    def surprise(evaluation):
        raise ValueError("always")

    loop, recorder = driver(Limits(max_evals=50), surprise)
    with pytest.raises(TooManyFailuresError, match="ValueError: always"):
        loop.run()
    assert [kind for kind, _ in recorder.events].count("told") == 20


def test_a_signal_ends_it_and_what_was_cut_stays_pending():
    interrupt = Interrupt()

    def surprise(evaluation):
        if evaluation.id == 2:
            interrupt.received = Interrupt.SIGNALS[0]
            return Outcome(Status.CUT)

    search = search_with()
    loop, recorder = driver(Limits(9, interrupt=interrupt), surprise, search=search)
    assert not loop.run()
    assert [str(result.status) for result in recorder.results] == ["done", "done", "cut"]
    assert loop.num_told == 2
    assert list(search.pending) == [2]


def test_at_the_end_of_the_wall_time_it_ends_and_says_that_evaluations_are_missing():
    seconds = iter(range(1000))
    loop, recorder = driver(Limits(50, walltime=30.0, clock=lambda: next(seconds)))
    assert not loop.run()
    assert 0 < len(recorder.results) < 50


def test_with_the_wall_time_alone_it_is_never_complete():
    seconds = iter(range(1000))
    loop, recorder = driver(Limits(walltime=30.0, clock=lambda: next(seconds)))
    assert not loop.run()
    assert recorder.results


@dataclass
class NearlyOver(Limits):
    """Limits of a session in which evaluations that are a multiple of four are too long."""

    def may_start(self, evaluation, share=1.0):
        return evaluation.id % 4 > 0


def test_a_long_evaluation_that_no_longer_fits_keeps_no_shorter_one_from_starting():
    search = search_with()
    search.ask(8)
    loop, recorder = driver(NearlyOver(8), search=search, executor=simulated(2))
    assert not loop.run()
    assert {result.id for result in recorder.results} == {1, 2, 3, 5, 6, 7}
    assert sorted(search.pending) == [0, 4], "they begin the next session"
    assert not recorder.told, "nothing is proposed in their place where there are enough"


def test_proposals_that_no_longer_fit_do_not_pile_up_at_the_end_of_a_life():
    class Over(NearlyOver):
        def may_start(self, evaluation, share=1.0):
            return evaluation.id < 6

    loop, recorder = driver(Over(1000), executor=simulated(3), ahead=2)
    assert not loop.run()
    assert {result.id for result in recorder.results} == set(range(6))
    assert len(recorder.told) <= 6 + 3 + 2


def test_changes_are_told_as_they_come():
    seen = []
    loop, recorder = driver(Limits(max_evals=3), on_change=lambda results: seen.extend(results))
    loop.run()
    assert seen == recorder.results


def simulated(groups, slots=1, exclusive=False):
    machine = Machine(groups, slots, exclusive)
    clock = VirtualClock(0.0, charge=0.0)
    return SimulatedExecutor(Lognormal(sigma=1.0), machine, clock, seed=1)


@pytest.mark.parametrize("kind", [InlineProposals, ThreadedProposals])
def test_a_synchronous_search_proposes_a_batch_when_all_of_the_one_before_is_learnt(kind):
    loop, recorder = driver(Limits(10), kind=kind, executor=simulated(4), synchronous=True)
    with closing(loop.proposals):
        assert loop.run()
    told = [recorder.told[i] for i in range(10)]
    assert told == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]
    begun = {result.id: result.started for result in recorder.results}
    ended = {result.id: result.ended for result in recorder.results}
    for first, last in ((0, 4), (4, 8)):
        batch = range(first, last)
        assert max(ended[i] for i in batch) <= min(begun[i] for i in range(last, 10))


def test_an_asynchronous_search_waits_for_no_batch():
    loop, recorder = driver(Limits(10), executor=simulated(4))
    assert loop.run()
    assert [recorder.told[i] for i in range(10)] == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_an_evaluation_of_a_batch_that_is_lost_runs_again_before_the_next_batch():
    class Losing(SimulatedExecutor):
        lost = False

        def collect(self, stop, seconds):
            results = super().collect(stop, seconds)
            if not self.lost and results:
                self.lost = True
                results[0] = replace(results[0], status=Status.LOST, objective=None)
            return results

    executor = Losing(Lognormal(), Machine(2), VirtualClock(0.0, charge=0.0), seed=1)
    loop, recorder = driver(Limits(4), executor=executor, synchronous=True)
    assert loop.run()
    assert [str(result.status) for result in recorder.results].count("lost") == 1
    assert [recorder.told[i] for i in range(4)] == [0, 0, 2, 2]


class LeavesLost(Fifo):
    """Leaves lost evaluations to the next session."""

    def report(self, result):
        return Decision.STOP


@pytest.mark.parametrize("number", [0, 3, 5])
def test_an_evaluation_that_the_scheduler_gives_up_is_counted_and_left(number):
    def lose(evaluation):
        return Outcome(Status.LOST) if evaluation.id == number else None

    loop, recorder = driver(Limits(max_evals=6), lose)
    loop.scheduler = LeavesLost()
    assert not loop.run()
    assert loop.num_told == 5
    # It takes one of the six places: no other is proposed for it.
    assert [result.id for result in recorder.results] == list(range(6))
    assert recorder.results[number].status is Status.LOST


def test_a_resumed_synchronous_search_fills_the_batch_that_was_cut():
    search = search_with()
    search.ask(2)
    loop, recorder = driver(Limits(6), search=search, executor=simulated(3), synchronous=True)
    assert loop.run()
    assert {result.id for result in recorder.results} == set(range(6))
    assert recorder.told == {2: 0, 3: 3, 4: 3, 5: 3}


@pytest.mark.parametrize(
    ("machine", "at_once"),
    [((3, 4), 12), ((3, 4, True), 3), ((2, 1), 2)],
)
def test_how_many_evaluations_run_at_once_follows_the_allocation(machine, at_once):
    executor = simulated(*machine)
    assert executor.num_at_once(1) == at_once
    number = 0
    while executor.has_room():
        executor.submit(one_process(number))
        number += 1
    assert number == at_once


def one_process(number):
    hyperparameters = {"batch_size": 256, "learning_rate": 0.01, "num_processes": 1}
    return Evaluation(number, Configuration((0, 0), hyperparameters))
