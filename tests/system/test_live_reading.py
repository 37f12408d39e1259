"""Who looks at a running search disturbs it in nothing, with locks of HDF5 and without."""

import subprocess
import sys

import h5py
import pytest

from agebo_hpc.analysis.runs import read_run
from agebo_hpc.analysis.standing import standing
from agebo_hpc.storage.reader import read_history

EVALS = 120


@pytest.mark.parametrize("locking", ["TRUE", "FALSE"])
def test_readers_see_it_grow_and_the_writer_writes_on(agebo, tmp_path, child_settings, locking):
    out = tmp_path / "run"
    env = {**child_settings, "HDF5_USE_FILE_LOCKING": locking}
    words = ["search", "--out", out, "--simulate", "lognormal:mean=0.01", "--seed", "3"]
    assert agebo(*words, "--max-evals", "5", env=env).returncode == 0
    command = [sys.executable, "-m", "agebo_hpc", *words, "--resume", "--max-evals", str(EVALS)]
    # A reader that never lets go of the file that is there now.
    with h5py.File(out / "history.h5", "r", locking=locking == "TRUE") as held:
        search = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        try:
            seen = []
            while search.poll() is None:
                seen.append(standing(read_run(out))["finished"])
            assert search.returncode == 0, search.stderr.read()
        finally:
            search.kill()
            search.communicate()
        assert len(held["evaluations/evaluation_id"]) == 5
    assert seen == sorted(seen)
    assert any(5 < count < EVALS for count in seen)
    assert list(read_history(out)["evaluation_id"]) == list(range(EVALS))
    assert "Cannot write" not in (out / "log.txt").read_text()
    with h5py.File(out / "history.h5", "r") as file:
        assert len(file["evaluations/evaluation_id"]) == EVALS
