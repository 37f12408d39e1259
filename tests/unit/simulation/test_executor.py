"""A virtual clock, made-up trainings, and everything else real."""

import heapq
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agebo_hpc.simulation.executor import Machine, SimulatedExecutor
from agebo_hpc.simulation.simulation import Simulated
from agebo_hpc.simulation.virtual_clock import VirtualClock
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Configuration, Evaluation, Status

START = 1000.0


@dataclass
class Listed:
    """Durations by evaluation id; the objective is the id."""

    seconds: list

    def simulate(self, evaluation, seed):
        return Simulated(self.seconds[evaluation.id], float(evaluation.id))


def evaluation(number, num_processes=1):
    hyperparameters = {"batch_size": 32, "learning_rate": 0.1, "num_processes": num_processes}
    return Evaluation(number, Configuration((0,), hyperparameters))


def executor(
    seconds, groups=1, slots=1, latency=0.0, num_epochs=1, clock=None, eval_timeout=0.0, **machine
):
    return SimulatedExecutor(
        Listed(seconds),
        Machine(groups, slots, latency=latency, **machine),
        clock or VirtualClock(START, charge=0.0),
        seed=1,
        num_epochs=num_epochs,
        eval_timeout=eval_timeout,
    )


def never():
    return False


def drain(runs, stop=never, seconds=1e9):
    results = []
    while runs.num_running:
        results += runs.collect(stop, seconds)
    return results


def test_results_come_in_the_order_and_at_the_time_of_their_virtual_completion():
    runs = executor([30.0, 10.0, 20.0], groups=3)
    for number in range(3):
        assert runs.has_room()
        runs.submit(evaluation(number))
    assert not runs.has_room()
    [first] = runs.collect(never, 1e9)
    assert (first.id, first.started, first.ended, runs.now()) == (1, 1000.0, 1010.0, 1010.0)
    assert (first.status, first.objective, first.ranks) == (Status.DONE, 1.0, (2,))
    assert [result.id for result in drain(runs)] == [2, 0]
    assert runs.now() == 1030.0


def test_a_message_takes_its_time_both_ways():
    runs = executor([10.0], latency=0.5)
    runs.submit(evaluation(0))
    [result] = runs.collect(never, 1e9)
    assert (result.started, result.ended, runs.now()) == (1000.5, 1010.5, 1011.0)
    assert result.times["queue"] == 0.5


def test_it_waits_no_longer_than_told():
    runs = executor([10.0])
    runs.submit(evaluation(0))
    assert runs.collect(never, 4.0) == []
    assert runs.now() == 1004.0
    assert runs.collect(never, 6.0) != []


def test_the_time_in_which_the_manager_works_is_charged_and_slots_stand_idle_meanwhile():
    real = [0.0]
    clock = VirtualClock(START, charge=2.0, real=lambda: real[0])
    runs = executor([10.0, 10.0, 10.0], groups=2, clock=clock)
    runs.submit(evaluation(0))
    runs.submit(evaluation(1))
    real[0] += 8.0
    # 16 virtual seconds of work: both have been over for six when the manager looks.
    assert [result.ended for result in runs.collect(never, 1e9)] == [1010.0, 1010.0]
    assert runs.now() == 1016.0
    real[0] += 1.0
    runs.submit(evaluation(2))
    [result] = runs.collect(never, 1e9)
    assert (result.started, runs.now()) == (1018.0, 1028.0)


def test_one_that_finds_no_slots_waits_for_them():
    runs = executor([10.0, 20.0, 5.0], slots=2)
    runs.submit(evaluation(0))
    runs.submit(evaluation(1))
    runs.submit(evaluation(2, num_processes=2))
    results = drain(runs)
    assert [result.id for result in results] == [0, 1, 2]
    assert (results[2].submitted, results[2].started) == (1000.0, 1020.0)
    assert results[2].ranks == (1, 2)


