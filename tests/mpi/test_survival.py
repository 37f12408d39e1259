"""A rank that dies or hangs is left behind: its evaluation is done again, the search goes on."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agebo_hpc.storage.reader import read_history, read_replay
from agebo_hpc.training.ways import WAYS

pytestmark = pytest.mark.mpi

HERE = Path(__file__).parent


def has_ulfm():
    if shutil.which("mpirun", path=Path(sys.executable).parent) is None:
        return False
    done = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"Open MPI\)? v?(\d+)", done.stdout)
    return found is not None and int(found[1]) >= 5


# Each is a proof of its own kind; its neighbours in `make test` and the ranks that a test plays
# (tests/unit/execution/mpi) would notice most of what breaks it.
long = pytest.mark.long
needs_ulfm = pytest.mark.skipif(not has_ulfm(), reason="user-level failure mitigation: Open MPI 5")


@pytest.fixture
def search(mpirun, tmp_path):
    """Search under ULFM with a problem of this directory: what happened, history, log."""

    def run(ranks, problem, *options, data=(), timeout=120, env=None):
        out = tmp_path / problem.split(":")[1]
        words = ["-m", "agebo_hpc", "search", *data, "--out", out]
        words += ["--problem", f"{HERE / problem}", *options]
        done = mpirun(ranks, words, timeout=timeout, env={"AGEBO_FT": "1", **(env or {})})
        log = (out / "log.txt").read_text()
        return done, read_history(out), log

    return run


def the_dead(log):
    return {int(rank) for rank in re.findall(r"WARNING Rank (\d+) on host \S+ .*died", log)}


def lost(log):
    return [int(number) for number in re.findall(r"evaluation (\d+): lost", log)]


def check_survived(done, history, log, dead, evaluations=12):
    assert done.returncode == 0, done.stderr
    assert the_dead(log) == dead
    assert sorted(history["evaluation_id"]) == list(range(evaluations))
    assert set(history["status"]) == {"done"}


@needs_ulfm
@pytest.mark.parametrize(
    ("problem", "dead"),
    [
        pytest.param("prepares", 2, marks=long),
        ("leads", 1),
        # As a pair forms anew, below.
        pytest.param("follows", 2, marks=long),
        ("sends", 1),
    ],
)
def test_an_evaluation_whose_member_dies_is_lost_and_done_again_by_those_left(
    search, problem, dead
):
    options = ["--max-evals", "12", "--processes", "1,2"]
    done, history, log = search(4, f"mortal.py:{problem}", *options)
    check_survived(done, history, log, {dead})
    for number in lost(log):
        [again] = history[history["evaluation_id"] == number]["ranks"]
        assert dead not in again
    if problem != "sends":  # there the result may just have arrived
        assert len(lost(log)) == 1
    assert f"Rank {dead} on host" in log


@needs_ulfm
def test_pairs_form_anew_among_the_ranks_that_are_left_of_a_group(search):
    options = ["--max-evals", "12", "--processes", "2"]
    done, history, log = search(5, "mortal.py:follows", *options)
    check_survived(done, history, log, {2})
    assert set(history["ranks"]) <= {(1, 2), (3, 4), (1, 3)}
    assert (1, 3) in set(history["ranks"])


@needs_ulfm
def test_a_rank_that_dies_while_it_is_idle_is_left_behind(search):
    # Rank 4 has a group of its own: no evaluation on three ranks has place there.
    options = ["--max-evals", "20", "--processes", "3", "--max-processes", "3"]
    done, history, log = search(5, "mortal.py:idles", *options)
    check_survived(done, history, log, {4}, evaluations=20)
    assert not lost(log)
    for said in (done.stderr, log):
        assert "1 worker group of 3 and 1 worker group of 1 on 1 node" in said
        assert "no evaluation can use rank 4" in said


@needs_ulfm
@pytest.mark.parametrize(
    ("where", "dead"), [pytest.param("join", {2}, marks=long), ("_create", {1, 2})]
)
def test_a_member_that_dies_while_a_communicator_is_made_leaves_nobody_waiting(
    mpirun, tmp_path, where, dead
):
    # Inside MPI a member cannot be called back: it is ended after a time, here a short one.
    script = f"""
