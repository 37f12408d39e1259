"""`--simulate` end to end: on a virtual clock, in one process and on real ranks."""

import json
from pathlib import Path

import pandas as pd
import pytest

from agebo_hpc.analysis.runs import read_run
from agebo_hpc.storage.reader import read_history, read_replay

MACHINE = ["--executor", "simulated", "--groups", "8", "--slots-per-group", "4"]
WORLD = ["--simulate", "lognormal:mean=60,sigma=0.5", "--processes", "1,2,4"]


def status(run):
    return json.loads((run / "status.json").read_text())


@pytest.fixture(scope="module")
def finished(agebo, tmp_path_factory):
    """Return the run directory of a repeatable search of 20 virtual minutes on 32 slots."""
    out = tmp_path_factory.mktemp("simulated") / "run"
    limits = ["--walltime", "20m", "--manager-charge", "0"]
    # Others are compared with it: nothing may depend on a process, such as its order of sets.
    done = agebo("search", *MACHINE, *WORLD, *limits, "--out", out, process=True)
    assert done.returncode == 0, done.stderr
    return out


def test_a_simulated_search_without_charge_is_repeated_to_the_last_digit(
    agebo, finished, tmp_path
):
    again = tmp_path / "again"
    limits = ["--walltime", "20m", "--manager-charge", "0"]
    done = agebo("search", *MACHINE, *WORLD, *limits, "--out", again)
    assert done.returncode == 0, done.stderr
    first, second = read_history(finished), read_history(again)
    assert len(first) > 180
    pd.testing.assert_frame_equal(first, second)


def test_slots_are_busy_for_the_virtual_time_and_no_slot_is_used_twice(finished):
    history = read_history(finished)
    assert set(history["status"]) == {"done"}
    assert history["ended"].max() - history["started"].min() < 30 * 60
    spans = sorted(
        (rank, row.started, row.ended) for row in history.itertuples() for rank in row.ranks
    )
    for (rank, _, ended), (next_rank, started, _) in zip(spans, spans[1:], strict=False):
        assert rank != next_rank or ended <= started
    busy = sum(ended - started for _, started, ended in spans)
    assert busy / (32 * 1200) > 0.9


def test_status_history_and_analysis_read_it_by_its_own_clock(agebo, finished, tmp_path):
    state = agebo("status", finished)
    assert state.returncode == 0, state.stderr
    assert "complete" in state.stdout
    busy = int(state.stdout.split("busy")[1].split("%")[0])
    assert 80 <= busy <= 100
    table = tmp_path / "history.csv"
    assert agebo("history", finished, "--csv", table).returncode == 0
    assert len(pd.read_csv(table)) == len(read_history(finished))
    report = agebo("analyze", finished, "--out", tmp_path / "report")
    assert report.returncode == 0, report.stderr


def test_a_resumed_simulation_goes_on_at_a_later_virtual_time(agebo, tmp_path):
    out = tmp_path / "run"
    first = agebo("search", *MACHINE, *WORLD, "--max-evals", "50", "--out", out)
    assert first.returncode == 0, first.stderr
    before = read_history(out)
    again = agebo("resume", out, "--max-evals", "80")
    assert again.returncode == 0, again.stderr
    after = read_history(out)
    assert len(after) == 80
    assert after["started"].iloc[len(before) :].min() >= before["ended"].max()
    assert "complete" in agebo("status", out).stdout


def test_ranks_that_die_cost_their_evaluations_only(agebo, tmp_path):
    out = tmp_path / "run"
    limits = ["--walltime", "1h", "--manager-charge", "0", "--rank-lifetime", "2h"]
    done = agebo("search", *MACHINE, *WORLD, *limits, "--out", out)
    assert done.returncode == 0, done.stderr
    history = read_history(out)
    log = (out / "log.txt").read_text()
    assert log.count(": lost,") > 5
    assert set(history["status"]) <= {"done", "failed"}
    # After an hour about a third of the ranks is gone; on the others the search went on.
    late = history[history["started"] > history["started"].min() + 3000]
    ranks = {rank for ranks in late["ranks"] for rank in ranks}
    assert 8 < len(ranks) < 30


def test_without_the_simulated_executor_trainings_sleep(agebo, tmp_path):
    out = tmp_path / "run"
    world = ["--simulate", "lognormal:mean=0.02,sigma=0.1", "--epochs", "2"]
    done = agebo("search", *world, "--max-evals", "5", "--out", out)
    assert done.returncode == 0, done.stderr
    history = read_history(out)
    assert list(history["epochs"]) == [2] * 5
    assert (history["seconds_train"] > 0.01).all()


@pytest.mark.parametrize("executor", [["--executor", "serial"], MACHINE])
def test_a_made_up_training_has_a_time_limit_too(agebo, tmp_path, executor):
    out = tmp_path / "run"
    world = ["--simulate", "lognormal:mean=60,sigma=0", "--epochs", "300", "--processes", "1"]
    done = agebo(
        "search", *world, *executor, "--eval-timeout", "1s", "--max-evals", "2", "--out", out
    )
    assert done.returncode == 70, done.stderr
    history = read_history(out)
    assert set(history["status"]) == {"timed_out"}
    assert history["epochs"].between(1, 299).all()


RANK = """
import sys
from agebo_hpc.__main__ import run
from agebo_hpc.job.launcher import announced_rank

code = run(sys.argv[1:])
if announced_rank():
    heavy = {"tensorflow", "h5py", "sklearn", "skopt", "scipy", "pandas"}
    print("rank", announced_rank(), "loaded", sorted(heavy & set(sys.modules)))
sys.exit(code)
"""


def test_real_ranks_sleep_together_and_load_little_for_it(mpirun, tmp_path):
    out = Path(tmp_path) / "run"
    script = tmp_path / "rank.py"
    script.write_text(RANK)
    world = ["--simulate", "lognormal:mean=0.1,sigma=0.1", "--epochs", "2", "--processes", "1,2"]
    done = mpirun(5, [script, "search", *world, "--max-evals", "12", "--out", out], timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [f"rank {rank} loaded []" for rank in range(1, 5)]
    history = read_history(out)
    assert set(history["status"]) == {"done"}
    assert set(history["ranks"].map(len)) == {1, 2}
    assert status(out)["state"] == "complete"


@pytest.mark.parametrize("executor", ["serial", "simulated", "mpi"])
def test_a_synchronous_search_waits_for_its_batch_with_every_executor(
    agebo, mpirun, tmp_path, executor
):
    out = tmp_path / "run"
    words = ["search", "--synchronous", "--max-evals", "9", "--processes", "1", "--out", out]
    words += ["--simulate", "lognormal:mean=0.05,sigma=1"]
    if executor == "mpi":
        done = mpirun(4, ["-m", "agebo_hpc", *words], timeout=120)
    else:
        machine = ["--groups", "3"] if executor == "simulated" else []
        done = agebo(*words, "--executor", executor, *machine)
    assert done.returncode == 0, done.stderr
    told = read_replay(out).told
    size = 1 if executor == "serial" else 3
    assert [told[i] for i in range(9)] == [i - i % size for i in range(9)]
    assert read_run(out).section("search")["synchronous"] is True
