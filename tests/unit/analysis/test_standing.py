"""How a search stands, seen from its run directory alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from agebo_hpc.analysis import standing as standing_module
from agebo_hpc.analysis.runs import read_run
from agebo_hpc.analysis.standing import standing
from agebo_hpc.cli.history import _show
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., RunDirectory]


def stands(run: RunDirectory) -> dict[str, object]:
    return standing(read_run(run.path))


def test_counts_and_best_are_said_with_the_configuration(make_run: Make) -> None:
    found = stands(make_run([0.5, 0.8, None]))
    assert (found["finished"], found["pending"], found["max_evals"]) == (3, 1, 9)
    assert found["counts"] == {"done": 2, "failed": 1}
    assert found["best"] == {
        "evaluation_id": 1,
        "objective": 0.8,
        "hyperparameters": {"batch_size": 64, "learning_rate": 0.1, "num_processes": 2},
        "architecture": "Dense(16, relu) + input; Dense(16, relu)",
        "decisions": "1 1 1 0",
        "predicts_one": None,
        "interval": None,
        "chosen_among": 2,
        "at_most": None,
    }
    assert (found["constant"], found["known"]) == (0, 0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_best_of_many_stands_with_its_interval_and_what_it_owes_to_the_choice(
    make_run: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    run = read_run(make_run([0.8, 0.81, None, 0.5]).path)
    data = {"name": "t", "rows": {"validation": 500}, "independent": 500}
    problem = {**run.section("problem"), "metric": "accuracy"}
    run = replace(run, config={**run.config, "data": data, "problem": problem})
    best = standing(run)["best"]
    assert best["interval"] == pytest.approx([0.7733, 0.8420], abs=1e-4)
    # Two of the three lie within reach of each other.
    assert best["chosen_among"] == 3
    assert best["at_most"] == pytest.approx(0.0176 * 0.564, rel=0.05)
    _show(run, False)
    shown = capsys.readouterr().out
    assert "0.810 [0.773, 0.842] by evaluation 1" in shown
    assert "the best of 3 on the validation rows: that flatters, in the mean by 0.01" in shown


def test_a_run_without_results_stands_too(make_run: Make, tmp_path: object) -> None:
    found = stands(make_run([]))
    assert (found["finished"], found["best"], found["busy_share"]) == (0, None, None)
    json.dumps(found, allow_nan=False)


def test_a_run_that_never_started_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = RunDirectory.create(tmp_path_factory.mktemp("x") / "run", {})
    assert stands(run)["state"] == "not started"


@pytest.mark.parametrize("state", ["complete", "stopped", "failed"])
def test_the_reported_end_is_believed(make_run: Make, state: str) -> None:
    run = make_run([0.5], ended=state == "stopped")
    run.write_status({"state": state, "exit_code": 0})
    assert (stands(run)["state"], stands(run)["exit_code"]) == (state, 0)


def test_an_ended_life_is_stopped_whatever_an_older_status_says(make_run: Make) -> None:
    run = make_run([0.5])
    run.write_status({"state": "running"})
    assert stands(run)["state"] == "stopped"


def test_a_life_that_says_why_it_ended_is_believed_before_the_status_follows(
    make_run: Make,
) -> None:
    run = make_run([0.5], ended="complete")
    run.write_status({"state": "running"})
    assert stands(run)["state"] == "complete"


def test_a_status_of_a_former_life_is_not_believed(make_run: Make) -> None:
    run = make_run([0.5], ended=False)
    run.write_status({"state": "complete", "time": "2001-01-01T00:00:00+00:00"})
    assert stands(run)["state"] == "running"


def test_a_living_process_is_running_with_its_time_left(make_run: Make) -> None:
    run = make_run([0.5], ended=False)
    run.write_status({"state": "running", "seconds_left": 100.0})
    found = stands(run)
    assert found["state"] == "running"
    assert 80 < float(str(found["seconds_left"])) <= 100


def test_a_dead_process_gives_no_sign_of_life(make_run: Make) -> None:
    run = make_run([0.5], ended=False)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    run.write_status({"state": "running", "pid": child.pid})
    found = stands(run)
    assert found["state"] == "no sign of life"
    assert str(found["last_sign"]).endswith("+00:00")


def test_one_that_was_killed_while_it_stopped_has_stopped(make_run: Make) -> None:
    run = make_run([0.5], ended=False)
    run.write_status({"state": "stopping", "exit_code": 75})
    assert (stands(run)["state"], stands(run)["exit_code"]) == ("stopping", 75)
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    run.write_status({"state": "stopping", "exit_code": 75, "pid": child.pid})
    deadline = time.monotonic() + 60
    # Not waited for: its remains are there, and are no life.
    while stands(run)["state"] != "stopped":
        assert time.monotonic() < deadline
    assert stands(run)["exit_code"] == 75
    child.wait()
    child.stdout.close()


def test_on_another_host_the_age_of_the_last_sign_decides(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run([0.5], ended=False)
    run.write_status({"state": "running", "host": "elsewhere", "pid": os.getpid()})
    assert stands(run)["state"] == "running"
    later = time.time() + standing_module.SILENCE + 5
    monkeypatch.setattr(standing_module.time, "time", lambda: later)
    assert stands(run)["state"] == "no sign of life"