import os, signal, sys
from agebo_hpc.execution.mpi import communicators, executor
executor.ANSWER_SECONDS = 3.0
real = communicators.Communicators.{where}

def fatal(self, *args):
    start_ranks = args[-1] if {where!r} == "_create" else args[0].ranks
    if self._rank == 2 and len(start_ranks) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *args)

communicators.Communicators.{where} = fatal
sys.argv[1:] = ["search", "--out", {str(tmp_path / "run")!r}, "--max-evals", "8",
                "--processes", "1,2", "--problem", {f"{HERE / 'made_up.py'}:quick"!r}]
from agebo_hpc.__main__ import main
main()
"""
    done = mpirun(4, script, timeout=120, env={"AGEBO_FT": "1"})
    log = (tmp_path / "run" / "log.txt").read_text()
    assert done.returncode == 0, done.stderr
    assert the_dead(log) == dead
    assert lost(log)[0] == 0
    # With one rank left, evaluation 0 is for a later session: it asks for two.
    history = read_history(tmp_path / "run")
    assert len(history) == 8
    assert (0 in set(history["evaluation_id"])) == (len(dead) == 1)


@needs_ulfm
@long
def test_a_rank_that_is_stopped_is_missed_ended_and_left_behind(search):
    options = ["--max-evals", "12", "--processes", "1,2", "--heartbeat-timeout", "8s"]
    done, history, log = search(4, "mortal.py:stops", *options)
    check_survived(done, history, log, {2})
    assert re.search(r"rank 2 on host \S+ \(process \d+\) was silent for more than 8 s", log)


@needs_ulfm
@pytest.mark.parametrize(
    ("problem", "dead", "way"),
    [
        # That of a follower in MPI's own sums follows from its stop, below.
        pytest.param(problem, dead, way, marks=[] if (dead, way) == (1, "horovod") else [long])
        for problem, dead in (("trained_follower", 2), ("trained_leader", 1))
        for way in WAYS
    ],
)
def test_the_survivors_of_a_training_are_let_go(search, tiny_dataset, problem, dead, way):
    options = ["--max-evals", "3", "--processes", "2", "--fix", "batch_size=32"]
    options += ["--data-parallel", way]
    done, history, log = search(
        4, f"mortal.py:{problem}", *options, data=[tiny_dataset], timeout=240
    )
    check_survived(done, history, log, {dead}, evaluations=3)
    assert lost(log)


@needs_ulfm
def test_who_waits_in_a_sum_for_a_rank_that_is_stopped_gives_signs_of_life(search, tiny_dataset):
    options = ["--max-evals", "3", "--processes", "2", "--fix", "batch_size=32"]
    options += ["--data-parallel", "mpi", "--heartbeat-timeout", "8s"]
    done, history, log = search(
        4, "mortal.py:trained_stops", *options, data=[tiny_dataset], timeout=240
    )
    check_survived(done, history, log, {2}, evaluations=3)
    assert "was silent for more than 8 s" in log


@needs_ulfm
def test_when_all_trainer_ranks_died_the_search_ends_and_says_so(search):
    options = ["--max-evals", "12", "--processes", "1"]
    done, _, log = search(2, "mortal.py:leads", *options)
    assert done.returncode == 71
    assert "No trainer rank is left" in done.stderr
    assert the_dead(log) == {1}


def start(problem, out, env, ranks=3):
    """Start a search without waiting for its end; return it when trainings run."""
    from tests.conftest import ROOT, child_environment

    words = [ROOT / "scripts" / "ranks.sh", str(ranks), sys.executable, "-m", "agebo_hpc"]
    words += ["search", "--out", out, "--problem", problem, "--max-evals", "50"]
    words += ["--processes", "1"]
    search = subprocess.Popen(
        [str(word) for word in words],
        env=child_environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not all_train(out, ranks - 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    return search


def all_train(out, number):
    """Tell whether so many evaluations were started."""
    journal = out / "journal.jsonl"
    return journal.exists() and journal.read_text().count('"event":"submitted"') >= number


def rank_of(search, number):
    """Return the process of a rank."""
    for process in psutil.Process(search.pid).children(recursive=True):
        if process.environ().get("OMPI_COMM_WORLD_RANK") == str(number):
            return process
    raise AssertionError(f"no rank {number}")


@needs_ulfm
def test_without_a_manager_the_trainers_end_within_seconds_and_the_run_can_be_resumed(tmp_path):
    out = tmp_path / "run"
    with start(f"{HERE / 'made_up.py'}:slow", out, {"AGEBO_FT": "1"}) as search:
        rank_of(search, 0).kill()
        text, _ = search.communicate(timeout=60)
    assert search.returncode != 0
    assert "the manager, rank 0 on host" in text and "agebo-hpc resume" in text


def test_without_ulfm_the_job_ends_at_once_and_says_who_died_and_how_to_go_on(tmp_path):
    out = tmp_path / "run"
    with start(f"{HERE / 'made_up.py'}:slow", out, {}) as search:
        rank_of(search, 2).kill()
        text, _ = search.communicate(timeout=60)
    assert search.returncode != 0
    log = (out / "log.txt").read_text()
    replay = read_replay(out)
    assert sorted(replay.pending)[:2] == [0, 1]
    # mpirun gives the manager a quarter of a second, which a busy machine may have used up.
    if replay.sessions[-1].end is not None:
        assert the_dead(log) == {2}
        assert f"agebo-hpc resume {out}" in log + text
        assert sum(replay.losses.values()) == 1


LEAVING = """
import os, signal, sys
sys.path.insert(0, {here!r})
import made_up
from agebo_hpc.execution.mpi.shutdown import leave
from agebo_hpc.execution.mpi.executor import MPIExecutor
from agebo_hpc.execution.mpi.protocol import MANAGER, Tag
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.worker import serve
from agebo_hpc.execution.mpi.world import form_groups, join_world
from agebo_hpc.reporter import on_standard_error
from agebo_hpc.training.trainer import Slot

