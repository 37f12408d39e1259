"""Files take their place whole or not at all, wherever they are written to."""

import io
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from agebo_hpc import files, leftovers
from agebo_hpc.errors import UsageError
from agebo_hpc.patient_file import PatientFile

STRANGER = 12345
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes others' files")


@contextmanager
def no_file_beyond(size):
    """Let files grow to `size` bytes only, as on a disk that is full."""
    old_signal = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, old_signal)


@contextmanager
def umask(mask):
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_takes_its_place_when_the_block_ends(tmp_path):
    out = tmp_path / "out"
    out.write_bytes(b"old")
    with files.new_file(out) as file:
        file.write(b"new")
        assert out.read_bytes() == b"old"
    assert out.read_bytes() == b"new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    out = tmp_path / "out"
    out.write_bytes(b"old")
    with pytest.raises(error), files.new_file(out) as file:
        file.write(b"new")
        raise error
    assert out.read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("size", [10, 100_000])
def test_no_room_is_an_error_of_the_system_and_leaves_nothing(tmp_path, size):
    with no_file_beyond(5), pytest.raises(OSError, match="File too large"):
        files.write_file(tmp_path / "out", bytes(size))
    assert names(tmp_path) == []


def test_an_error_is_not_hidden_by_the_rest_that_finds_no_room(tmp_path):
    with (
        no_file_beyond(5),
        pytest.raises(KeyboardInterrupt),
        files.new_file(tmp_path / "out") as file,
    ):
        file.write(bytes(100))
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_writer_may_close_its_file(tmp_path):
    with files.new_file(tmp_path / "out") as file, io.TextIOWrapper(file) as text:
        text.write("all of it")
    assert (tmp_path / "out").read_text() == "all of it"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_of_the_umask(tmp_path, mask):
    with umask(mask):
        files.write_file(tmp_path / "out", "x")
    assert mode(tmp_path / "out") == 0o666 & ~mask


@pytest.mark.parametrize("old", [0o600, 0o640, 0o664, 0o444])
def test_a_replaced_file_keeps_its_mode(tmp_path, old):
    out = tmp_path / "out"
    out.touch()
    out.chmod(old)
    files.write_file(out, "x")
    assert mode(out) == old


@root_only
def test_a_replaced_file_keeps_its_owner(tmp_path):
    out = tmp_path / "out"
    out.touch()
    os.chown(out, STRANGER, STRANGER)
    files.write_file(out, "x")
    assert out.stat().st_uid == STRANGER


@pytest.mark.parametrize("steps", [1, 3])
def test_a_link_is_followed_and_its_target_replaced(tmp_path, steps):
    home = tmp_path / "home"
    home.mkdir()
    (home / "target").write_bytes(b"old")
    last = tmp_path / "link"
    last.symlink_to("home/target")
    for number in range(1, steps):
        further = tmp_path / f"link{number}"
        further.symlink_to(last.name)
        last = further
    files.write_file(last, b"new")
    assert last.is_symlink()
    assert (home / "target").read_bytes() == b"new"
    assert names(home) == ["target"]


