"""Checkpoints of trainings: whole or not at all, and no longer there than they may be needed."""

import logging
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.checkpoints import CheckpointFiles, Checkpoints

ROOM = 1 << 30


def result(number, epochs, status=Status.PAUSED, objective=0.5):
    evaluation = Evaluation(number, Configuration((0,), {"num_processes": 1}))
    curve = tuple({"epoch": epoch} for epoch in range(1, epochs + 1))
    return Result(evaluation, status, objective, curve)


@pytest.fixture
def files(tmp_path):
    return CheckpointFiles(tmp_path / "checkpoints")


def names(files):
    return sorted(path.name for path in files.path.iterdir())


def come(checkpoints, number, epochs, size=100, **values):
    """Let a training be written and come back."""
    checkpoints.files.write(number, epochs, b"x" * size)
    back = result(number, epochs, **values)
    checkpoints.arrived(back)
    checkpoints.settle(back)


@pytest.mark.parametrize("state", [b"", b"x", bytes(range(256)) * 1000])
def test_what_was_written_is_read_back(files, state):
    files.write(3, 2, state)
    assert files.read(3, 2) == state
    assert names(files) == ["3-2.checkpoint"]
    assert files.read(3, 1) is None and files.read(4, 2) is None


@pytest.mark.parametrize("place", [3, 300, 600, -1])
def test_a_damaged_one_is_said_and_not_used(files, caplog, place):
    files.write(3, 2, b"x" * 1000)
    path = files.place(3, 2)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert files.read(3, 2) is None
    assert "the training begins anew" in caplog.text


def test_one_cut_short_or_of_another_evaluation_is_not_used(files):
    files.write(3, 2, b"x" * 1000)
    data = files.place(3, 2).read_bytes()
    files.place(4, 2).write_bytes(data)
    files.place(3, 2).write_bytes(data[:700])
    assert files.read(3, 2) is None and files.read(4, 2) is None


def test_where_none_can_be_written_it_is_said_once(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    files = CheckpointFiles(tmp_path / "file" / "checkpoints")
    with caplog.at_level(logging.WARNING):
        files.write(1, 1, b"x")
        files.write(2, 1, b"x")
    assert len(caplog.records) == 1 and "begin anew" in caplog.text
    assert files.read(1, 1) is None


def test_the_last_one_before_an_epoch_is_gone_on_from(files):
    checkpoints = Checkpoints(files, ROOM)
    assert checkpoints.epoch_of(7, 100) == 0
    files.write(7, 3, b"x")
    checkpoints.arrived(result(7, 3))
    files.write(7, 9, b"x")
    checkpoints.arrived(result(7, 9))
    assert [checkpoints.epoch_of(7, before) for before in (3, 4, 9, 10)] == [0, 3, 3, 9]


def test_an_earlier_one_goes_when_the_later_is_known_of_and_all_when_it_is_decided(files):
    checkpoints = Checkpoints(files, ROOM)
    come(checkpoints, 1, 1)
    come(checkpoints, 2, 1)
    # Written, but nothing is on disk that says so: both stay.
    files.write(1, 3, b"x")
    assert names(files) == ["1-1.checkpoint", "1-3.checkpoint", "2-1.checkpoint"]
    come(checkpoints, 1, 3)
    assert names(files) == ["1-3.checkpoint", "2-1.checkpoint"]
    for number, status in [(1, Status.DONE), (2, Status.STOPPED)]:
        checkpoints.settle(result(number, 9, status))
    assert names(files) == []


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.NON_FINITE])
def test_whatever_ends_an_evaluation_takes_its_checkpoint_away(files, status):
    checkpoints = Checkpoints(files, ROOM)
    come(checkpoints, 1, 1)
    checkpoints.settle(result(1, 2, status, None))
    assert names(files) == []


def test_one_that_is_lost_keeps_its_checkpoint(files):
    checkpoints = Checkpoints(files, ROOM)
    come(checkpoints, 1, 1)
    lost = result(1, 0, Status.LOST, None)
    checkpoints.arrived(lost)
    checkpoints.settle(lost)
    assert checkpoints.epoch_of(1, 3) == 1 and names(files) == ["1-1.checkpoint"]


