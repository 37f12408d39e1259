"""Wherever a search is broken off, it goes on as one that was not: every line of its journal."""

import signal
from contextlib import closing

import pytest

from agebo_hpc.errors import RankDiedError
from agebo_hpc.execution.driver import Driver
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.limits import Limits
from agebo_hpc.execution.proposals import InlineProposals
from agebo_hpc.run.restoring import restore
from agebo_hpc.scheduling.fifo import Fifo
from agebo_hpc.search.methods import make_search
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.space.problem import v1_hyperparameters
from agebo_hpc.storage.history import History
from agebo_hpc.storage.replay import Replay
from agebo_hpc.storage.run_directory import RunDirectory

SLOTS, AHEAD, EVALS = 4, 2, 14


class Ordered(Executor):
    """Slots; what runs and how many have ended say which evaluation ends next."""

    num_slots = SLOTS
    max_processes = 1
    # Nothing is paused here.
    submit_piece = None

    def __init__(self, num_ended, order=None):
        self._num_ended = num_ended
        self._order = order
        self._running = {}
        self.ended = []

    def has_room(self):
        return len(self._running) < SLOTS

    def submit(self, evaluation):
        self._running[evaluation.id] = evaluation

    def collect(self, stop, seconds):
        if not self._running:
            return []
        ids = sorted(self._running)
        following = ids[(7 * self._num_ended + 3) % 11 % len(ids)]
        if self._order is not None:
            following = self._order[self._num_ended]
        if following not in ids and stop():
            cut = [Result(evaluation, Status.CUT) for evaluation in self._running.values()]
            self._running.clear()
            return cut
        evaluation = self._running.pop(following)
        self._num_ended += 1
        self.ended.append(evaluation.id)
        status = Status.FAILED if evaluation.id % 7 == 5 else Status.DONE
        objective = sum(evaluation.configuration.architecture) / 100
        return [Result(evaluation, status, objective if status is Status.DONE else None)]

    def stop(self, evaluation_id):
        raise AssertionError("nobody asked for this")

    @property
    def num_running(self):
        return len(self._running)

    def close(self):
        pass


class Dying(Ordered):
    """Ends for the death of a rank: so many results are there by then, and one comes after it."""

    def __init__(self, num_ended, order, dies_after):
        super().__init__(num_ended, order)
        self._dies_after = dies_after

    @property
    def is_ending(self):
        return self._num_ended >= self._dies_after

    def has_room(self):
        return not self.is_ending and super().has_room()

    def collect(self, stop, seconds):
        if self._num_ended > self._dies_after:
            raise RankDiedError("Rank 2 died.")
        return super().collect(stop, seconds)


class Lazy(InlineProposals):
    """Works off what was handed over only when a proposal is missing, all in one go."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._tasks = []

    def take(self, seconds):
        if not self._ready:
            self.close()
        return super().take(seconds)

    def close(self):
        tasks, self._tasks = self._tasks, []
        self._work_off(tasks)

    def _hand_over(self, tasks):
        self._tasks += tasks


def go_on(
    run, on_recorded=lambda history, search: None, order=None, stop_after=None, dies_after=None
):
    """Run a session of a search to its end; return what was found, in order of completion.

    With `stop_after` it is told to stop after so many results of all sessions; what runs then goes
    on as far as `order` has it. With `dies_after` a rank dies then.
    """
    space = v1_hyperparameters().with_processes([1])
    settings = SearchSettings(seed=5, num_initial=SLOTS, population_size=5, sample_size=2)
    search = make_search("agebo", ArchitectureSpace(num_nodes=2), space, settings)
    with closing(History.open(RunDirectory.open(run), durable=False)) as history:
        for evaluation, told in restore(search, history):
            history.submitted(evaluation, told)
        told, proposed = len(history.results), history.next_id
        proposals = Lazy(search, history, told, lambda: on_recorded(history, search), proposed)
        waiting = sorted(search.pending.values(), key=lambda evaluation: evaluation.id)
        limits = Limits(EVALS)
        executor = Ordered(told, order)
        if dies_after is not None:
            executor = Dying(told, order, dies_after)
        driver = Driver(proposals, executor, limits, Fifo(waiting), AHEAD, told)

        def on_change(results):
            if driver.num_told == stop_after:
                limits.interrupt.received = signal.SIGUSR2

        driver.on_change = on_change
        if dies_after is None:
            assert driver.run() == (len(driver.executor.ended) + told == EVALS)
        else:
            with pytest.raises(RankDiedError):
                driver.run()
        proposals.close()
        history.snapshot(search.state, force=True)
        return history.results


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return an unbroken search: configuration, lines, snapshots by lines, results."""
    run = RunDirectory.create(tmp_path_factory.mktemp("whole") / "run", {}).path
    snapshots = {}

    def on_recorded(history, search):
        assert history.snapshot(search.state, force=True)
        lines = (run / "journal.jsonl").read_bytes().count(b"\n")
        snapshots[lines] = (run / "history.h5").read_bytes()

    results = go_on(run, on_recorded)
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    return (run / "config.toml").read_bytes(), lines, snapshots, results


