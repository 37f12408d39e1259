"""Results are recorded before they are told, and proposals do not depend on timing."""

import threading
import time
from collections import Counter

import numpy as np
import pytest

from agebo_hpc.errors import AgeboError, LaunchError
from agebo_hpc.execution.driver import MAX_LOSSES, Driver
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import InlineProposals, ThreadedProposals
from agebo_hpc.scheduling.fifo import Fifo
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.problem import v1_hyperparameters

SECONDS = 60.0
KINDS = {"inline": InlineProposals, "threaded": ThreadedProposals}


class Recorder:
    """Remembers what was written, in groups that share one sync."""

    def __init__(self, seconds=0.0):
        self.groups = []
        self.told = {}
        self.proposed = []
        self.seconds = seconds
        self.broken = False

    def submitted(self, evaluation, told):
        self.told[evaluation.id] = told

    def append(self, *results, proposed):
        if self.broken:
            raise AgeboError("The disk is full.")
        time.sleep(self.seconds)
        self.groups.append([result.id for result in results])
        self.proposed += proposed


class Slots(Executor):
    """Runs evaluations on slots; the ends come in a seeded order, with what `status` says."""

    # Nothing is paused here.
    submit_piece = None

    def __init__(self, num_slots, status=lambda evaluation, attempt: Status.DONE, seed=0):
        self.num_slots = num_slots
        self.max_processes = 8
        self.started = []
        self._running = {}
        self._rng = np.random.default_rng(seed)
        self._status = status
        self._attempts = Counter()

    def has_room(self):
        return self._free > 0

    @property
    def _free(self):
        return self.num_slots - sum(e.configuration.num_processes for e in self._running.values())

    def submit(self, evaluation):
        self.started.append(evaluation)
        self._running[evaluation.id] = evaluation

    def collect(self, stop, seconds):
        if not self._running or stop():
            self._running.clear()
            return []
        evaluation = self._running.pop(self._rng.choice(sorted(self._running)))
        self._attempts[evaluation.id] += 1
        status = self._status(evaluation, self._attempts[evaluation.id])
        if isinstance(status, int):
            self.max_processes, status = status, Status.DONE
        objective = float(sum(evaluation.configuration.architecture))
        return [Result(evaluation, status, objective if status is Status.DONE else None)]

    def stop(self, evaluation_id):
        raise AssertionError("nobody asked for this")

    @property
    def num_running(self):
        return len(self._running)

    def close(self):
        pass


def make(method="agebo", w=4):
    settings = SearchSettings(seed=3, num_initial=w, population_size=6, sample_size=3)
    return make_search(method, ArchitectureSpace(num_nodes=2), v1_hyperparameters(), settings)


def run(kind, executor, max_evals=40, ahead=2, recorder=None, **changes):
    recorder = recorder or Recorder()
    proposals = KINDS[kind](make(), recorder)
    driver = Driver(proposals, executor, Limits(max_evals), ahead=ahead, **changes)
    try:
        return driver.run(), driver, recorder
    finally:
        proposals.close()


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_a_thread_proposes_the_same_as_no_thread_however_slow_the_disk_is(ahead):
    expected = Slots(8)
    assert run("inline", expected, ahead=ahead)[0]
    assert len(expected.started) == 40
    for seconds in (0.0, 0.003):
        slots = Slots(8)
        assert run("threaded", slots, ahead=ahead, recorder=Recorder(seconds))[0]
        assert slots.started == expected.started


@pytest.mark.parametrize("kind", KINDS)
def test_a_proposal_lacks_as_many_results_as_are_kept_ready_and_no_more(kind):
    def lag(ahead):
        slots = Slots(1)
        _, _, recorder = run(kind, slots, 20, ahead)
        return [e.id - recorder.told[e.id] for e in slots.started]

    # With one slot, evaluation i starts when i results are there.
    assert max(lag(0)) == 0
    assert lag(1) == [0] + 19 * [1]
    assert lag(3) == [0, 1, 2] + 17 * [3]


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_is_proposed_than_will_be_evaluated(kind):
    slots = Slots(3)
    complete, driver, recorder = run(kind, slots, 10, ahead=4)
    assert complete
    assert sorted(recorder.told) == list(range(10))
    assert driver.proposals.num_open == 0


