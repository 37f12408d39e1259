"""The history: results and pending evaluations over several sessions, and its snapshots."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace

import h5py
import numpy as np
import pytest

from agebo_hpc.errors import UsageError
from agebo_hpc.space.configuration import NO_PARENT, Evaluation, Result, Status
from agebo_hpc.storage import history as history_module
from agebo_hpc.storage import replay as replay_module
from agebo_hpc.storage.history import History
from agebo_hpc.storage.later_events import Missing
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., Result]
MakeEvaluation = Callable[[int], Evaluation]


def test_a_new_history_is_empty(run: RunDirectory) -> None:
    history = History.open(run)
    assert (history.results, history.pending, history.elapsed) == ([], {}, 0.0)
    assert (history.search_state, history.covered, history.next_id) == (None, 0, 0)
    history.close()


def test_a_reopened_history_has_all_results_in_order_of_completion(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    for number in range(4):
        history.submitted(make_evaluation(number))
    for number in (2, 0, 3):
        history.append(make_result(number))
    history.close()
    history = History.open(run)
    assert history.results == [make_result(number) for number in (2, 0, 3)]
    assert history.pending == {1: make_evaluation(1)}
    assert history.next_id == 4
    history.close()


def test_parents_are_in_the_journal_and_journals_without_them_open(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    for number, parent in enumerate((NO_PARENT, 0, None)):
        history.submitted(replace(make_evaluation(number), parent=parent))
    history.append(make_result(1, Status.CUT))
    # Pending in an earlier session, it is submitted again; its parent is not known any more.
    history.submitted(make_evaluation(1))
    history.close()
    assert read_replay(run.path).parents == {0: NO_PARENT, 1: 0}
    history = History.open(run)
    assert list(history.pending) == [0, 1, 2]
    history.close()


@pytest.mark.parametrize("objective", [math.nan, math.inf, -math.inf])
def test_an_objective_that_is_no_number_is_none_in_old_journals_too(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make, objective: float
) -> None:
    history = History.open(run)
    history.submitted(make_evaluation(0))
    was = {**make_result(0).to_dict(), "objective": objective}
    history._journal.append("result", {"result": was}, True)
    history.close()
    [result] = read_replay(run.path).results
    assert (result.status, result.objective) == (Status.NON_FINITE, None)
    assert str(objective) in result.traceback
    history = History.open(run)
    assert history.results == [result]
    history.close()


def test_a_cut_evaluation_is_no_result_and_is_pending_again(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    history.submitted(make_evaluation(0))
    history.append(make_result(0, Status.CUT))
    assert (history.results, list(history.pending)) == ([], [0])
    history.close()
    history = History.open(run)
    assert (history.results, list(history.pending)) == ([], [0])
    history.submitted(make_evaluation(0))
    history.append(make_result(0))
    assert [r.id for r in history.results] == [0]
    history.close()


def test_values_of_numpy_and_diverged_losses_come_back(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    diverged = replace(
        make_result(0, Status.NON_FINITE),
        curve=({"epoch": 1, "loss": np.float32(np.nan), "validation_loss": np.inf},),
        times={"train": np.float64(1.5)},
    )
    history = History.open(run)
    history.submitted(make_evaluation(0))
    history.append(diverged)
    history.close()
    (back,) = read_replay(run.path).results
    assert np.isnan(back.curve[0]["loss"])
    assert (back.curve[0]["validation_loss"], back.times["train"]) == (np.inf, 1.5)


def test_a_second_writer_is_refused_and_a_reader_is_not(filled: RunDirectory) -> None:
    history = History.open(filled)
    with pytest.raises(UsageError, match="Another process is writing"):
        History.open(filled)
    assert len(read_replay(filled.path).results) == 5
    history.close()
    History.open(filled).close()


def test_the_state_of_the_search_comes_back_with_what_came_after_it(
    filled: RunDirectory, make_result: Make
) -> None:
    history = History.open(filled)
    assert history.search_state == {"told": 3}
    assert history.covered == 3
    assert history.since_state == [make_result(3), make_result(4)]
    history.snapshot(lambda: {"told": 5}, force=True)
    assert (history.covered, history.since_state) == (5, [])
    history.close()
    assert History.open(filled).search_state == {"told": 5}


def test_without_a_state_everything_came_after_it(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    history.submitted(make_evaluation(0))
    history.append(make_result(0, Status.CUT))
    history.append(make_result(0))
    expected = [make_evaluation(0), make_result(0)]
    assert history.since_state == expected
    history.close()
    history = History.open(run)
    assert history.since_state == expected
    history.close()


def test_what_came_after_the_state_is_in_the_order_in_which_the_search_saw_it(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    for number in range(3):
        history.submitted(make_evaluation(number), told=0)
    history.append(make_result(0))
    history.submitted(make_evaluation(3), told=1)
    history.snapshot({"told": 1}, force=True)
    # Both results are written before the proposals that follow each of them.
    history.append(make_result(2), make_result(1))
    history.submitted(make_evaluation(4), told=2)
    history.submitted(make_evaluation(5), told=3)
    history.close()
    history = History.open(run)
    assert history.since_state == [
        make_result(2),
        make_evaluation(4),
        make_result(1),
        make_evaluation(5),
    ]
    history.close()


def test_a_lost_evaluation_stays_pending_and_its_losses_are_counted(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    history.submitted(make_evaluation(0))
    history.append(make_result(0, Status.LOST))
    history.close()
    history = History.open(run)
    assert (history.results, history.losses) == ([], {0: 1})
    assert list(history.pending) == [0]
    history.append(make_result(0))
    assert [result.id for result in history.results] == [0]
    history.close()


def test_elapsed_time_counts_every_life_until_its_end_or_last_sign(
    run: RunDirectory,
    make_evaluation: MakeEvaluation,
    make_result: Make,
) -> None:
    now = [1000.0]
    history = History.open(run, now=lambda: now[0])
    history.session("start", {"slots": 4})
    history.submitted(make_evaluation(0))
    now[0] = 1030.0
    history.append(make_result(0))
    # Killed: no end is recorded.
    history.close()
    now[0] = 9000.0
    history = History.open(run, now=lambda: now[0])
    assert history.elapsed == 30.0
    history.session("start", {"world_size": 3})
    now[0] = 9012.0
    history.session("end", {"reason": "complete"})
    history.close()
    now[0] = 99999.0
    history = History.open(run, now=lambda: now[0])
    assert history.elapsed == 42.0
    assert [session.num_slots for session in history.sessions] == [4, 2]
    assert [session.end is None for session in history.sessions] == [True, False]
    history.close()


def test_snapshots_take_a_bounded_share_of_the_time(
    filled: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(history_module.time, "monotonic", lambda: clock[0])
    history = History.open(filled)
    clock[0] = 14.9
    assert not history.snapshot(lambda: pytest.fail("the state was asked for in vain"))
    clock[0] = 15.1
    real = history_module.to_bytes

    def slow(snapshot: object) -> bytes:
        clock[0] += 1.0
        return real(snapshot)

    monkeypatch.setattr(history_module, "to_bytes", slow)
    assert history.snapshot({})
    clock[0] += 99.9
    assert not history.snapshot({})
    clock[0] += 0.2

    def slow_state() -> dict[str, object]:
        clock[0] += 2.0
        return {}

    assert history.snapshot(slow_state)
    clock[0] += 299.9
    assert not history.snapshot({}), "the state took its time too"
    clock[0] += 0.2
    assert history.snapshot({})
    history.close()


def test_the_file_says_what_it_is_and_holds_one_row_for_each_evaluation(
    filled: RunDirectory,
) -> None:
    with h5py.File(filled.history_path, "r") as file:
        assert file.attrs["format"] == "agebo_hpc-history"
        assert file.attrs["format_version"] == 1
        assert file["evaluations/evaluation_id"][()].tolist() == [0, 1, 2, 3, 4]
        assert file["evaluations/architecture"].shape == (5, 3)
        assert file["evaluations/status"].asstr()[2] == "failed"
        assert file["evaluations/batch_size"].dtype == np.int64
        assert file["curves/evaluation_id"].shape == file["curves/loss"].shape == (10,)
        assert json.loads(file["search_state"].asstr()[()]) == {"told": 3}
        assert json.loads(file["configuration"].asstr()[()]) == filled.config
        assert json.loads(file["versions"].asstr()[()]) == {"agebo_hpc": "0"}
        assert [e["id"] for e in json.loads(file["pending"].asstr()[()])] == [5, 6]


def test_a_history_of_an_unknown_format_is_refused(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "FORMAT_VERSION", 2)
    History.open(run).close()
    assert replay_module.FORMAT_VERSION == 1
    with pytest.raises(Exception, match="format is 2 and this program reads 1") as error:
        History.open(run)
    assert error.value.exit_code == 65  # type: ignore[attr-defined]


def test_noting_a_result_costs_the_same_after_two_thousand(
    run: RunDirectory,
    make_evaluation: MakeEvaluation,
    make_result: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    history = History.open(run)
    costs = []
    for number in range(2000):
        history.submitted(make_evaluation(number))
        result = make_result(number)
        # Of this thread alone: what else the machine does is not counted.
        start = time.thread_time()
        history.append(result)
        costs.append(time.thread_time() - start)
    history.close()
    first, last = np.median(costs[:200]), np.median(costs[-200:])
    assert last < 10 * max(first, 1e-4)
    assert last < 1e-2


def test_proposals_that_were_due_before_a_result_are_missed_there(
    run: RunDirectory, make_evaluation: MakeEvaluation, make_result: Make
) -> None:
    history = History.open(run)
    for number in range(3):
        history.submitted(make_evaluation(number), told=0)
    # Killed after both results were written, before the proposal that follows the first one.
    history.append(make_result(0), make_result(1), proposed=[3, 4])
    history.close()
    history = History.open(run)
    pending = [make_evaluation(number) for number in range(3)]
    assert history.since_state == [*pending, make_result(0), Missing(1, 1), make_result(1)]
    # The next session makes up for it.
    history.submitted(make_evaluation(3), told=1)
    history.close()
    history = History.open(run)
    assert history.since_state == [
        *pending,
        make_result(0),
        make_evaluation(3),
        make_result(1),
    ]
    history.close()