def broken_off(path, whole, num_lines, with_state):
    """Make the run directory that a kill after so many lines leaves."""
    config, lines, snapshots, _ = whole
    path.mkdir()
    (path / "config.toml").write_bytes(config)
    (path / "journal.jsonl").write_bytes(b"".join(lines[:num_lines]))
    earlier = [number for number in snapshots if number <= num_lines]
    if with_state and earlier:
        (path / "history.h5").write_bytes(snapshots[max(earlier)])
    return path


@pytest.mark.parametrize("with_state", [True, False])
def test_a_search_that_is_broken_off_after_any_line_has_the_same_future(
    whole, tmp_path, with_state, monkeypatch
):
    _, lines, snapshots, expected = whole
    monkeypatch.setattr("os.fsync", lambda _: None)
    assert len(lines) == 1 + 2 * EVALS and len(snapshots) >= 4
    # All that there is to begin with, then every line of a few results.
    for num_lines in [*range(0, 8, 3), *range(8, 24), len(lines) - 3, len(lines)]:
        run = broken_off(tmp_path / f"{num_lines}", whole, num_lines, with_state)
        found = go_on(run)
        assert [(r.id, r.evaluation) for r in found] == [(r.id, r.evaluation) for r in expected]


def test_a_search_that_is_stopped_in_order_has_the_same_future(whole, tmp_path, monkeypatch):
    *_, expected = whole
    monkeypatch.setattr("os.fsync", lambda _: None)
    order = [result.id for result in expected]
    drained = 0
    for stop_after in range(1, EVALS, 2):
        run = broken_off(tmp_path / f"{stop_after}", whole, 0, with_state=False)
        drained += len(go_on(run, order=order, stop_after=stop_after)) - stop_after
        while len(found := go_on(run, order=order, stop_after=stop_after + 5)) < EVALS:
            stop_after += 5
        assert [(r.id, r.evaluation) for r in found] == [(r.id, r.evaluation) for r in expected]
    assert drained > EVALS // 2, "what ran when the order came ended too"


def test_a_proposal_that_was_due_when_the_search_was_killed_is_made_where_it_was_due(
    whole, tmp_path
):
    _, lines, _, _ = whole
    events = [b'"event":"result"' in line for line in lines]
    # Two results were written in one go, their proposals were not yet.
    pair = next(i for i in range(len(events)) if events[i] and events[i + 1] and i > 12)
    run = broken_off(tmp_path / "run", whole, pair + 2, with_state=True)
    with closing(History.open(RunDirectory.open(run))) as history:
        told = len(history.results) - 1
        assert [event.told for event in history.since_state if hasattr(event, "told")] == [told]
    go_on(run)
    replay = Replay.from_events(read_events(run))
    assert [number for number in replay.told.values()].count(told) >= 1


def read_events(run):
    from agebo_hpc.storage.journal_lines import read_journal

    return read_journal(run / "journal.jsonl").events


@pytest.mark.parametrize("dies_after", [1, 4, 9])
def test_a_search_that_a_death_ends_has_the_same_future(whole, tmp_path, dies_after):
    expected = whole[3]
    order = [result.id for result in expected]
    run = RunDirectory.create(tmp_path / "run", {}).path
    assert len(go_on(run, order=order, dies_after=dies_after)) == dies_after + 1
    found = go_on(run, order=order)
    assert [(r.id, r.evaluation) for r in found] == [(r.id, r.evaluation) for r in expected]
