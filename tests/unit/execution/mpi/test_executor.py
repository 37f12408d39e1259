"""The MPI executor beside ranks that a test plays: starts, results, deaths, recovery."""

import random
from collections import Counter

import pytest
from loopback import Loopback
from loopback_world import world_of

from agebo_hpc.errors import RankDiedError
from agebo_hpc.execution.mpi import executor as mpi_executor
from agebo_hpc.execution.mpi import failure_detector
from agebo_hpc.execution.mpi.executor import MPIExecutor
from agebo_hpc.execution.mpi.protocol import Tag
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status

PAIRS = ((1, 2), (3, 4))


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(mpi_executor, "LOOK_SECONDS", 0.0)


def never():
    return False


def always():
    return True


class Ranks:
    """An executor and the ranks that it talks to."""

    def __init__(self, groups=PAIRS, heartbeat_timeout=0.0, exclusive=False, **world):
        self.loop = Loopback(1 + sum(map(len, groups)))
        self.trainers = range(1, self.loop.size)
        self.runs = MPIExecutor(
            world_of(self.loop, groups, **world),
            exclusive=exclusive,
            heartbeat_timeout=heartbeat_timeout,
        )
        self.starts = {}

    def submit(self, number, n=1):
        self.runs.submit(evaluation(number, n))

    def collect(self, stop=never, looks=3):
        """Return the results of a few looks, as (evaluation, status)."""
        found = [r for _ in range(looks) for r in self.runs.collect(stop, 0.0)]
        return [(result.id, str(result.status)) for result in found]

    def heard(self, rank):
        """Return what a rank was told since the last time; starts are kept."""
        told = self.loop.heard(rank)
        for tag, message in told:
            if tag == Tag.START:
                self.starts[message.evaluation.id] = message
        return [(Tag(tag), message) for tag, message in told]

    def start_of(self, number):
        for rank in self.trainers:
            self.heard(rank)
        return self.starts[number]

    def finish(self, number, status=Status.DONE, whole=True, curve=()):
        """Let the leader of an evaluation send its result."""
        start = self.start_of(number)
        result = Result(start.evaluation, status, 0.5 if status is Status.DONE else None, curve)
        message = (start.number, result)
        return self.loop.say(start.ranks[0], Tag.RESULT, message, whole=whole)

    def control(self, rank):
        return [(Tag(tag), message) for tag, message in self.loop.heard(rank, "control")]


def evaluation(number, n=1):
    return Evaluation(number, Configuration((0,), {"num_processes": n}))


def test_all_members_are_told_and_the_leader_answers():
    ranks = Ranks()
    ranks.submit(0, n=2)
    told = [ranks.heard(rank) for rank in (1, 2)]
    assert told[0] == told[1] and [tag for tag, _ in told[0]] == [Tag.START]
    assert told[0][0][1].ranks == (1, 2)
    assert ranks.heard(3) == [] and ranks.collect() == []
    ranks.finish(0)
    assert ranks.collect() == [(0, "done")]
    assert ranks.runs.num_running == 0


def test_records_of_epochs_are_passed_on_those_of_an_ended_evaluation_are_not():
    ranks, seen = Ranks(), []
    ranks.runs.on_report = lambda *report: seen.append(report)
    ranks.submit(0)
    start = ranks.start_of(0)
    ranks.loop.say(1, Tag.REPORT, (start.number, {"epoch": 1}))
    ranks.finish(0)
    ranks.collect()
    ranks.loop.say(1, Tag.REPORT, (start.number, {"epoch": 2}))
    assert ranks.collect() == [] and seen == [(0, {"epoch": 1})]


def test_what_waits_starts_where_a_result_made_room():
    ranks = Ranks(groups=((1,), (2,)))
    for number in range(3):
        ranks.submit(number)
    assert not ranks.runs.has_room()
    ranks.finish(1)
    assert ranks.collect() == [(1, "done")]
    assert ranks.start_of(2).ranks == (2,)