def test_a_stop_order_ends_one_at_the_end_of_the_epoch_in_which_it_arrives():
    runs = executor([40.0, 40.0], groups=2, latency=0.5, num_epochs=4)
    runs.submit(evaluation(0))
    runs.submit(evaluation(1))
    runs.collect(never, 15.0)
    runs.stop(0)
    results = drain(runs)
    assert [(r.id, r.status, r.objective) for r in results] == [
        (0, Status.STOPPED, -0.25),
        (1, Status.DONE, 1.0),
    ]
    assert results[0].ended == pytest.approx(1020.5)
    assert [record["epoch"] for record in results[0].curve] == [1, 2]
    runs.stop(0)
    assert runs.num_running == 0


def test_in_its_last_epoch_an_evaluation_is_no_longer_cut():
    runs = executor([40.0], num_epochs=4)
    runs.submit(evaluation(0))
    runs.collect(never, 31.0)
    assert [result.status for result in drain(runs, stop=lambda: True)] == [Status.DONE]


def test_when_all_must_stop_what_waits_is_forgotten():
    runs = executor([40.0, 40.0], num_epochs=4)
    runs.submit(evaluation(0))
    runs.submit(evaluation(1))
    assert [result.status for result in drain(runs, stop=lambda: True)] == [Status.CUT]
    assert runs.now() == 1010.0


def test_one_that_is_stopped_in_line_comes_back_as_cut():
    runs = executor([40.0, 40.0])
    runs.submit(evaluation(0))
    runs.submit(evaluation(1))
    runs.stop(1)
    assert [(r.id, r.status) for r in drain(runs)] == [(1, Status.CUT), (0, Status.DONE)]


def test_epochs_are_reported_in_order_and_a_report_may_stop_its_evaluation():
    runs = executor([40.0, 20.0], groups=2, num_epochs=4)
    seen = []

    def on_report(number, record):
        seen.append((runs.now() - START, number, record["epoch"], record["validation_metric"]))
        if number == 0 and record["epoch"] == 2:
            runs.stop(0)

    runs.on_report = on_report
    runs.submit(evaluation(0))
    runs.submit(evaluation(1))
    results = drain(runs)
    assert [(moment, number, epoch) for moment, number, epoch, _ in seen] == [
        (5.0, 1, 1),
        (10.0, 0, 1),
        (10.0, 1, 2),
        (15.0, 1, 3),
        (20.0, 1, 4),
        (20.0, 0, 2),
    ]
    # The order arrives at the very end of the second epoch and is seen there.
    assert [(r.id, r.status, len(r.curve)) for r in results] == [
        (1, Status.DONE, 4),
        (0, Status.STOPPED, 2),
    ]
    assert seen[4][3] == 1.0


def test_with_exclusive_groups_an_evaluation_has_its_group_alone():
    runs = executor([10.0, 10.0], slots=4, exclusive=True)
    runs.submit(evaluation(0))
    assert not runs.has_room()
    runs.submit(evaluation(1))
    assert [result.started for result in drain(runs)] == [1000.0, 1010.0]


def test_ranks_die_and_their_evaluations_come_back_as_lost():
    runs = executor([1e6] * 4, groups=2, slots=2, rank_lifetime=100.0)
    runs.submit(evaluation(0, num_processes=2))
    runs.submit(evaluation(1, num_processes=2))
    runs.submit(evaluation(2, num_processes=2))
    results = drain(runs)
    # The third one gets no slots before the last group of two has broken.
    assert sorted(result.id for result in results) == [0, 1, 2]
    assert {result.status for result in results} == {Status.LOST}
    assert results[0].traceback == f"Rank {min_rank(results[0])} died."
    assert runs.max_processes < 2
    assert runs.num_slots < 3
    while runs.max_processes:
        runs.collect(never, 1e9)
    assert not runs.has_room()


def min_rank(result):
    return int(result.traceback.split()[1])


def test_a_lost_evaluation_may_be_submitted_again_while_its_old_end_is_still_to_come():
    runs = executor([1000.0], groups=3, rank_lifetime=500.0)
    runs.submit(evaluation(0))
    [lost] = drain(runs)
    assert lost.status is Status.LOST
    assert START < lost.ended < START + 1000
    runs.submit(evaluation(0))
    [again] = drain(runs)
    assert (again.status, again.started) == (Status.DONE, lost.ended)
    assert again.ended == pytest.approx(lost.ended + 1000)


