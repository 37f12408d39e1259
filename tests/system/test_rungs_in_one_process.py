"""Searches of one process that pause trainings: nothing is trained twice, wherever they end."""

import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import continuing_problem
import pytest
from continuing_problem import EPOCHS, read_log
from continuing_run import EVALS, check, told, words_of

from agebo_hpc.__main__ import run as command
from agebo_hpc.execution.stop_file import StopFile
from agebo_hpc.run.restoring import restored_scheduler
from agebo_hpc.scheduling.schedulers import BY_RUNGS, SCHEDULERS, SchedulerSettings
from agebo_hpc.space.configuration import Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import RunDirectory


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "epochs.txt"
    monkeypatch.setenv(continuing_problem.LOG, str(path))
    return path


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_trains_each_epoch_once(scheduler, tmp_path, log):
    out = tmp_path / "run"
    assert command(words_of(scheduler, out)) == 0
    assert command(["replay", str(out)]) == 0
    replay = read_replay(out)
    assert len(replay.finished | set(replay.paused)) == EVALS
    if scheduler in BY_RUNGS:
        check(out, log)
        assert Status.DONE in {result.status for result in replay.results}
    else:
        assert Counter(read_log(log)) == Counter(
            (name, epoch) for name in range(EVALS) for epoch in range(1, EPOCHS + 1)
        )


def test_a_trainer_that_leaves_no_state_begins_anew_and_comes_to_the_same(
    tmp_path, log, monkeypatch
):
    with_states, without = tmp_path / "with", tmp_path / "without"
    assert command(words_of("asha", with_states)) == 0
    monkeypatch.setenv(continuing_problem.FORGETS, "1")
    assert command(words_of("asha", without)) == 0
    assert told(without) == told(with_states)


@pytest.mark.parametrize("scheduler", ["fifo", "asha", "asha-stopping", "hyperband"])
@pytest.mark.parametrize("num_epochs", [1, 11, 18])
def test_what_was_cut_goes_on_from_where_it_was(scheduler, num_epochs, tmp_path, log, monkeypatch):
    unbroken, out = tmp_path / "unbroken", tmp_path / "run"
    assert command(words_of(scheduler, unbroken)) == 0
    log.unlink()
    monkeypatch.setattr(StopFile, "SECONDS", 0.0)
    monkeypatch.setenv(continuing_problem.STOP, f"{num_epochs} {out / 'STOP'}")
    assert command(words_of(scheduler, out)) == 75
    assert len(read_log(log)) == num_epochs
    if (out / "checkpoints").exists():
        names = {int(path.name.partition("-")[0]) for path in (out / "checkpoints").iterdir()}
        assert names <= set(read_replay(out).pending)
    (out / "STOP").unlink()
    assert command(["resume", str(out)]) == 0
    assert told(out) == told(unbroken)
    assert command(["replay", str(out)]) == 0
    assert set(Counter(read_log(log)).values()) == {1}
    assert not (out / "checkpoints").exists()


def test_without_space_for_checkpoints_all_begin_anew(tmp_path, log):
    out, other = tmp_path / "run", tmp_path / "other"
    assert command([*words_of("asha", out), "--checkpoint-space", "0"]) == 0
    assert not (out / "checkpoints").exists()
    assert max(Counter(read_log(log)).values()) > 1
    log.unlink()
    # Room for two: many are trained again, to the same end.
    assert command([*words_of("asha", other), "--checkpoint-space", "1e-6"]) == 0
    assert told(other) == told(out)


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.long)])
def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(
    kills, tmp_path, log, monkeypatch, child_settings
):
    evals = max(EVALS, 2 * kills)
    unbroken, out = tmp_path / "unbroken", tmp_path / "run"
    assert command(words_of("asha", unbroken, evals)) == 0
    log.unlink()
    environment = {**child_settings, continuing_problem.LOG: str(log)}
    environment[continuing_problem.SECONDS] = "0.02"
    rng = random.Random(kills)
    done = 0
    while True:
        words = ["resume", str(out)] if out.exists() else words_of("asha", out, evals)
        process = subprocess.Popen(
            [sys.executable, "-m", "agebo_hpc", *words], env=environment, stderr=subprocess.PIPE
        )
        if done == kills:
            _, said = process.communicate(timeout=300)
            assert process.returncode == 0, said.decode()
            break
        before = len(read_log(log)) if log.exists() else 0
        while process.poll() is None and (
            not log.exists() or len(read_log(log)) < before + rng.randrange(1, 8)
        ):
            time.sleep(0.01)
        time.sleep(0.03 * rng.random())
        process.kill()
        process.wait()
        process.stderr.close()
        done += 1
    assert told(out) == told(unbroken)
    check(out, log, may_repeat=True)
    # What was under way when a kill came is all that was trained twice.
    repeated = sum(Counter(read_log(log)).values()) - len(set(read_log(log)))
    assert repeated <= kills * EPOCHS
    with closing(History.open(RunDirectory.open(out))) as history:
        settings = SchedulerSettings("asha", EPOCHS, eta=2, num_configurations=evals)
        scheduler = restored_scheduler(settings, history)
        rungs = Counter(len(r.curve) for r in history.heard)
        sizes = [scheduler.sizes(bracket) for bracket in range(len(scheduler._rungs))]
    assert sum((Counter(each) for each in sizes), Counter()) == rungs
