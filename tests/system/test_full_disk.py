"""A search whose disk fills up stops in order, and goes on where there is room again."""

import subprocess
import sys

from agebo_hpc.storage.reader import read_history, read_replay

SEARCH = ("--executor", "serial", "--simulate", "lognormal:mean=0.001", "--seed", "3")
FINDINGS = ["evaluation_id", "configuration_key", "status", "objective"]


def check_stopped(done, out):
    """Check what is left after a search that found no room; return its results."""
    assert done.returncode == 70, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "All earlier results are safe; make room, then resume the run." in line
    replay = read_replay(out)
    ids = [result.id for result in replay.results]
    assert ids == list(range(len(ids)))
    assert len(ids) > 3
    # The file ends with a whole line: what found no room was taken back.
    assert (out / "journal.jsonl").read_bytes().endswith(b"}\n")
    return replay.results


def check_same(agebo, out, whole, evals):
    """Check that a search has gone on as one that always had room."""
    done = agebo("search", "--out", whole, *SEARCH, "--max-evals", str(evals))
    assert done.returncode == 0, done.stderr
    found, expected = read_history(out)[FINDINGS], read_history(whole)[FINDINGS]
    assert found.equals(expected)


def test_a_full_disk_ends_the_search_in_order_and_room_lets_it_go_on(agebo, small_disk, tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, 1024 * 1024):
        out, ballast = disk / "run", disk / "ballast"
        ballast.write_bytes(bytes(960 * 1024))
        done = agebo("search", "--out", out, *SEARCH, "--max-evals", "70", process=True)
        results = check_stopped(done, out)
        assert len(results) < 70
        again = agebo("resume", out, process=True)
        assert again.returncode == 70, again.stderr
        assert "Traceback" not in again.stderr
        assert read_replay(out).results[: len(results)] == results
        ballast.unlink()
        assert agebo("status", out).returncode == 0
        done = agebo("resume", out)
        assert done.returncode == 0, done.stderr
        assert not list(out.glob(".*.part"))
        check_same(agebo, out, tmp_path / "whole", 70)


LIMITED = """
import resource, signal, sys
from agebo_hpc.__main__ import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))
sys.exit(run(sys.argv[1:]))
"""


def test_a_file_that_may_not_grow_ends_the_search_in_order(agebo, tmp_path):
    out = tmp_path / "run"
    words = [sys.executable, "-c", LIMITED.format(size=20_000), "search", "--out", str(out)]
    done = subprocess.run(
        [*words, *SEARCH, "--max-evals", "60"], capture_output=True, text=True, timeout=300
    )
    results = check_stopped(done, out)
    assert len(results) < 60
    done = agebo("resume", out)
    assert done.returncode == 0, done.stderr
    check_same(agebo, out, tmp_path / "whole", 60)


def test_a_full_disk_ends_a_job_of_several_ranks_in_order(agebo, mpirun, small_disk, tmp_path):
    disk = tmp_path / "disk"
    words = ("--simulate", "lognormal:mean=0.02", "--seed", "3", "--max-evals", "60")
    with small_disk(disk, 1024 * 1024):
        out, ballast = disk / "run", disk / "ballast"
        ballast.write_bytes(bytes(960 * 1024))
        command = ["-m", "agebo_hpc", "search", "--out", out, "--processes", "1", *words]
        done = mpirun(3, command)
        assert done.returncode == 70, done.stderr
        assert "All earlier results are safe; make room, then resume the run." in done.stderr
        assert "Traceback" not in done.stderr
        told = {result.id for result in read_replay(out).results}
        assert 3 < len(told) < 60
        ballast.unlink()
        done = mpirun(3, ["-m", "agebo_hpc", "resume", out])
        assert done.returncode == 0, done.stderr
        ids = read_history(out)["evaluation_id"].tolist()
        assert sorted(ids) == list(range(60)) and told <= set(ids)
