"""Who looks at a running search disturbs it in nothing, with locks of HDF5 and without."""

import subprocess
import sys
import time

import h5py
import pytest

from agebo_hpc.analysis.runs import read_run
from agebo_hpc.analysis.standing import standing
from agebo_hpc.storage.reader import read_history

ENDLESS = 100_000
SECONDS = 120


@pytest.mark.parametrize("locking", ["TRUE", "FALSE"])
def test_readers_see_it_grow_and_the_writer_writes_on(agebo, tmp_path, child_settings, locking):
    out = tmp_path / "run"
    env = {**child_settings, "HDF5_USE_FILE_LOCKING": locking}
    words = ["search", "--out", out, "--simulate", "lognormal:mean=0.01", "--seed", "3"]
    assert agebo(*words, "--max-evals", "5", env=env, process=True).returncode == 0
    command = [sys.executable, "-m", "agebo_hpc", *words, "--resume", "--max-evals", str(ENDLESS)]
    # A reader that never lets go of the file that is there now.
    with h5py.File(out / "history.h5", "r", locking=locking == "TRUE") as held:
        search = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        try:
            seen = [5]
            deadline = time.monotonic() + SECONDS
            while len(set(seen)) < 5:
                assert search.poll() is None and time.monotonic() < deadline, seen
                seen.append(standing(read_run(out))["finished"])
            (out / "STOP").touch()
            _, text = search.communicate(timeout=SECONDS)
            assert search.returncode == 75, text
        finally:
            search.kill()
            search.communicate()
        assert len(held["evaluations/evaluation_id"]) == 5
    assert seen == sorted(seen)
    found = read_history(out)
    assert list(found["evaluation_id"]) == list(range(len(found)))
    assert len(found) >= seen[-1] >= 9
    assert "Cannot write" not in (out / "log.txt").read_text()
    with h5py.File(out / "history.h5", "r") as file:
        assert len(file["evaluations/evaluation_id"]) == len(found)
