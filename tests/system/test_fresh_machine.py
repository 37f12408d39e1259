"""A bare Debian system: what a user does on the first day works there, and nothing is left."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "fresh_machine.sh"

# Makes so much of a system that it can be seen whether it goes, and then takes for ever.
DEBOOTSTRAP = """#!/bin/sh
for tree; do [ ! -d "$tree" ] || break; done
mkdir "$tree/mounted" && mount -t tmpfs none "$tree/mounted" && touch "$tree/mounted/file"
touch "{begun}"
sleep 1000
"""

needs_root = pytest.mark.skipif(
    os.getuid() != 0
    or subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode
    != 0,
    reason="only root, with leave to make namespaces, can enter another system",
)


def session(pid):
    """Return the session of a process, 0 if it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def of_session(leader):
    """Return the processes of a session, as list."""
    return [process for process in psutil.process_iter() if session(process.pid) == leader]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["Trixie"],
        ["--keep"],
        ["trixie", "horovod"],
        ["trixie", "-x"],
        ["trixie", "--and"],
        ["trixie", "--and", ""],
        ["/nowhere", "--and", "true"],
        ["/"],
        ["./", "HOROVOD=0", "--and", "true"],
    ],
)
def test_a_word_that_means_nothing_shows_how_it_is_called(words):
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "scripts/fresh_machine.sh SUITE" in done.stderr


@needs_root
@pytest.mark.usefixtures("heard_hangups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_interrupted_leaves_no_mount_no_process_and_no_file(tmp_path, number):
    begun, place = tmp_path / "begun", tmp_path / "place"
    place.mkdir()
    for name in ("debootstrap", "git"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(DEBOOTSTRAP.format(begun=begun))
        program.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "TMPDIR": str(place)}
    # As a shell starts it: one that ignores Ctrl-C from the start could not hear it.
    process = subprocess.Popen([SCRIPT, "trixie"], env=env, start_new_session=True)
    try:
        end = time.monotonic() + 60
        while not begun.exists():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(60) == 130
        assert list(place.iterdir()) == []
        assert str(place) not in Path("/proc/mounts").read_text()
        end = time.monotonic() + 20
        while left := of_session(process.pid):
            assert time.monotonic() < end, left
            time.sleep(0.05)
    finally:
        # One that did not hear would go on behind the tests.
        for left_over in of_session(process.pid):
            left_over.kill()
        process.wait()


def small_system(tree):
    """Make a system that has a shell, an empty checkout and nothing else."""
    for name in ("proc", "dev", "sys", "usr/bin", "opt/agebo_hpc"):
        (tree / name).mkdir(parents=True)
    for program in ("bash", "env"):
        found = shutil.which(program)
        shutil.copy(found, tree / "usr/bin" / program)
        listing = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
        for word in listing.split():
            if word.startswith("/"):
                (tree / word[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(word, tree / word[1:])


@needs_root
def test_commands_are_all_run_in_a_system_that_was_kept(tmp_path):
    small_system(tmp_path)
    words = ['echo "in $PWD" >proof', "exit 3", "exit 4", "echo still >>proof"]
    done = subprocess.run(
        [SCRIPT, tmp_path, *(word for command in words for word in ("--and", command))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "== exit 3: code 3, " in done.stdout and "== exit 4: code 4, " in done.stdout
    assert (tmp_path / "opt/agebo_hpc/proof").read_text() == "in /opt/agebo_hpc\nstill\n"
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


@needs_root
@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("words", [[], ["HOROVOD=0"]], ids=["horovod", "no_horovod"])
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_first_day_on_a_bare_system(suite, words, tmp_path):
    if shutil.which("debootstrap") is None and shutil.which("apt-get") is None:
        pytest.skip("there is no debootstrap, and no apt-get to install it")
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [SCRIPT, suite, *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
    assert f"{suite}: all is well" in done.stdout
    assert list(tmp_path.iterdir()) == []