class BusyDisk(Recorder):
    """Says when a write has begun, and ends it when it may."""

    def __init__(self):
        super().__init__()
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def append(self, *results, proposed):
        self.has_begun.set()
        assert self.may_end.wait(SECONDS)
        super().append(*results, proposed=proposed)


def test_results_that_come_while_the_disk_is_busy_share_one_sync():
    recorder = BusyDisk()
    proposals = ThreadedProposals(make("random"), recorder)
    proposals.ask(6)
    first, *others = [proposals.take(SECONDS) for _ in range(6)]
    proposals.append_and_tell([Result(first, Status.DONE, 1.0)])
    assert recorder.has_begun.wait(SECONDS)
    for evaluation in others:
        proposals.append_and_tell([Result(evaluation, Status.DONE, 1.0)])
    recorder.may_end.set()
    proposals.close()
    assert recorder.groups == [[0], [1, 2, 3, 4, 5]]


def test_a_proposal_is_there_while_a_result_is_still_being_written():
    recorder = BusyDisk()
    proposals = ThreadedProposals(make("random"), recorder)
    proposals.ask(2)
    first = proposals.take(SECONDS)
    proposals.append_and_tell([Result(first, Status.DONE, 1.0)])
    assert proposals.take(SECONDS) is not None
    assert recorder.has_begun.wait(SECONDS)
    proposals.ask(1)
    assert proposals.take(0.01) is None
    recorder.may_end.set()
    assert proposals.take(SECONDS).id == 2
    proposals.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_recorded_with_the_number_of_proposals_before_it(kind):
    recorder = Recorder()
    proposals = KINDS[kind](make("random"), recorder, num_told=10, num_proposed=20)
    proposals.ask(3)
    for _ in range(3):
        proposals.append_and_tell([Result(proposals.take(SECONDS), Status.DONE, 1.0)])
        proposals.ask(1)
    proposals.close()
    assert recorder.proposed == [23, 24, 25]


def test_an_error_in_the_thread_reaches_the_driver():
    recorder = Recorder()
    recorder.broken = True
    with pytest.raises(AgeboError, match="The disk is full"):
        run("threaded", Slots(2), recorder=recorder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_evaluation_is_run_again_first_and_counts_once(kind):
    def status(evaluation, attempt):
        return Status.LOST if evaluation.id in (2, 7) and attempt == 1 else Status.DONE

    slots = Slots(3, status)
    complete, driver, recorder = run(kind, slots, 12)
    assert complete
    assert driver.num_told == 12
    ids = [evaluation.id for evaluation in slots.started]
    assert Counter(ids) == Counter([*range(12), 2, 7])
    assert driver.losses == {2: 1, 7: 1}
    assert [i for group in recorder.groups for i in group].count(7) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_that_is_lost_again_and_again_has_failed(kind):
    seen = []
    slots = Slots(2, lambda e, attempt: Status.LOST if e.id == 1 else Status.DONE)
    complete, _, _ = run(kind, slots, 5, on_change=seen.extend)
    assert complete
    last = [result for result in seen if result.id == 1]
    assert [str(r.status) for r in last] == ["lost"] * (MAX_LOSSES - 1) + ["failed"]
    assert f"Lost {MAX_LOSSES} times" in last[-1].traceback


@pytest.mark.parametrize("kind", KINDS)
def test_when_groups_shrink_nothing_larger_is_proposed_and_what_is_too_large_waits(kind):
    slots = Slots(8, lambda evaluation, attempt: 2 if evaluation.id == 5 else Status.DONE)
    complete, driver, recorder = run(kind, slots, 40)
    assert complete
    shrunk = next(i for i, e in enumerate(slots.started) if e.id == 5)
    later = [e.configuration.num_processes for e in slots.started[shrunk + 10 :]]
    assert max(e.configuration.num_processes for e in slots.started) == 8
    assert later
    assert max(later) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_without_any_rank_the_search_ends_with_what_to_do(kind):
    slots = Slots(2, lambda evaluation, attempt: 0 if evaluation.id == 3 else Status.DONE)
    with pytest.raises(LaunchError, match="Resume the run with new ranks"):
        run(kind, slots, 40)


def test_waiting_evaluations_come_before_new_ones():
    search = make()
    old = search.ask(3)
    proposals = InlineProposals(search, Recorder())
    slots = Slots(2)
    assert Driver(proposals, slots, Limits(5), Fifo(old), ahead=1).run()
    assert slots.started[:3] == old
