"""scripts/ranks.sh: what a killed launcher left stops no other one; Ctrl-C ends ranks in order."""

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

RANKS = Path(__file__).parents[2] / "scripts" / "ranks.sh"

pytestmark = pytest.mark.mpi


def test_a_killed_launchers_files_under_its_process_id_are_passed_by(
    mpirun, child_settings, tmp_path
):
    env = {**child_settings, "TMPDIR": str(tmp_path)}
    del env["PRTE_MCA_prte_local_tmpdir_base"]
    begun = tmp_path / "begun"
    first = subprocess.Popen(
        [RANKS, "1", "bash", "-c", f"touch {begun}; exec sleep 60"],
        env=env,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 30
        while not begun.exists():
            assert first.poll() is None and time.monotonic() < end
            time.sleep(0.05)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    left = tmp_path / f"ompi.{first.pid}"
    if not left.exists():
        pytest.skip("this MPI leaves no directory of its process id")

    # The next process that becomes a launcher has the same id, as after a round of all ids.
    become = f'mv "$0" {tmp_path}/ompi.$$; exec {RANKS} 1 echo "here"'
    done = subprocess.run(
        ["bash", "-c", become, left], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "here\n"


LAUNCHER = """#!/usr/bin/env bash
[ "$1" != --version ] || exit 0
trap 'echo told to end; sleep 0.5; echo ended in order; exit 75' USR2
trap 'echo killed; exit 1' INT
echo ready
for _ in $(seq 300); do sleep 0.1; done
"""


def in_a_terminal(words, presses):
    """Run a command on a terminal, press Ctrl-C as each text is there; return code and output."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[0], words)
    shown, waited_for = "", list(presses)
    while True:
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # The end, on Linux.
            break
        if waited_for and waited_for[0] in shown:
            waited_for.pop(0)
            os.write(terminal, b"\x03")
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown


@pytest.mark.parametrize(
    ("presses", "code", "word"),
    [(["ready"], 75, "ended in order"), (["ready", "told to end"], 1, "killed")],
)
def test_a_key_press_ends_the_ranks_in_order_and_a_second_one_at_once(
    tmp_path, monkeypatch, presses, code, word
):
    launcher = tmp_path / "mpirun"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found, shown = in_a_terminal([str(RANKS), "2", "agebo-hpc"], presses)
    assert (found, word in shown) == (code, True), shown


def test_the_code_of_ranks_that_end_by_themselves_is_that_of_the_script(tmp_path, monkeypatch):
    launcher = tmp_path / "mpirun"
    launcher.write_text('#!/usr/bin/env bash\necho "ranks: $*"; exit 7\n')
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert in_a_terminal([str(RANKS), "2", "agebo-hpc"], []) == (7, "ranks: -n 2 agebo-hpc\r\n")