def test_a_link_to_nothing_makes_its_target(tmp_path):
    (tmp_path / "link").symlink_to("target")
    files.write_file(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text() == "x"


def test_a_circle_of_links_is_an_error(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="Too many levels"):
        files.write_file(tmp_path / "one", "x")


@root_only
def test_a_link_of_a_stranger_in_a_directory_of_all_is_not_followed(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "out").symlink_to(tmp_path / "victim")
    os.chown(shared / "out", STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(PermissionError, match="another user"):
        files.write_file(shared / "out", "x")
    assert not (tmp_path / "victim").exists()


def test_a_fifo_is_written_to_and_stays(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    with files.new_file(fifo) as file:
        file.write(b"one ")
        file.write(b"two")
    reader.join(10)
    assert read == [b"one two"]
    assert stat.S_ISFIFO(fifo.stat().st_mode) and names(tmp_path) == ["fifo"]


@pytest.mark.parametrize("seekable", [False, True])
def test_a_device_is_written_to_and_stays(tmp_path, seekable):
    (tmp_path / "link").symlink_to("/dev/null")
    for path in ("/dev/null", tmp_path / "link"):
        with files.new_file(path, seekable=seekable) as file:
            file.write(b"x")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_writer_that_goes_back_can_write_to_a_stream(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    with files.new_file(fifo, seekable=True) as file:
        file.write(b"xxxx")
        file.seek(1)
        file.write(b"yy")
    reader.join(10)
    assert read == [b"xyyx"]


STREAMS = """
from agebo_hpc.files import write_file
print("before")
write_file({path!r}, "middle\\n")
print("after")
"""


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_what_is_open_is_written_to_where_it_stands(tmp_path, path, to):
    code = STREAMS.format(path=path)
    words = [sys.executable, "-c", code]
    if to == "pipe":
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    else:
        held = tmp_path / "held"
        held.write_text("first\n")
        with held.open("a") as file:
            subprocess.run(words, stdout=file, check=True)
        first, _, said = held.read_text().partition("\n")
        assert first == "first" and names(tmp_path) == ["held"]
    assert said == "before\nmiddle\nafter\n"


def test_a_reader_that_goes_away_is_no_error_of_the_place():
    read, write = os.pipe()
    os.close(read)
    try:
        path = f"/dev/fd/{write}"
        with pytest.raises(BrokenPipeError), files.writing("OUT", path):
            files.write_file(path, bytes(100_000))
    finally:
        os.close(write)


def test_a_name_that_is_as_long_as_names_may_be(tmp_path):
    for name in ("x" * 255, "ü" * 127):
        files.write_file(tmp_path / name, "x")
        assert names(tmp_path) == [name]
        (tmp_path / name).unlink()


def test_a_name_that_is_not_utf_8(tmp_path):
    out = tmp_path / os.fsdecode(b"caf\xe9.csv")
    files.write_file(out, "x")
    assert out.read_text() == "x"


def test_a_planted_name_does_nothing(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    planted = tmp_path / ".out.planted.part"
    planted.symlink_to(victim)
    monkeypatch.setattr(files, "hidden_beside", lambda place: planted)
    with pytest.raises(FileExistsError):
        files.write_file(tmp_path / "out", "x")
    assert victim.read_text() == "mine"
    assert planted.is_symlink()


def test_hidden_names_cannot_be_guessed(tmp_path):
    made = {leftovers.hidden_beside(tmp_path / "out") for _ in range(100)}
    assert len(made) == 100


def test_a_directory_in_the_place_of_a_file_is_one_line(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="Is a directory"), files.writing("--out", "out"):
        files.write_file(tmp_path / "out", "x")
    assert names(tmp_path) == ["out"]


def dead_process():
    """Return number and start of a process that has ended."""
    code = "from agebo_hpc.leftovers import hidden_beside as h; from pathlib import Path as P;"
    code += "print(h(P('out')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout.strip()


def test_what_a_dead_program_left_goes_with_the_next_call(tmp_path):
    (tmp_path / dead_process()).write_bytes(b"half")
    files.write_file(tmp_path / "out", "x")
    assert names(tmp_path) == ["out"]


def test_what_a_living_program_writes_stays(tmp_path):
    code = "import time; from agebo_hpc.files import new_file\n"
    code += "with new_file('out') as f: print(flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        [hidden] = names(tmp_path)
        files.write_file(tmp_path / "out", "x")
        assert names(tmp_path) == [hidden, "out"]
        writer.kill()
        # It is dead, be it that nobody has asked for its exit code yet.
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
        files.write_file(tmp_path / "out", "x")
        assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("change", ["host", "name", "old style"])
def test_what_others_left_stays(tmp_path, change):
    name = dead_process()
    where = name.split(".")[2].split("-")[0]
    other = {
        "host": name.replace(where, "00000000"),
        "name": name.replace(".out.", ".out2."),
        "old style": ".out.123.part",
    }[change]
    (tmp_path / other).write_bytes(b"half")
    files.write_file(tmp_path / "out", "x")
    assert names(tmp_path) == [other, "out"]


@root_only
def test_what_another_user_left_stays(tmp_path):
    left = tmp_path / dead_process()
    left.write_bytes(b"half")
    os.chown(left, STRANGER, STRANGER)
    files.write_file(tmp_path / "out", "x")
    assert left.exists()


@pytest.mark.parametrize("has_links", [True, False])
def test_of_several_that_make_a_file_one_succeeds(tmp_path, monkeypatch, has_links):
    if not has_links:

        def link(*_):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)
    out = tmp_path / "out"
    ends = []
    start = threading.Barrier(8)

    def make(number):
        start.wait()
        try:
            files.create_atomically(out, str(number).encode())
            ends.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = ends
    assert out.read_text() == str(winner)
    assert names(tmp_path) == ["out"]


FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "directory", "device"])
def test_nothing_but_a_file_is_opened_in_a_run_directory(tmp_path, kind):
    path = tmp_path / "log.txt"
    (tmp_path / "victim").write_text("mine")
    if kind in ("link", "dangling"):
        path.symlink_to("victim" if kind == "link" else "nothing")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("no devices can be made here")
    for flags in (FLAGS, os.O_WRONLY | os.O_CREAT):
        with pytest.raises(OSError):
            files.open_own(path, flags)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


@root_only
def test_a_second_name_of_a_strangers_file_is_not_opened(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.chown(victim, STRANGER, STRANGER)
    os.link(victim, tmp_path / "log.txt")
    with pytest.raises(PermissionError, match="another user"):
        files.open_own(tmp_path / "log.txt", FLAGS)
    victim.unlink()
    os.close(files.open_own(tmp_path / "log.txt", FLAGS))


def test_a_fifo_is_not_waited_for_in_reading(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="FIFO"):
        files.read_file(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"x")
    assert files.read_file(tmp_path / "file") == b"x"


@pytest.mark.parametrize("size", [100, 3000, 100_000])
def test_hdf5_never_sees_a_failed_write(tmp_path, size):
    with (
        no_file_beyond(size),
        pytest.raises(OSError, match="File too large"),
        files.new_file(tmp_path / "out.h5") as raw,
    ):
        patient = PatientFile(raw)
        with h5py.File(patient, "w") as file:
            for number in range(20):
                file.create_dataset(f"x{number}", data=np.ones(10_000))
        patient.check()
    assert names(tmp_path) == []


def test_hdf5_writes_what_it_is_given(tmp_path):
    with files.new_file(tmp_path / "out.h5") as raw:
        patient = PatientFile(raw)
        with h5py.File(patient, "w") as file:
            file.create_dataset("x", data=np.arange(10_000))
            file.attrs["format"] = "some"
        patient.check()
    with h5py.File(tmp_path / "out.h5") as file:
        assert np.array_equal(file["x"][:], np.arange(10_000)) and file.attrs["format"] == "some"