def test_a_death_costs_one_evaluation_and_the_group_is_mended():
    ranks = Ranks()
    for number in range(2):
        ranks.submit(number, n=2)
    ranks.start_of(0)
    ranks.loop.die(2)
    assert ranks.collect() == [(0, "lost")]
    # The member that is left is called; its group waits meanwhile, the other one trains.
    assert ranks.heard(1) == [(Tag.CALL, None)]
    assert ranks.runs.is_recovering and ranks.runs.has_losses
    ranks.submit(2)
    assert ranks.heard(1) == []
    ranks.finish(1)
    assert ranks.collect() == [(1, "done")]
    ranks.loop.say(1, Tag.HERE)
    ranks.collect()
    assert not ranks.runs.is_recovering  # one that is alone has no communicator to mend
    assert ranks.runs.num_slots == 3
    assert ranks.start_of(2).ranks[0] in (1, 3)


def test_all_that_are_left_of_a_group_mend_it_before_it_starts_anything():
    ranks = Ranks(groups=((1, 2, 3),))
    ranks.submit(0, n=2)
    ranks.loop.die(ranks.start_of(0).ranks[1])
    assert ranks.collect() == [(0, "lost")]
    ranks.submit(1, n=2)
    assert [ranks.control(rank) for rank in (1, 3)] == [[], []]
    ranks.loop.say(1, Tag.HERE)
    ranks.collect()
    assert [ranks.control(rank) for rank in (1, 3)] == [[(Tag.REPAIR, None)]] * 2
    ranks.loop.say(1, Tag.REPAIRED, channel="control")
    ranks.collect()
    assert 1 not in ranks.starts and ranks.runs.is_recovering
    ranks.loop.say(3, Tag.REPAIRED, channel="control")
    ranks.collect()
    assert ranks.start_of(1).ranks == (1, 3) and not ranks.runs.is_recovering


def test_a_rank_that_dies_while_its_group_is_mended_is_left_out_too():
    ranks = Ranks(groups=((1, 2, 3, 4),))
    ranks.submit(0, n=2)
    ranks.loop.die(2)
    ranks.collect()
    ranks.loop.say(1, Tag.HERE)
    ranks.collect()
    ranks.loop.die(3)
    ranks.loop.say(1, Tag.REPAIRED, channel="control")
    ranks.loop.say(4, Tag.REPAIRED, channel="control")
    ranks.collect()
    assert [tag for tag, _ in ranks.control(4)] == [Tag.REPAIR, Tag.REPAIR]
    for rank in (1, 4):
        ranks.loop.say(rank, Tag.REPAIRED, channel="control")
    ranks.submit(1, n=2)
    ranks.collect()
    assert ranks.start_of(1).ranks == (1, 4)


def test_a_result_that_was_sent_before_the_death_counts():
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.finish(0)
    ranks.loop.die(1)
    assert ranks.collect() == [(0, "done")]


def test_a_result_that_breaks_off_in_the_middle_is_lost_and_nobody_waits_for_the_rest():
    ranks = Ranks()
    ranks.submit(0)
    ranks.finish(0, whole=False)
    assert ranks.collect() == []
    ranks.loop.die(1)
    assert ranks.collect() == [(0, "lost")]


def test_a_result_that_arrives_slowly_holds_up_no_other():
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.submit(1, n=2)
    rest = ranks.finish(0, whole=False)
    ranks.finish(1)
    assert ranks.collect() == [(1, "done")]
    rest()
    assert ranks.collect() == [(0, "done")]


def test_a_result_of_an_evaluation_that_was_given_up_comes_too_late():
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.loop.die(2)
    assert ranks.collect() == [(0, "lost")]
    ranks.finish(0)
    assert ranks.collect() == []
    # The same evaluation again, and the result of its first start.
    late = ranks.starts[0]
    ranks.submit(0)
    ranks.loop.say(1, Tag.RESULT, (late.number, Result(evaluation(0), Status.DONE, 0.1)))
    assert ranks.collect() == []
    ranks.finish(0)
    assert ranks.collect() == [(0, "done")]


def test_members_that_lost_one_another_without_a_death_are_believed_after_a_while(monkeypatch):
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.finish(0, Status.LOST)
    assert ranks.collect() == []
    monkeypatch.setattr(mpi_executor, "DOUBT_SECONDS", -1.0)
    ranks.finish(0, Status.LOST)
    assert ranks.collect() == [(0, "lost")]
    assert [ranks.heard(rank) for rank in (1, 2)] == [[(Tag.CALL, None)]] * 2
    assert not ranks.runs.has_losses


def test_a_death_that_is_found_meanwhile_is_the_reason():
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.finish(0, Status.LOST)
    ranks.collect()
    ranks.loop.die(2)
    [result] = ranks.runs.collect(never, 0.1)
    assert result.status is Status.LOST and "Rank 2 on host near" in result.traceback
    assert ranks.collect() == []


