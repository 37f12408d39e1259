"""Kills, full disks and damaged files: the old state, the new one, or a one-line error."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agebo_hpc.errors import AgeboError, DataError
from agebo_hpc.space.configuration import Evaluation, Result
from agebo_hpc.storage.history import History
from agebo_hpc.storage.reader import read_history, read_replay
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., Result]
MakeEvaluation = Callable[[int], Evaluation]
ROOT = Path(__file__).parents[3]


def reopen(run: RunDirectory) -> tuple[list[int], list[int], object, int]:
    history = History.open(RunDirectory.open(run.path))
    try:
        state = history.search_state
        return [r.id for r in history.results], list(history.pending), state, history.covered
    finally:
        history.close()


def test_a_torn_last_line_is_cut_off_wherever_it_is_torn(
    filled: RunDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    filled.history_path.unlink()
    filled.copy_path.unlink()
    whole = filled.journal_path.read_bytes()
    begin = whole.rstrip(b"\n").rfind(b"\n") + 1
    caplog.set_level(logging.CRITICAL, "agebo_hpc")
    for end in range(begin, len(whole), 7):
        filled.journal_path.write_bytes(whole[:end])
        assert list(read_history(filled.path).evaluation_id) == [0, 1, 2, 3]
    for end in (begin, begin + 1, begin + 20, len(whole) - 2, len(whole) - 1):
        filled.journal_path.write_bytes(whole[:end])
        assert reopen(filled)[:2] == ([0, 1, 2, 3], [4, 5, 6])
        assert filled.journal_path.read_bytes() == whole[:begin]
        filled.history_path.unlink()
        filled.copy_path.unlink()


def test_a_cut_off_line_is_said_and_the_journal_goes_on(
    filled: RunDirectory, make_result: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with filled.journal_path.open("ab") as file:
        file.write(b'{"crc32":"0123')
    history = History.open(filled)
    assert "unfinished line" in caplog.text
    history.append(make_result(5))
    history.close()
    assert reopen(filled)[0] == [0, 1, 2, 3, 4, 5]


def change_a_value(lines: list[bytes]) -> list[bytes]:
    return [*lines[:9], lines[9].replace(b"0.5", b"0.9", 1), *lines[10:]]


def lose_a_line(lines: list[bytes]) -> list[bytes]:
    return lines[:9] + lines[10:]


def lose_newlines(lines: list[bytes]) -> list[bytes]:
    return [*lines[:8], lines[8].rstrip() + lines[9].rstrip() + lines[10]]


def blank_the_end(lines: list[bytes]) -> list[bytes]:
    return [*lines[:9], bytes(len(b"".join(lines[9:])))]


def cut_short(lines: list[bytes]) -> list[bytes]:
    return lines[:9]


def repeat(lines: list[bytes]) -> list[bytes]:
    return lines + lines[5:]


def scribble(lines: list[bytes]) -> list[bytes]:
    return [*lines[:5], b"?\n", *lines[5:]]


DAMAGES = [scribble, change_a_value, lose_a_line, lose_newlines, blank_the_end, cut_short, repeat]
Damage = Callable[[list[bytes]], list[bytes]]


def damage_file(file: Path, damage: Damage) -> bytes:
    """Damage a journal; return what it held."""
    before = file.read_bytes()
    file.write_bytes(b"".join(damage(before.splitlines(keepends=True))))
    return before


@pytest.mark.parametrize("damage", [*DAMAGES, lambda lines: []])
def test_a_damaged_journal_is_made_whole_from_its_copy(
    filled: RunDirectory, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    whole = read_history(filled.path)
    before = damage_file(filled.journal_path, damage)
    assert read_history(filled.path).drop(columns="curve").equals(whole.drop(columns="curve"))
    caplog.clear()
    assert reopen(filled) == ([0, 1, 2, 3, 4], [5, 6], {"told": 3}, 3)
    assert str(filled.journal_path) in caplog.text
    assert filled.journal_path.read_bytes() == filled.copy_path.read_bytes() == before


@pytest.mark.parametrize("damage", [*DAMAGES, lambda lines: []])
def test_a_damaged_copy_of_the_journal_is_made_anew(
    filled: RunDirectory, damage: Damage, make_result: Make
) -> None:
    before = damage_file(filled.copy_path, damage)
    assert len(read_history(filled.path)) == 5
    history = History.open(filled)
    assert filled.copy_path.read_bytes() == filled.journal_path.read_bytes() == before
    history.append(make_result(5))
    history.close()
    assert filled.copy_path.read_bytes() == filled.journal_path.read_bytes() != before


def test_lines_damaged_in_the_journal_and_others_in_the_copy_are_all_mended(
    filled: RunDirectory,
) -> None:
    before = damage_file(filled.journal_path, lambda lines: lines[:3] + lines[5:])
    damage_file(
        filled.copy_path, lambda lines: [*lines[:9], b"?\n", b"\0" * 9 + b"\n", *lines[11:]]
    )
    assert reopen(filled)[:2] == ([0, 1, 2, 3, 4], [5, 6])
    assert filled.journal_path.read_bytes() == filled.copy_path.read_bytes() == before


@pytest.mark.parametrize("damage", [change_a_value, lose_a_line])
def test_a_line_that_is_damaged_in_both_is_named(filled: RunDirectory, damage: Damage) -> None:
    for file in (filled.journal_path, filled.copy_path):
        damage_file(file, damage)
    for read in (read_history, lambda path: History.open(RunDirectory.open(path))):
        with pytest.raises(DataError, match="Line 10 of"):
            read(filled.path)


def test_the_last_lines_damaged_in_both_are_not_taken_for_an_interrupted_write(
    filled: RunDirectory,
) -> None:
    filled.history_path.unlink()
    for file in (filled.journal_path, filled.copy_path):
        damage_file(file, lambda lines: [*lines[:-2], b"?\n", b"?\n"])
    with pytest.raises(DataError, match="no interrupted write"):
        History.open(filled)


def test_a_copy_of_another_search_is_not_mixed_in(filled: RunDirectory, tmp_path: Path) -> None:
    other = RunDirectory.create(tmp_path / "other", {"search": {"method": "age"}})
    history = History.open(other)
    for number in range(90):
        history.session("start", {"slots": number})
    history.close()
    filled.copy_path.write_bytes(other.journal_path.read_bytes())
    with pytest.raises(DataError, match="not of one search"):
        read_history(filled.path)


def test_a_kill_while_a_journal_is_mended_leaves_every_line_in_one_of_the_two(
    filled: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = damage_file(filled.journal_path, lose_a_line)
    real = os.write

    def die(descriptor: int, data: bytes) -> int:
        real(descriptor, data[: len(data) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", die)
        with pytest.raises(KeyboardInterrupt):
            History.open(filled)
    assert filled.journal_path.read_bytes() != before
    assert reopen(filled)[:2] == ([0, 1, 2, 3, 4], [5, 6])
    assert filled.journal_path.read_bytes() == before


def test_a_copy_that_finds_no_room_costs_nothing_but_itself(
    filled: RunDirectory,
    make_result: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    history = History.open(filled)
    real, copy = os.write, history._journal._copy

    def fail(descriptor: int, data: bytes) -> int:
        if descriptor == copy:
            real(descriptor, data[:30])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        history.append(make_result(5))
    assert "No space left on device" in caplog.text
    history.append(make_result(6))
    history.close()
    assert len(read_history(filled.path)) == 7
    assert reopen(filled)[0] == [0, 1, 2, 3, 4, 5, 6]
    assert filled.journal_path.read_bytes() == filled.copy_path.read_bytes()


@pytest.mark.parametrize("keep", [0, 1, 5])
def test_a_journal_cut_short_is_not_taken_for_the_whole(filled: RunDirectory, keep: int) -> None:
    for file in (filled.journal_path, filled.copy_path):
        damage_file(file, lambda lines: lines[:keep])
    for read in (read_history, lambda path: History.open(RunDirectory.open(path))):
        with pytest.raises(DataError, match="cut short"):
            read(filled.path)


def test_a_missing_journal_is_not_taken_for_an_empty_one(filled: RunDirectory) -> None:
    filled.journal_path.unlink()
    filled.copy_path.unlink()
    with pytest.raises(DataError, match="cut short"):
        History.open(filled)


def test_a_changed_configuration_is_refused_with_both_values(filled: RunDirectory) -> None:
    file = filled.path / "config.toml"
    file.write_text(file.read_text().replace("agebo", "age"))
    both = r"config\.toml.* says search\.method is 'age'; in the search it is 'agebo'"
    with pytest.raises(DataError, match=both):
        History.open(RunDirectory.open(filled.path))
    with pytest.raises(DataError, match=both):
        read_history(filled.path)


@pytest.mark.parametrize("content", [None, b"", b"a = ", b"\xff\xfe", b"[a]\n[a]\n"])
def test_a_lost_configuration_is_made_anew_from_the_journal(
    filled: RunDirectory, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    history = History.open(filled)
    history.change_config({"search": {"method": "age", "seed": 3}}, {})
    history.close()
    before = filled.config_path.read_bytes()
    if content is None:
        filled.config_path.unlink()
    else:
        filled.config_path.write_bytes(content)
    if content == b"":
        # An empty file is TOML, and another configuration.
        with pytest.raises(DataError, match="search"):
            read_history(filled.path)
        filled.config_path.unlink()
    assert len(read_history(filled.path)) == 5
    assert "configuration is taken from the journal" in caplog.text
    assert not filled.config_path.exists() or filled.config_path.read_bytes() == content
    History.open(RunDirectory.open(filled.path)).close()
    assert filled.config_path.read_bytes() == before
    assert RunDirectory.open(filled.path).config == {"search": {"method": "age", "seed": 3}}


@pytest.mark.parametrize("damage", ["missing", "empty", "other", "flipped", "truncated"])
def test_a_lost_snapshot_is_made_anew_from_the_journal(
    filled: RunDirectory, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(filled.history_path.read_bytes())
    data[len(data) // 2] ^= 4
    contents = {"empty": b"", "other": b"\x89HDF\r\n", "truncated": bytes(data[:900])}
    filled.history_path.write_bytes(contents.get(damage, bytes(data)))
    if damage == "missing":
        filled.history_path.unlink()
    assert reopen(filled) == ([0, 1, 2, 3, 4], [5, 6], None, 0)
    assert "made anew" in caplog.text
    caplog.clear()
    reopen(filled)
    assert "made anew" not in caplog.text


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(["journal.jsonl", "journal.copy.jsonl", "history.h5", "config.toml"]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.none() | st.integers(0, 7),
)
def test_any_flipped_bit_or_cut_gives_a_valid_state_or_a_one_line_error(
    filled: RunDirectory, name: str, where: float, bit: int | None
) -> None:
    files = [file for file in filled.path.iterdir() if file.is_file()]
    contents = {file: file.read_bytes() for file in files}
    data = bytearray(contents[filled.path / name])
    position = int(where * len(data))
    if bit is None:
        del data[position:]
    else:
        data[position] ^= 1 << bit
    (filled.path / name).write_bytes(data)
    try:
        results, pending, _, _ = reopen(filled)
        assert (results, pending) == ([0, 1, 2, 3, 4], [5, 6])
    except AgeboError as error:
        assert name == "config.toml"
        assert error.exit_code == 65
        assert "\n" not in str(error)
    finally:
        for file, content in contents.items():
            file.write_bytes(content)


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_full_disk_gives_an_error_and_the_result_is_not_acknowledged(
    filled: RunDirectory, make_result: Make, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    history = History.open(filled)
    before = filled.journal_path.read_bytes()
    real = os.write

    def fail(descriptor: int, data: bytes = b"") -> int:
        if data:
            real(descriptor, data[:30])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(AgeboError, match="No space left on device"):
            history.append(make_result(5))
    assert [r.id for r in history.results] == [0, 1, 2, 3, 4]
    with pytest.raises(AgeboError, match="closed after a failed write"):
        history.append(make_result(5))
    # What a search does at its end must not hide the first error.
    assert not history.snapshot({}, force=True)
    history.session("end", {})
    history.close()
    assert filled.journal_path.read_bytes() == before
    assert reopen(filled)[:2] == ([0, 1, 2, 3, 4], [5, 6])


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_kill_at_any_step_of_a_snapshot_leaves_the_old_or_the_new(
    filled: RunDirectory, make_result: Make, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    outcomes = set()
    real = getattr(os, step)
    for fatal in range(5):
        history = History.open(filled)
        calls = iter(range(10))

        def die(*arguments: object, calls=calls, fatal=fatal) -> None:  # type: ignore[no-untyped-def]
            if next(calls) == fatal:
                raise KeyboardInterrupt
            real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, step, die)
            try:
                history.snapshot({"fatal": fatal}, force=True)
            except KeyboardInterrupt:
                outcomes.add("killed")
            else:
                outcomes.add("written")
        history._journal.close()  # The lock dies with the process.
        results, pending, state, covered = reopen(filled)
        assert (results, pending) == ([0, 1, 2, 3, 4], [5, 6])
        assert (state, covered) in [({"told": 3}, 3)] + [({"fatal": n}, 5) for n in range(5)]
    assert outcomes == {"killed", "written"}


def test_a_snapshot_that_finds_no_room_leaves_the_previous_one(
    filled: RunDirectory,
    make_result: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    history = History.open(filled)
    before = filled.history_path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        assert not history.snapshot({"new": 1}, force=True)
    assert "No space left on device" in caplog.text
    assert filled.history_path.read_bytes() == before
    assert not list(filled.path.glob(".*"))
    history.append(make_result(5))
    history.close()
    assert reopen(filled) == ([0, 1, 2, 3, 4, 5], [6], {"new": 1}, 5)


CHILD = """
import sys
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory

history = History.open(RunDirectory.open(sys.argv[1]))
history.session("start", {"slots": 1})
while True:
    number = next(iter(history.pending), history.next_id)
    values = {"batch_size": 32, "learning_rate": 0.1, "num_processes": 1}
    evaluation = Evaluation(number, Configuration((1, 2), values))
    history.submitted(evaluation)
    history.append(Result(evaluation, Status.DONE, objective=number / 10))
    print(number, flush=True)
    history.snapshot({"told": number}, force=number % 3 == 0)
"""


def test_every_acknowledged_result_survives_kill_nine(run: RunDirectory) -> None:
    acknowledged = -1
    for session in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(run.path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert child.stdout is not None
        for line, _ in zip(child.stdout, range(10 + 3 * session), strict=False):
            acknowledged = int(line)
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(n) for n in child.stdout if n.endswith(b"\n"))])
        child.stdout.close()
        assert child.wait(timeout=30) == -signal.SIGKILL
        replay = read_replay(run.path)
        ids = [result.id for result in replay.results]
        assert ids == list(range(len(ids)))
        assert len(ids) > acknowledged >= 10 * (session + 1) - 1
        assert [r.objective for r in replay.results] == [number / 10 for number in ids]
    assert len(replay.sessions) == 4


def test_a_lost_configuration_is_damage_and_not_a_missing_run(filled: RunDirectory) -> None:
    filled.config_path.unlink()
    for file in (filled.journal_path, filled.copy_path):
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"config\.toml is missing"):
        read_history(filled.path)


@pytest.mark.parametrize("left", [b"", b'{"crc32":"01'])
def test_a_journal_lost_before_the_first_snapshot_is_noticed(
    filled: RunDirectory, left: bytes
) -> None:
    filled.write_status({"state": "running"})
    filled.history_path.unlink()
    filled.copy_path.unlink()
    filled.journal_path.write_bytes(left)
    for read in (read_history, lambda path: History.open(RunDirectory.open(path))):
        with pytest.raises(DataError, match="holds no line and there is a status"):
            read(filled.path)


def test_what_a_killed_writer_left_goes_with_the_next_one(filled: RunDirectory) -> None:
    (filled.path / ".history.h5.123.part").write_bytes(b"half")
    reopen(filled)
    assert not list(filled.path.glob(".*"))


def test_a_directory_that_was_never_finished_is_made_again(tmp_path: Path) -> None:
    (tmp_path / ".config.toml.123.part").write_bytes(b"[se")
    run = RunDirectory.create(tmp_path, {"search": {"seed": 1}})
    assert run.config == {"search": {"seed": 1}}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.toml", "models"]
