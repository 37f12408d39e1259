"""Who trains where: worker groups by node, packed evaluations, idle ranks, a light manager."""

import json
from itertools import combinations
from pathlib import Path

import pytest

from agebo_hpc.job.cores import available_cores
from agebo_hpc.storage.reader import read_history

pytestmark = pytest.mark.mpi

HERE = Path(__file__).parent


def problem(name):
    return f"{HERE / 'made_up.py'}:{name}"


def overlapping(history):
    """Return the pairs of evaluations that ran at the same time."""
    rows = list(history.itertuples())
    return [
        (a, b)
        for a, b in combinations(rows, 2)
        if max(a.started, b.started) < min(a.ended, b.ended)
    ]


def test_groups_are_made_of_ranks_of_one_node_and_of_the_largest_size_allowed(mpirun, tmp_path):
    script = f"""
import json, os
from pathlib import Path
rank = int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"])
os.environ["AGEBO_NODE_NAME"] = "aabaab"[rank]
from agebo_hpc.execution.mpi.world import form_groups, join_world
comm = join_world()
found = []
for largest in (8, 2, 1):
    world = form_groups(comm, largest)
    members = [] if world.group is None else world.group.allgather(rank)
    found.append([world.groups, members, world.threads, world.local_rank])
found = comm.gather(found)
if rank == 0:
    Path({str(tmp_path / "found.json")!r}).write_text(json.dumps(found))
"""
    done = mpirun(6, script)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    expected = [[[1, 3, 4], [2, 5]], [[1, 3], [4], [2, 5]], [[1], [3], [4], [2], [5]]]
    for rank, of_rank in enumerate(found):
        for groups, (seen, members, threads, local) in zip(expected, of_rank, strict=True):
            assert seen == groups
            assert members == next((group for group in groups if rank in group), [])
            node = [1, 3, 4] if rank in (0, 1, 3, 4) else [2, 5]
            assert threads == max(1, available_cores() // len(node))
            assert local == (node.index(rank) if rank else 0)


def test_a_search_over_pairs_goes_on_alone_where_there_are_none(mpirun, tmp_path):
    run = tmp_path / "run"
    words = ["--problem", problem("quick"), "--processes", "1,2", "--max-evals", "6"]
    done = mpirun(3, ["-m", "agebo_hpc", "search", "--out", run, *words])
    assert done.returncode == 0, done.stderr
    assert set(read_history(run)["num_processes"]) == {1, 2}
    done = mpirun(2, ["-m", "agebo_hpc", "resume", run, "--max-evals", "12"])
    assert done.returncode == 0, done.stderr
    history = read_history(run)
    assert len(history) == 12
    assert set(history["num_processes"][6:]) == {1}
    assert "up to 2 processes; with at most 1 in a worker group" in (run / "log.txt").read_text()
    done = mpirun(3, ["-m", "agebo_hpc", "resume", run, "--max-evals", "24"])
    assert done.returncode == 0, done.stderr
    assert set(read_history(run)["num_processes"][12:]) == {1, 2}


def test_a_search_over_pairs_alone_cannot_go_on_where_there_are_none(mpirun, tmp_path):
    run = tmp_path / "run"
    words = ["--problem", problem("quick"), "--processes", "2", "--max-evals", "3"]
    done = mpirun(3, ["-m", "agebo_hpc", "search", "--out", run, *words])
    assert done.returncode == 0, done.stderr
    done = mpirun(2, ["-m", "agebo_hpc", "resume", run, "--max-evals", "6"])
    assert done.returncode == 71
    assert "start with more ranks" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(read_history(run)) == 3


def test_no_evaluation_is_trained_across_nodes(mpirun, tmp_path):
    script = f"""
import os, sys
rank = int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"])
os.environ["AGEBO_NODE_NAME"] = "aabab"[rank]
from agebo_hpc.__main__ import main
sys.argv[1:] = ["search", "--out", {str(tmp_path / "run")!r}, "--max-evals", "12",
                "--processes", "1,2", "--problem", {problem("quick")!r}]
main()
"""
    done = mpirun(5, script)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    together = set(history[history["num_processes"] == 2]["ranks"])
    assert together
    assert together <= {(1, 3), (2, 4)}


def test_evaluations_span_nodes_where_that_is_asked_for(mpirun, tmp_path, tiny_dataset):
    script = f"""
import os, sys
rank = int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"])
os.environ["AGEBO_NODE_NAME"] = "abc"[rank]
from agebo_hpc.__main__ import main
sys.argv[1:] = ["search", {str(tiny_dataset)!r}, "--out", {str(tmp_path / "run")!r},
                "--max-evals", "3", "--processes", "2", "--max-processes", "2", "--span-nodes",
                "--preset", "v1-small", "--epochs", "1"]
main()
"""
    done = mpirun(3, script)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    assert list(history["status"]) == ["done"] * 3
    assert set(history["ranks"]) == {(1, 2)}
    assert "1 worker group of 2 on 2 nodes" in done.stderr


def test_joining_nodes_is_refused_where_there_are_no_ranks(agebo, tmp_path):
    words = ["--problem", problem("quick"), "--executor", "serial", "--span-nodes"]
    done = agebo("search", "--out", tmp_path / "run", *words)
    assert done.returncode == 2
    assert "--span-nodes" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_small_and_large_evaluations_run_side_by_side_and_never_on_the_same_rank(mpirun, tmp_path):
    words = ["-m", "agebo_hpc", "search", "--out", tmp_path / "run", "--max-evals", "24"]
    words += ["--processes", "1,2", "--problem", problem("unhurried")]
    done = mpirun(4, words)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    assert list(history["ranks"].map(len)) == list(history["num_processes"])
    at_once = overlapping(history)
    assert any({a.num_processes, b.num_processes} == {1, 2} for a, b in at_once)
    assert not [(a, b) for a, b in at_once if set(a.ranks) & set(b.ranks)]


def test_idle_ranks_and_the_manager_leave_the_cores_to_others(mpirun, tmp_path):
    script = f"""
import os, sys, threading, time
from pathlib import Path
rank = os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"]

def watch():
    while True:
        before = time.process_time()
        time.sleep(1.0)
        with Path({str(tmp_path)!r}, "cpu_" + rank).open("a") as file:
            file.write(f"{{time.process_time() - before}}\\n")

threading.Thread(target=watch, daemon=True).start()
from agebo_hpc.__main__ import main
sys.argv[1:] = ["search", "--out", {str(tmp_path / "run")!r}, "--max-evals", "1",
                "--processes", "1", "--problem", {problem("idle")!r}]
main()
"""
    done = mpirun(3, script)
    assert done.returncode == 0, done.stderr
    for rank in range(3):
        seconds = sorted(map(float, (tmp_path / f"cpu_{rank}").read_text().split()))
        # The rank slept for eight seconds; before it, imports took what they took.
        assert len(seconds) >= 6
        assert seconds[3] < 0.2, f"rank {rank}: {seconds} s of processor in each second"


def test_the_manager_loads_no_tensorflow(mpirun, tmp_path, tiny_dataset):
    script = f"""
import os, sys
from pathlib import Path
rank = os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"]
from agebo_hpc.__main__ import run
code = run(["search", {str(tiny_dataset)!r}, "--out", {str(tmp_path / "run")!r},
            "--preset", "v1-small", "--max-evals", "2", "--epochs", "1"])
heavy = {{"tensorflow", "keras", "horovod"}} & set(sys.modules)
Path({str(tmp_path)!r}, "rank_" + rank).write_text(f"{{code}} {{len(heavy)}}")
"""
    done = mpirun(2, script)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rank_0").read_text() == "0 0"
    # Alone in its group it needs neither Horovod nor Keras.
    assert (tmp_path / "rank_1").read_text() == "0 1"


def test_a_rank_that_grows_too_large_ends_the_life_and_what_runs_is_not_cut(mpirun, tmp_path):
    run = tmp_path / "run"
    words = ["-m", "agebo_hpc", "search", "--out", run, "--processes", "1"]
    words += ["--problem", problem("unhurried"), "--max-evals", "4000"]
    done = mpirun(3, [*words, "--max-memory", "0.001", "--heartbeat-timeout", "10s"])
    assert json.loads((run / "status.json").read_text())["exit_code"] == 75, done.stderr
    assert "GiB of memory of its own" in done.stderr
    history = read_history(run)
    assert 2 <= len(history) < 4000
    assert set(history["status"]) == {"done"}