world = form_groups(join_world(), 2)
if world.is_manager:
    MPIExecutor(world).close()
else:
    assert not serve(world, made_up.reports.trainer(None, Slot()), 1, 60.0, on_standard_error())
    if world.comm.Get_rank() == 2:
        if {says_goodbye}:
            outbox = Outbox(world.comm)
            outbox.send(None, MANAGER, Tag.BYE)
            outbox.flush(10.0)
        os.kill(os.getpid(), signal.SIGKILL)
leave(world, 0, has_losses=False)
"""


@needs_ulfm
@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_rank_that_dies_as_all_leave_keeps_nobody(mpirun, says_goodbye):
    script = LEAVING.format(here=str(HERE), says_goodbye=says_goodbye)
    done = mpirun(4, script, timeout=60, env={"AGEBO_FT": "1"})
    assert done.returncode == 0, done.stderr


HOLDING = """
import os, signal, sys
import psutil
from agebo_hpc.execution.mpi.shutdown import leave
from agebo_hpc.execution.mpi.protocol import MANAGER
from agebo_hpc.execution.mpi.world import form_groups, join_world

world = form_groups(join_world(), 1)
manager = world.comm.bcast(os.getpid(), root=MANAGER)
if world.is_manager:
    leave(world, 0, has_losses=False)
    sys.exit()
left, _ = psutil.wait_procs([psutil.Process(manager)], timeout=30)
print("the manager left" if left else "the manager waits", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_ulfm
def test_the_end_does_not_wait_for_a_rank_that_never_comes_to_it(mpirun):
    done = mpirun(2, HOLDING, timeout=60, env={"AGEBO_FT": "1"})
    assert done.stdout.split("\n")[0] == "the manager left", done.stderr
    assert done.returncode == 0
