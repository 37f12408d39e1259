"""What real ranks look at before they start."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from agebo_hpc.storage.reader import read_history

HERE = Path(__file__).parent
SLEEP = ["-m", "agebo_hpc", "search", "--simulate", "lognormal:mean=0.05", "--max-evals", "2"]

pytestmark = pytest.mark.mpi


def test_each_rank_has_its_line_and_threads_without_cores_are_named(mpirun, tmp_path):
    words = ["--out", tmp_path / "run", "--show-ranks", "--threads-per-slot", "500"]
    done = mpirun(3, [*SLEEP, *words])
    assert done.returncode == 0, done.stderr
    for text in (done.stderr, (tmp_path / "run" / "log.txt").read_text()):
        assert len(re.findall(r"rank [012] on \S+: (?:manager|group 0)", text)) == 3
        assert "2 trainer ranks of 500 threads need 1,000 cores" in text


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two ranks need two cores")
def test_ranks_keep_to_cores_of_their_own_when_asked(mpirun, tmp_path):
    words = ["-m", "agebo_hpc", "search", "--problem", f"{HERE / 'binding.py'}:core"]
    words += ["--out", tmp_path / "run", "--processes", "1", "--max-evals", "12"]
    env = {"AGEBO_BIND": "cores", "OMP_NUM_THREADS": "1"}
    done = mpirun(3, [*words, "--threads-per-slot", "1"], env=env)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    core_of = {ranks: set(rows) for ranks, rows in history.groupby("ranks").objective}
    assert all(len(cores) == 1 and -1 not in cores for cores in core_of.values()), core_of
    # The rank's environment was there before the problem's file was read.
    assert all(record["blocktime"] == 0 for [record] in history.curve)
    assert len(core_of) < 2 or len(set.union(*core_of.values())) == 2


ON_NODES = """
import os, runpy, sys
node, cores = {places}[int(os.environ["OMPI_COMM_WORLD_RANK"])]
os.environ["AGEBO_NODE_NAME"] = node
os.sched_setaffinity(0, cores)
sys.argv = {words}
runpy.run_module("agebo_hpc", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two nodes need two cores")
def test_ranks_of_nodes_with_other_cpusets_are_bound_to_what_their_node_was_given(
    mpirun, tmp_path
):
    one, two = sorted(os.sched_getaffinity(0))[:2]
    wide, narrow = ("wide", {one, two}), ("narrow", {two})
    words = ["agebo_hpc", "search", "--problem", f"{HERE / 'binding.py'}:core", "--show-ranks"]
    words += ["--out", str(tmp_path / "run"), "--processes", "1", "--max-evals", "24"]
    text = ON_NODES.format(places=[wide, wide, wide, narrow], words=words)
    env = {"AGEBO_BIND": "cores", "OMP_NUM_THREADS": "1"}
    done = mpirun(4, text, env=env)
    assert done.returncode == 0, done.stderr
    given = re.findall(r"rank (\d) .*node (\w+): .*local rank (\d), .*cores (\S+)", done.stderr)
    bound = {1: one, 2: two, 3: two}
    assert given == [
        ("1", "wide", "0", str(one)),
        ("2", "wide", "1", str(two)),
        ("3", "narrow", "0", str(two)),
    ]
    for [rank], cores in read_history(tmp_path / "run").groupby("ranks").objective:
        assert set(cores) == {bound[rank]}, "not what was printed"


@pytest.fixture
def small_place(tmp_path):
    """Return a file system of one MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_too_little_shared_memory_ends_all_ranks_at_once(mpirun, tmp_path, small_place):
    env = {"OMPI_MCA_btl_sm_backing_directory": str(small_place)}
    done = mpirun(3, [*SLEEP, "--out", tmp_path / "run"], env=env)
    assert done.returncode == 71, done.stderr
    assert f"{small_place} on" in done.stderr and "3 ranks need 24 MiB" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
