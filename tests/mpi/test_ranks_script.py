"""scripts/ranks.sh: what a killed launcher left behind does not stop the next one."""

import os
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
