"""Run directories with strange things in them: links, FIFOs, leftovers, two programs at once."""

import logging
import os
import shlex
import shutil
import threading

import pytest

from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.leftovers import hidden_beside
from agebo_hpc.models.places import place_in_run
from agebo_hpc.reporter import ListReporter
from agebo_hpc.run.run_log import logging_to
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.storage.snapshot import read_snapshot

NAMES = ("config.toml", "journal.jsonl", "journal.copy.jsonl", "history.h5", "status.json")


@pytest.fixture
def run(tmp_path):
    run = RunDirectory.create(tmp_path / "run", {"search": {"seed": 1}})
    history = History.open(run)
    run.write_status({"state": "running"})
    history.snapshot({"told": 0}, force=True)
    history.close()
    return run


def in_time(work, seconds=10.0):
    """Return what work returned or raised; fail if it waits for ever."""
    ended = []

    def act():
        try:
            ended.append(work())
        except Exception as error:  # noqa: BLE001 (it is what is asked for)
            ended.append(error)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    assert ended, "it waits for ever"
    return ended[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_fifo_in_place_of_a_file_is_not_waited_for(run, name):
    (run.path / name).unlink()
    os.mkfifo(run.path / name)

    def write():
        history = History.open(RunDirectory.open(run.path))
        history.close()

    for work in (
        write,
        lambda: read_replay(run.path),
        lambda: RunDirectory.open(run.path).read_status(),
        lambda: read_snapshot(run.history_path),
    ):
        ended = in_time(work)
        assert not isinstance(ended, Exception) or isinstance(ended, AgeboError), repr(ended)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_through_a_link(run, tmp_path, name):
    victim = tmp_path / "victim"
    shutil.copy(run.path / name, victim)
    before = victim.read_bytes()
    (run.path / name).unlink()
    (run.path / name).symlink_to(victim)

    def write():
        again = RunDirectory.open(run.path)
        history = History.open(again)
        again.write_status({"state": "stopped"})
        history.snapshot({"told": 1}, force=True)
        history.close()

    ended = in_time(write)
    assert ended is None or isinstance(ended, AgeboError), repr(ended)
    assert victim.read_bytes() == before


def log_to(path, reporter):
    with logging_to(path, reporter):
        logging.getLogger("agebo_hpc.test").info("a line")


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "nowhere", "full"])
def test_a_log_that_cannot_be_written_costs_the_log_alone(tmp_path, kind):
    path, victim = tmp_path / "log.txt", tmp_path / "victim"
    reporter = ListReporter()
    victim.write_text("mine")
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "nowhere":
        path = tmp_path / "nowhere" / "log.txt"
    else:
        path.symlink_to("/dev/full")
    assert in_time(lambda: log_to(path, reporter)) is None
    (said,) = reporter.warnings
    assert "Cannot write" in said and "log.txt" in said
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("name", [".model.123.part", ".model.123.old"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_a_killed_retraining_left_hinders_nothing(run, name, kind):
    for left in (run.path / name, hidden_beside(run.path / "model")):
        if kind == "folder":
            left.mkdir()
            (left / "network.keras").write_bytes(b"half")
        else:
            left.write_bytes(b"half")
    History.open(RunDirectory.open(run.path)).close()
    read_replay(run.path)
    assert (run.path / name).exists(), "it may be another program's"


def test_a_leftover_alone_does_not_occupy_a_place(tmp_path):
    (tmp_path / ".config.toml.123.part").mkdir()
    RunDirectory.create(tmp_path, {"search": {"seed": 1}})


def test_of_programs_that_make_a_run_at_once_one_wins_whole(tmp_path):
    for attempt in range(10):
        path = tmp_path / f"run{attempt}"
        start, ends = threading.Barrier(6), {}

        def make(number, path=path, start=start, ends=ends):
            start.wait()
            try:
                ends[number] = RunDirectory.create(path, {"search": {"seed": number}})
            except UsageError as error:
                ends[number] = error

        threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [number for number, end in ends.items() if isinstance(end, RunDirectory)]
        assert len(winners) == 1, ends
        assert RunDirectory.open(path).config == {"search": {"seed": winners[0]}}
        assert sorted(file.name for file in path.iterdir()) == ["config.toml", "models"]
        assert all("exists and holds" in str(e) for n, e in ends.items() if n != winners[0])


def test_names_that_are_no_text_come_back(tmp_path):
    name = os.fsdecode(b"/data/caf\xe9 \xff.h5")
    run = RunDirectory.create(tmp_path / "run", {"problem": {"data": name}})
    assert run.config["problem"]["data"] == name
    History.open(run).close()
    run.config_path.unlink()
    assert RunDirectory.open(run.path).config["problem"]["data"] == name


@pytest.mark.parametrize("name", ["my run", "it's", "a$(touch x)", "a;b"])
def test_a_command_that_is_shown_can_be_typed(tmp_path, name):
    path = tmp_path / name
    RunDirectory.create(path, {"search": {"seed": 1}})
    with pytest.raises(UsageError) as raised:
        RunDirectory.create(path, {"search": {"seed": 1}})
    shown = str(raised.value).split("`")[1]
    assert shlex.split(shown) == ["agebo-hpc", "resume", str(path)]


@pytest.mark.parametrize("linked", ["models", "models/evaluation_3"])
def test_a_model_is_not_written_behind_a_link_in_a_run_directory(run, tmp_path, linked):
    assert place_in_run(run.path, "evaluation_3") == run.path / "models" / "evaluation_3"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = run.path / linked
    if place.is_dir():
        place.rmdir()
    place.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="is a link"):
        place_in_run(run.path, "evaluation_3")
