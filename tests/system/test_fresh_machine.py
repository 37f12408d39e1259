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


@pytest.mark.parametrize(
    "words", [[], ["Trixie"], ["--keep"], ["trixie", "horovod"], ["trixie", "-x"]]
)
def test_a_word_that_means_nothing_shows_how_it_is_called(words):
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "scripts/fresh_machine.sh SUITE" in done.stderr


@needs_root
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
    end = time.monotonic() + 60
    while not begun.exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert list(place.iterdir()) == []
    assert str(place) not in Path("/proc/mounts").read_text()
    end = time.monotonic() + 20
    while left := [p for p in psutil.process_iter() if session(p.pid) == process.pid]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


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