def brute_force(seconds, groups):
    """Say (id, start, end) in order of completion: each slot that gets free takes the next."""
    free, running, order, waiting = groups, [], [], list(range(len(seconds)))
    now = START
    while waiting or running:
        while free and waiting:
            number = waiting.pop(0)
            heapq.heappush(running, (now + seconds[number], number, now))
            free -= 1
        now, number, started = heapq.heappop(running)
        order.append((number, started, now))
        free += 1
    return order


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(1.0, 100.0), min_size=1, max_size=30, unique=True),
    st.integers(1, 5),
)
def test_the_order_is_that_of_a_tiny_model(seconds, groups):
    runs = executor(seconds, groups=groups)
    waiting, order = list(range(len(seconds))), []
    while waiting or runs.num_running:
        while waiting and runs.has_room():
            runs.submit(evaluation(waiting.pop(0)))
        order += [(r.id, r.started, r.ended) for r in runs.collect(never, 1e9)]
    assert order == brute_force(seconds, groups)


def test_an_evaluation_that_takes_too_long_ends_with_its_epoch():
    runs = executor([100.0, 20.0], groups=2, num_epochs=10, eval_timeout=25.0)
    for number in range(2):
        runs.submit(evaluation(number))
    short, long = drain(runs)
    assert (short.id, short.status, short.ended) == (1, Status.DONE, START + 20.0)
    assert (long.status, len(long.curve), long.ended) == (Status.TIMED_OUT, 3, START + 30.0)
    assert long.objective is None


@dataclass
class Tabulated:
    """A training of four epochs that are not equally long, after two seconds of preparation."""

    def simulate(self, evaluation, seed):
        return Simulated(12.0, 0.9, 0, (0.1, 0.2, 0.4, 0.8), (1.0, 2.0, 3.0, 4.0))


def pieces(simulation=None, eval_timeout=0.0):
    clock = VirtualClock(START, charge=0.0)
    machine = Machine(1, latency=0.0)
    return SimulatedExecutor(simulation or Tabulated(), machine, clock, 1, 4, eval_timeout)


def piece(runs, start, end):
    runs.submit_piece(Assignment(evaluation(0), start, end, 4))
    return drain(runs)[0]


@pytest.mark.parametrize("cuts", [(4,), (1, 4), (2, 3, 4), (1, 2, 3, 4)])
def test_pieces_take_as_long_as_the_whole_and_end_at_their_epoch(cuts):
    runs = pieces()
    results = [piece(runs, *bounds) for bounds in zip((0, *cuts), cuts, strict=False)]
    assert sum(result.ended - result.started for result in results) == pytest.approx(12.0)
    assert [len(result.curve) for result in results] == list(cuts)
    assert [str(result.status) for result in results] == ["paused"] * (len(cuts) - 1) + ["done"]
    values = {1: 0.1, 2: 0.2, 3: 0.4, 4: 0.9}
    assert [result.objective for result in results] == [values[cut] for cut in cuts]


def test_a_piece_that_is_ordered_to_stop_ends_at_its_next_epoch():
    runs = pieces()
    piece(runs, 0, 1)
    runs.submit_piece(Assignment(evaluation(0), 1, 4, 4))
    runs.collect(never, 0.5)
    [result] = drain(runs, stop=lambda: True)
    assert (result.status, len(result.curve)) == (Status.CUT, 2)
    assert result.ended - result.started == pytest.approx(2.0)


def test_the_time_limit_is_that_of_all_pieces_together():
    runs = pieces(eval_timeout=7.0)
    assert piece(runs, 0, 2).status is Status.PAUSED
    result = piece(runs, 2, 4)
    assert (result.status, len(result.curve)) == (Status.TIMED_OUT, 3)


def test_reports_go_on_where_the_piece_before_has_ended():
    runs, heard = pieces(), []
    runs.on_report = lambda number, record: heard.append(record["epoch"])
    piece(runs, 0, 2)
    piece(runs, 2, 4)
    assert heard == [1, 2, 3, 4]