def test_a_member_that_does_not_answer_is_ended(monkeypatch):
    monkeypatch.setattr(mpi_executor, "ANSWER_SECONDS", -1.0)
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.loop.die(2)
    assert ranks.collect(looks=6) == [(0, "lost")]
    assert ranks.loop.dead == {1, 2}
    assert ranks.runs.num_slots == 2


def test_a_rank_that_falls_silent_is_ended_by_who_is_near():
    hosts = {3: "far", 4: "far"}
    ranks = Ranks(heartbeat_timeout=1e-9, hosts=hosts)
    ranks.submit(0, n=2)
    ranks.collect(looks=6)
    # Both near ones, by the manager; of the far ones the first by its neighbour.
    assert ranks.loop.dead == {1, 2}
    assert ranks.control(4) == [(Tag.KILL, "host far (process 1003)")]


def test_one_that_is_ended_and_never_found_dead_counts_as_dead_after_a_while(monkeypatch):
    monkeypatch.setattr(failure_detector, "LAST_SECONDS", -1.0)
    hosts = dict.fromkeys((1, 2, 3, 4), "far")
    ranks = Ranks(heartbeat_timeout=1e-9, hosts=hosts)
    ranks.submit(0, n=2)
    assert ranks.collect(looks=6) == [(0, "lost")]
    assert ranks.runs.has_losses and not ranks.loop.dead


def test_heartbeats_keep_a_rank_alive():
    ranks = Ranks(heartbeat_timeout=30.0)
    for rank in ranks.trainers:
        ranks.loop.say(rank, Tag.BEAT, 1000, channel="control")
    assert ranks.collect() == [] and not ranks.runs.has_losses


def test_where_no_death_is_survived_what_is_lost_comes_first_and_then_the_end():
    ranks = Ranks(survives=False)
    for number in range(2):
        ranks.submit(number, n=2)
    ranks.loop.die(3)
    [result] = ranks.runs.collect(never, 1.0)
    assert (result.id, result.status, result.ranks) == (1, Status.LOST, (3, 4))
    assert "Rank 3 on host near" in result.traceback
    assert ranks.runs.is_ending and not ranks.runs.has_room()
    with pytest.raises(RankDiedError, match=r"Rank 3 on host near .* resume the run"):
        ranks.runs.collect(never, 0.0)


def test_what_no_group_is_large_enough_for_any_more_is_lost_with_the_reason():
    ranks = Ranks(groups=((1, 2),))
    ranks.submit(0, n=1)
    ranks.submit(1, n=2)
    ranks.start_of(0)
    ranks.loop.die(2)
    results = ranks.runs.collect(never, 0.1)
    lost = {result.id: result.traceback for result in results if result.status is Status.LOST}
    assert "No worker group is large enough" in lost[1]
    assert ranks.runs.max_processes == 1 and ranks.runs.num_at_once(2) == 0


def test_one_that_waits_is_cut_at_once_one_that_runs_is_told_once():
    ranks = Ranks(groups=((1,),))
    ranks.submit(0)
    ranks.submit(1)
    ranks.runs.stop(1)
    assert ranks.collect() == [(1, "cut")]
    number = ranks.start_of(0).number
    for _ in range(2):
        ranks.runs.stop(0)
    assert ranks.heard(1) == [(Tag.STOP, number)]
    ranks.runs.stop(7)
    ranks.finish(0, Status.CUT)
    assert ranks.collect() == [(0, "cut")], "no epoch ended: it has no value"


def test_one_that_is_told_to_stop_has_the_value_of_its_last_epoch():
    ranks = Ranks()
    ranks.submit(0)
    ranks.runs.stop(0)
    ranks.finish(0, Status.CUT, curve=({"epoch": 1, "validation_metric": 0.25},))
    [result] = ranks.runs.collect(bool, 0.0)
    assert (result.status, result.objective) == (Status.STOPPED, 0.25)


def test_no_report_is_lost_and_none_is_sent_where_nobody_listens():
    ranks, seen = Ranks(), []
    ranks.submit(0)
    assert not ranks.start_of(0).reports
    ranks.runs.on_report = lambda number, record: seen.append((number, record["epoch"]))
    ranks.submit(1)
    start = ranks.start_of(1)
    assert start.reports
    curve = tuple({"epoch": epoch} for epoch in range(1, 5))
    ranks.loop.say(start.ranks[0], Tag.REPORT, (start.number, curve[0]))
    ranks.finish(1, curve=curve)
    ranks.collect()
    assert seen == [(1, epoch) for epoch in range(1, 5)]


