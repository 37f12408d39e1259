"""Trainings in child processes: their deaths cost one evaluation each, ranks live on."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from agebo_hpc.storage.reader import read_history

pytestmark = pytest.mark.mpi

PROBLEMS = Path(__file__).with_name("doomed.py")
DEATHS = {
    "done": ["done", ""],
    1: ["failed", "SIGSEGV"],
    2: ["out_of_memory", "SIGKILL"],
    3: ["failed", "ArithmeticError: no way"],
    4: ["failed", "ended with code 3"],
}


def check_deaths(history):
    history = history.set_index("evaluation_id")
    for number, row in history.iterrows():
        status, text = DEATHS.get(number, DEATHS["done"])
        assert row["status"] == status, row["traceback"]
        assert text in row["traceback"]


def test_whatever_ends_a_child_costs_one_evaluation(agebo, tmp_path):
    run = tmp_path / "run"
    words = ["--problem", f"{PROBLEMS}:doomed", "--executor", "serial", "--isolation", "child"]
    done = agebo("search", "--out", run, *words, "--max-evals", "5")
    assert done.returncode == 0, done.stderr
    history = read_history(run)
    assert len(history) == 5
    check_deaths(history)
    assert history["peak_memory"].iloc[0] > 2**20


def test_deaths_in_children_of_ranks_leave_the_ranks_alone(mpirun, tmp_path):
    run = tmp_path / "run"
    words = ["--problem", f"{PROBLEMS}:doomed", "--processes", "1", "--isolation", "child"]
    command = ["-m", "agebo_hpc", "search", "--out", run, *words, "--max-evals", "9"]
    done = mpirun(3, [*command, "--eval-timeout", "5"])
    assert done.returncode == 0, done.stderr
    history = read_history(run)
    assert len(history) == 9
    late = history[history["evaluation_id"] == 5].iloc[0]
    assert late["status"] == "timed_out"
    check_deaths(history[history["evaluation_id"] != 5])


def test_threads_and_cores_follow_n_where_an_evaluation_has_its_group_for_itself(mpirun, tmp_path):
    cores = sorted(os.sched_getaffinity(0))
    script = f"""
import os, sys
rank = int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"])
# As a launcher does that binds each rank to a core.
os.sched_setaffinity(0, [{cores}[rank % {len(cores)}]])
from agebo_hpc.__main__ import main
sys.argv[1:] = ["search", "--out", {str(tmp_path)!r} + "/" + sys.argv[1],
                "--problem", {f"{PROBLEMS}:doomed"!r}, "--isolation", "child", "--processes", "1",
                "--max-processes", "2", "--threads-per-slot", "1", "--max-evals", "1",
                "--allocation", sys.argv[1]]
main()
"""
    path = tmp_path / "rank.py"
    path.write_text(script)
    found = {}
    for allocation in ("packed", "exclusive"):
        done = mpirun(3, [path, allocation])
        assert done.returncode == 0, done.stderr
        row = read_history(tmp_path / allocation).iloc[0]
        assert row["status"] == "done", row["traceback"]
        found[allocation] = (row["curve"][0]["threads"], row["seconds_cores"])
    assert found == {"packed": (1, 1), "exclusive": (2, min(2, len(cores)))}


def test_a_trainer_that_cannot_be_made_is_said_before_the_search_starts(agebo, tmp_path):
    words = ["--problem", f"{PROBLEMS}:broken", "--executor", "serial", "--isolation", "child"]
    done = agebo("search", "--out", tmp_path / "run", *words, "--max-evals", "1")
    assert done.returncode == 71
    assert "this slot is broken" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.horovod
def test_two_children_train_as_two_ranks_do_and_one_that_is_killed_takes_the_other(
    mpirun, tmp_path, tiny_dataset
):
    common = [
        "--preset",
        "v1-small",
        "--processes",
        "2",
        "--epochs",
        "2",
        "--fix",
        "batch_size=64",
    ]
    common += ["--method", "random", "--max-evals", "2", "--fix", "batch_size=64"]
    objectives = {}
    for isolation in ("rank", "child"):
        run = tmp_path / isolation
        words = ["-m", "agebo_hpc", "search", tiny_dataset, "--out", run, *common]
        done = mpirun(3, [*words, "--isolation", isolation])
        assert done.returncode == 0, done.stderr
        history = read_history(run)
        assert list(history["status"]) == ["done"] * 2, history["traceback"].iloc[0]
        objectives[isolation] = history["objective"].tolist()
    # The sums of two ranks come out the same by MPI and by Gloo.
    assert objectives["child"] == pytest.approx(objectives["rank"], abs=1e-3)


@pytest.mark.horovod
def test_a_member_that_is_killed_ends_the_evaluation_and_the_next_one_goes_well(
    mpirun, tmp_path, tiny_dataset
):
    run = tmp_path / "run"
    words = ["-m", "agebo_hpc", "search", tiny_dataset, "--out", run, "--max-evals", "2"]
    words += ["--preset", "v1-small", "--processes", "2", "--epochs", "200", "--method", "random"]
    words += ["--fix", "batch_size=32", "--isolation", "child"]
    with ThreadPoolExecutor(1) as executor:
        killed = executor.submit(kill_first_child, run)
        done = mpirun(3, words, timeout=300)
        assert killed.result()
    assert done.returncode == 0, done.stderr
    statuses = read_history(run).set_index("evaluation_id")["status"].to_dict()
    assert statuses == {0: "out_of_memory", 1: "done"}


def kill_first_child(run):
    """Kill a child that trains, once the search has begun; tell whether there was one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in psutil.Process().children(recursive=True):
            if is_child(process) and (run / "status.json").exists():
                process.kill()
                return True
        time.sleep(0.05)
    return False


def is_child(process):
    """Tell whether a process was forked from one that trainings are forked from."""
    try:
        lineage = [process.cmdline(), process.parent().cmdline()]
    except (psutil.NoSuchProcess, AttributeError):
        return False
    return all("agebo_hpc.execution.isolated.server_process" in words for words in lineage)