def test_a_trainer_that_leaves_none_is_known_for_it(files):
    checkpoints = Checkpoints(files, ROOM)
    for epochs in (1, 3):
        back = result(1, epochs)
        checkpoints.arrived(back)
        checkpoints.settle(back)
    assert checkpoints.epoch_of(1, 9) == 0


def test_the_least_trained_and_then_the_worst_go_when_there_is_no_room(files):
    checkpoints = Checkpoints(files, 5 * 700)
    objectives = {0: 0.3, 1: 0.1, 2: 0.4, 3: 0.2}
    for number, objective in objectives.items():
        come(checkpoints, number, 1, size=100, objective=objective)
    come(checkpoints, 9, 3, size=100, objective=0.0)
    assert len(names(files)) == 5
    # 612 bytes each with their heads: a sixth is one too many, and a tenth is made free.
    come(checkpoints, 10, 3, size=100, objective=0.0)
    kept = {"0-1", "2-1", "3-1", "9-3", "10-3"}
    assert set(names(files)) == {f"{name}.checkpoint" for name in kept}
    assert checkpoints.epoch_of(1, 3) == 0 and checkpoints.epoch_of(0, 3) == 1


def test_it_never_grows_beyond_its_bound(files):
    bound = 20 * 700
    checkpoints = Checkpoints(files, bound)
    rng = random.Random(1)
    for number in range(200):
        come(checkpoints, number, rng.choice([1, 3, 9]), size=rng.randrange(1000))
        assert sum(path.stat().st_size for path in files.path.iterdir()) <= bound


def test_a_later_session_finds_what_may_go_on_and_removes_the_rest(files):
    for number, epoch in [(1, 1), (1, 3), (2, 3), (3, 1)]:
        files.write(number, epoch, b"x")
    (files.path / ".4-1.checkpoint.0123abcd-1-1-0123abcd.part").write_bytes(b"half")
    (files.path / "NOTES").write_text("a user's own")
    checkpoints = Checkpoints(files, ROOM)
    # 1 was paused after 3 epochs; 2 is pending, without a result; 3 has ended.
    checkpoints.take_up({1, 2}, {1: result(1, 3)})
    assert names(files) == ["1-3.checkpoint", "2-3.checkpoint", "NOTES"]
    assert [checkpoints.epoch_of(number, 9) for number in (1, 2, 3)] == [3, 3, 0]
    # What was written after its last recorded result leads to no level that it was not at.
    assert checkpoints.epoch_of(2, 3) == 0


def test_at_the_end_nothing_is_left(files):
    checkpoints = Checkpoints(files, ROOM)
    checkpoints.clear()
    come(checkpoints, 1, 1)
    come(checkpoints, 2, 1)
    checkpoints.clear()
    assert not files.path.exists()
    come(checkpoints, 3, 1)
    assert names(files) == ["3-1.checkpoint"]


WRITER = """
import itertools, sys
from pathlib import Path
from agebo_hpc.storage.checkpoints import CheckpointFiles
files = CheckpointFiles(Path(sys.argv[1]))
for number in itertools.count():
    files.write(1, 1, bytes([number % 256]) * 3_000_000)
    print(flush=True)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.long)])
def test_a_kill_at_any_moment_leaves_the_old_one_or_the_new_one(files, kills):
    rng = random.Random(2)
    files.path.mkdir()
    for _ in range(kills):
        words = [sys.executable, "-c", WRITER, str(files.path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=os.environ) as writer:
            writer.stdout.readline()
            time.sleep(0.05 * rng.random())
            writer.send_signal(signal.SIGKILL)
        state = files.read(1, 1)
        assert state is not None and len(state) == 3_000_000 and len(set(state)) == 1
    Checkpoints(files, ROOM).take_up({1}, {})
    assert names(files) == ["1-1.checkpoint"]