def test_a_search_that_stops_forgets_what_waits_and_takes_what_ran():
    ranks = Ranks(groups=((1,),))
    ranks.submit(0)
    ranks.submit(1)
    ranks.start_of(0)
    assert ranks.collect(always) == []
    assert ranks.runs.num_running == 1
    assert [tag for tag, _ in ranks.heard(1)] == [Tag.STOP]
    ranks.finish(0, Status.CUT)
    assert ranks.collect(always) == [(0, "cut")]


def test_a_message_under_way_to_a_stopped_rank_holds_up_nobody():
    ranks = Ranks(groups=((1,), (2,)))
    ranks.loop.stopped.add(1)
    ranks.submit(0)
    ranks.submit(1)
    ranks.finish(1)
    assert ranks.collect() == [(1, "done")]


def test_at_the_end_all_that_live_are_let_go_and_waited_for():
    ranks = Ranks()
    ranks.submit(0, n=2)
    ranks.loop.die(2)
    ranks.collect()
    for rank in (1, 3):
        ranks.loop.say(rank, Tag.BYE)
    # The last one dies as it leaves.
    ranks.loop.die(4)
    ranks.runs.close()
    assert ranks.heard(3) == [(Tag.QUIT, True)]


def test_one_that_does_not_leave_is_ended(monkeypatch):
    monkeypatch.setattr(mpi_executor, "CLOSE_SECONDS", 0.0)
    ranks = Ranks(groups=((1,), (2,)))
    ranks.loop.say(1, Tag.BYE)
    ranks.runs.close()
    assert ranks.loop.dead == {2}
    assert ranks.heard(1) == [(Tag.QUIT, False)]


class Story:
    """Submissions, results, deaths and answers in an order drawn at random."""

    def __init__(self, seed):
        self._rng = random.Random(seed)
        self._ranks = Ranks(
            groups=((1, 2, 3, 4), (5, 6), (7, 8, 9)), exclusive=self._rng.random() < 0.3
        )
        self.loop, self.runs = self._ranks.loop, self._ranks.runs
        self.submitted, self.back, self._leading = 0, Counter(), {}

    def happen(self):
        what = self._rng.random()
        if what < 0.4 and self.runs.has_room():
            n = self._rng.choice([n for n in (1, 2, 4) if n <= self.runs.max_processes])
            self._ranks.submit(self.submitted, n)
            self.submitted += 1
        elif what < 0.7:
            self.send_a_result()
        elif what < 0.74 and len(self.loop.dead) < 7:
            self.loop.die(self._rng.choice(sorted({*self._ranks.trainers} - self.loop.dead)))
        self.listen()

    def send_a_result(self):
        if self._leading:
            start = self._leading.pop(self._rng.choice(sorted(self._leading)))
            result = Result(start.evaluation, Status.DONE, 0.5)
            self.loop.say(start.ranks[0], Tag.RESULT, (start.number, result))

    def listen(self):
        """Let those that live hear and answer; take results."""
        for rank in {*self._ranks.trainers} - self.loop.dead:
            for tag, message in self.loop.heard(rank):
                if tag == Tag.START and message.ranks[0] == rank:
                    self._leading[message.evaluation.id] = message
                elif tag == Tag.CALL:
                    self.loop.say(rank, Tag.HERE)
            for tag, _ in self.loop.heard(rank, "control"):
                assert tag == Tag.REPAIR
                self.loop.say(rank, Tag.REPAIRED, channel="control")
        for result in self.runs.collect(never, 0.0):
            self.back[result.id] += 1
            self._leading.pop(result.id, None)
        leaders = self._leading.items()
        self._leading = {i: s for i, s in leaders if s.ranks[0] not in self.loop.dead}


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_each_evaluation_comes_back_once(seed):
    story = Story(seed)
    for _ in range(120):
        story.happen()
    for _ in range(400):
        story.send_a_result()
        story.listen()
    assert story.runs.num_running == 0 and not story.runs.is_recovering
    assert story.back == Counter(range(story.submitted))
    assert story.runs.num_slots == 9 - len(story.loop.dead)
