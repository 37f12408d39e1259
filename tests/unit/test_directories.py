"""Directories take their place whole; the old or the new one is always under the name."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from agebo_hpc import directories
from agebo_hpc.directories import NewFiles, new_directory, put_back


def fill(place, text):
    (place / "inner").mkdir()
    (place / "model.json").write_text(text)
    (place / "inner" / "weights").write_text(text)


def read(place):
    texts = {(place / "model.json").read_text(), (place / "inner" / "weights").read_text()}
    assert len(texts) == 1, "half old, half new"
    return texts.pop()


def make(place, text, replace=False):
    with new_directory(place, replace) as new:
        fill(new, text)


@pytest.fixture(params=["exchange", "no exchange"])
def exchange(request, monkeypatch):
    """Run with a file system that can exchange two names, and with one that cannot."""
    if request.param == "no exchange":

        def refuse(one, other):
            raise OSError(22, "Invalid argument")

        monkeypatch.setattr(directories, "_exchange", refuse)


@pytest.mark.usefixtures("exchange")
def test_a_directory_takes_its_place_and_another_ones(tmp_path):
    out = tmp_path / "out"
    make(out, "one")
    out.chmod(0o750)
    make(out, "two", replace=True)
    assert read(out) == "two"
    assert stat.S_IMODE(out.stat().st_mode) == 0o750
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.usefixtures("exchange")
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_one_and_nothing_else(tmp_path, error):
    make(tmp_path / "out", "one")
    with pytest.raises(error), new_directory(tmp_path / "out", True) as new:
        fill(new, "two")
        raise error
    assert read(tmp_path / "out") == "one"
    assert os.listdir(tmp_path) == ["out"]


def test_what_is_there_is_not_replaced_unasked(tmp_path):
    make(tmp_path / "out", "one")
    with pytest.raises(OSError, match="not empty"):
        make(tmp_path / "out", "two")
    assert read(tmp_path / "out") == "one"
    assert os.listdir(tmp_path) == ["out"]


def test_an_empty_directory_may_be_there(tmp_path):
    (tmp_path / "out").mkdir()
    make(tmp_path / "out", "one")
    assert read(tmp_path / "out") == "one"


def test_a_link_is_followed(tmp_path):
    make(tmp_path / "target", "one")
    (tmp_path / "link").symlink_to("target")
    make(tmp_path / "link", "two", replace=True)
    assert (tmp_path / "link").is_symlink() and read(tmp_path / "target") == "two"


WRITER = """
import os, sys, signal
from agebo_hpc import directories
from tests.unit.test_directories import make
def refuse(one, other):
    raise OSError(22, "Invalid argument")
if {slow}:
    directories._exchange = refuse
rename, calls = os.rename, []
def killed(*names):
    rename(*names)
    calls.append(names)
    if len(calls) == {at}:
        os.kill(os.getpid(), signal.SIGKILL)
os.rename = killed
make({out!r}, "new", replace=True)
"""


def killed_writer(out, slow, at):
    code = WRITER.format(out=str(out), slow=slow, at=at)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60)
    assert done.returncode == -signal.SIGKILL


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_a_kill_between_two_names_is_mended_by_the_next_reader(tmp_path):
    out = tmp_path / "out"
    make(out, "old")
    killed_writer(out, slow=True, at=1)
    assert not out.exists()
    put_back(out)
    assert read(out) == "old"


@pytest.mark.parametrize("at", [1, 2])
def test_a_kill_between_two_names_is_mended_by_the_next_writer(tmp_path, at):
    out = tmp_path / "out"
    make(out, "old")
    killed_writer(out, slow=True, at=at)
    with pytest.raises(OSError, match="not empty"):
        make(out, "third")
    assert read(out) == ("old" if at == 1 else "new")
    make(out, "third", replace=True)
    assert read(out) == "third" and os.listdir(tmp_path) == ["out"]


def test_what_a_living_writer_moved_aside_is_not_put_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    make(out, "old")
    aside = directories.hidden_beside(out, "old")
    out.rename(aside)
    put_back(out)
    assert not out.exists()


def test_kills_at_any_moment_leave_the_old_or_the_new_one(tmp_path):
    out = tmp_path / "out"
    make(out, "0")
    code = (
        "import itertools, sys\nfrom tests.unit.test_directories import make\nprint(flush=True)\n"
    )
    code += "for n in itertools.count(): make(sys.argv[1], str(n), replace=True)"
    for number in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(out)], cwd=ROOT, stdout=subprocess.PIPE
        ) as writer:
            writer.stdout.readline()
            time.sleep(0.005 + 0.003 * number)
            writer.kill()
        assert read(out).isdigit()
    make(out, "last", replace=True)
    assert read(out) == "last" and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_that_was_made_and_all_that_was_there(tmp_path, error):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mine").write_text("mine")
    with pytest.raises(type(error)), NewFiles() as new:
        new.directory(tmp_path / "old")
        new.directory(tmp_path / "a" / "b")
        for place in (tmp_path / "a" / "b" / "new", tmp_path / "old" / "mine"):
            new.file(place).write_text("new")
        new.directory(tmp_path / "shared")
        (tmp_path / "shared" / "of another program").touch()
        raise error
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["old", "old/mine", "shared", "shared/of another program"]


def test_what_was_made_stays_where_all_goes_well_and_a_file_is_no_directory(tmp_path):
    with NewFiles() as new:
        new.directory(tmp_path / "a" / "b")
        new.file(tmp_path / "a" / "b" / "new").write_text("new")
    assert (tmp_path / "a" / "b" / "new").read_text() == "new"
    with pytest.raises(NotADirectoryError):
        NewFiles().directory(tmp_path / "a" / "b" / "new")


WRITERS = {
    "file": "with new_file(out) as file:\n    file.write(bytes(1000)); arrive()",
    "directory": "with new_directory(out, True) as new:\n    (new / 'a').touch(); arrive()",
    "own file": "os.fsync = lambda descriptor: arrive()\nwrite_atomically(out, b'new')",
}
SIGNALLED = """
import os, signal, sys
from pathlib import Path
from agebo_hpc.directories import new_directory
from agebo_hpc.files import new_file, write_atomically
out = Path(sys.argv[1])
def arrive():
    for _ in range(2):
        os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.usefixtures("heard_hangups")
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_ends_a_writer_leaves_nothing(tmp_path, writer, number):
    out = tmp_path / "out"
    if writer == "directory":
        out.mkdir()
        (out / "old").touch()
    else:
        out.write_text("old")
    before = sorted(tmp_path.rglob("*"))
    words = [sys.executable, "-c", SIGNALLED + WRITERS[writer], str(out), str(int(number))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == -number, done.stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert writer == "directory" or out.read_text() == "old"


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_what_a_program_does_with_a_signal_stays_its_own(tmp_path, handler):
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with new_directory(tmp_path / "out") as new:
            assert signal.getsignal(signal.SIGTERM) is handler
            os.kill(os.getpid(), signal.SIGTERM)
            (new / "whole").touch()
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "whole"]


def test_a_directory_is_made_outside_of_the_main_thread_too(tmp_path):
    thread = threading.Thread(target=make, args=(tmp_path / "out", "new"))
    thread.start()
    thread.join()
    assert read(tmp_path / "out") == "new"
