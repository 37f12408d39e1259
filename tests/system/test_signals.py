"""Who asks a search on several ranks to stop gets it stopped in order, with everything saved."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agebo_hpc.storage.reader import read_replay

pytestmark = pytest.mark.mpi

RANKS = Path(__file__).parents[2] / "scripts" / "ranks.sh"
# Trainings of a hundred seconds in epochs of a tenth.
TRAININGS = ("--simulate", "lognormal:mean=100,sigma=0.1", "--epochs", "1000", "--max-evals", "9")
SECONDS = 120


def wait_until(is_so, process=None):
    end = time.monotonic() + SECONDS
    while not is_so():
        assert process is None or process.poll() is None, "the job is over"
        assert time.monotonic() < end, "this takes too long"
        time.sleep(0.05)


def state_of(out):
    found = json.loads((out / "status.json").read_text())
    return found["state"], found["exit_code"]


@pytest.fixture
def job(tmp_path, child_settings):
    """Start a search on two trainer ranks; all of them train when it is given."""
    out = tmp_path / "run"
    words = ["-m", "agebo_hpc", "search", "--out", out, "--executor", "mpi", *TRAININGS]
    words += ["--processes", "1", "--max-processes", "1"]
    said = (tmp_path / "said.txt").open("w+")
    process = subprocess.Popen(
        [RANKS, "3", sys.executable, *words],
        stdout=said,
        stderr=said,
        env=child_settings,
        start_new_session=True,
    )
    family = []

    def all_train():
        journal = out / "journal.jsonl"
        return journal.exists() and journal.read_text().count('"event":"submitted"') >= 2

    try:
        wait_until(all_train, process)
        family = psutil.Process(process.pid).children(recursive=True)
        yield out, process, family
    finally:
        for member in [*family, process]:
            try:
                member.kill()
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        process.wait(SECONDS)
        said.close()


def manager_of(family):
    [found] = [m for m in family if m.environ().get("OMPI_COMM_WORLD_RANK") == "0"]
    return found


def trainers_of(family):
    return [m for m in family if m.environ().get("OMPI_COMM_WORLD_RANK", "0") != "0"]


def has_taken(process, number):
    """Tell whether a signal that was sent to a process is not waiting to be delivered."""
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd"))]
    return not any(mask >> (number - 1) & 1 for mask in masks)


def check_saved(out):
    """Check that what was in training is pending, each under its id."""
    replay = read_replay(out)
    assert not replay.results
    assert sorted(replay.pending)[:2] == [0, 1]


@pytest.mark.parametrize(
    ("target", "number"),
    [("mpirun", signal.SIGUSR2), ("manager", signal.SIGTERM), ("manager", signal.SIGINT)],
)
def test_a_signal_while_all_ranks_train_stops_the_job_with_the_code_to_run_it_again(
    job, target, number
):
    out, process, family = job
    (process if target == "mpirun" else manager_of(family)).send_signal(number)
    assert process.wait(SECONDS) == 75
    assert state_of(out) == ("stopped", 75)
    assert [session.end["reason"] for session in read_replay(out).sessions] == ["stopped"]
    check_saved(out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_search_is_to_be_resumed_where_mpirun_itself_does_not_wait_for_it(job, agebo, number):
    out, process, family = job
    process.send_signal(number)
    psutil.wait_procs(family, timeout=SECONDS)
    # Half a second later mpirun kills the ranks: their epochs may be over by then, or not.
    assert process.wait(SECONDS) != 0
    check_saved(out)
    # mpirun passes on nothing that is said after the signal: the log has it.
    log = (out / "log.txt").read_text()
    assert "stopping by SIG" in log and f"go on with: agebo-hpc resume {out}" in log
    state = agebo("status", out).stdout
    assert "agebo-hpc resume" in state and "running" not in state


def test_a_manager_that_waits_for_epochs_says_that_it_stops_and_may_be_killed(job, agebo):
    out, process, family = job
    manager = manager_of(family)
    for member in trainers_of(family):
        member.suspend()
    manager.send_signal(signal.SIGTERM)
    wait_until(lambda: state_of(out) == ("stopping", 75), process)
    assert "state        stopping" in agebo("status", out).stdout
    for member in (process, *family):
        # Ranks end by themselves once their launcher is gone, which may be before their turn.
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=SECONDS)
    found = agebo("status", out).stdout
    assert "state        stopped" in found and "with code 75" in found
    check_saved(out)


def test_a_second_sigint_ends_the_job_at_once_and_what_is_there_is_valid(job):
    out, process, family = job
    manager = manager_of(family)
    # The trainers do not hear of the first one, so only the second one can end it.
    for member in trainers_of(family):
        member.suspend()
    manager.send_signal(signal.SIGINT)
    wait_until(lambda: has_taken(manager, signal.SIGINT))
    manager.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    assert state_of(out) == ("stopped", 130)
    check_saved(out)


def test_a_stop_file_stops_the_job(job):
    out, process, _ = job
    (out / "STOP").touch()
    assert process.wait(SECONDS) == 75
    assert state_of(out) == ("stopped", 75)
    check_saved(out)
