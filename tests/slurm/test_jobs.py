"""The scripts of slurm/ and jobs/ as real jobs on a real two-node Slurm.

Trainings sleep, so that the jobs and not the networks take the time. Those without the marker
`slurm` are a part of `make test`; `make test-slurm` runs all.
"""

import json
import re
import sys
import time
from pathlib import Path

import pytest

from agebo_hpc.storage.journal_lines import read_journal
from agebo_hpc.storage.reader import read_history, read_replay
from agebo_hpc.storage.run_directory import RunDirectory

ROOT = Path(__file__).parents[2]
CPU = ROOT / "slurm" / "cpu.sbatch"
CHAIN = ROOT / "slurm" / "chain.sh"
SHORT = ("--simulate", "lognormal:mean=0.2", "--processes", "1,2")
LONG = ("--simulate", "lognormal:mean=5,sigma=0.3", "--epochs", "20", "--processes", "1,2")

# Seconds that are waited at most, on the slowest machine: no test depends on them.
START = 600
ALL_LIVES = 1800

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def output_of(job):
    path = Path(job["StdOut"])
    return path.read_text(errors="replace") if path.is_file() else ""


def run_of(env):
    return Path(env["AGEBO_RUN"])


def status_of(env):
    return json.loads((run_of(env) / "status.json").read_text())


def check_whole(env, count):
    """Check that every evaluation that was ever acknowledged is there, once."""
    history = read_history(run_of(env))
    replay = read_replay(run_of(env))
    ends = [(session.end or {}).get("reason", "killed") for session in replay.sessions]
    sys.stdout.write(f"history: {len(history)} rows, sessions: {len(ends)} {ends}\n")
    assert sorted(history.evaluation_id) == list(range(count))
    assert (history.status == "done").all()
    events = read_journal(RunDirectory.open(run_of(env)).journal_path).events
    results = [event["result"] for event in events if "result" in event]
    acknowledged = [r["evaluation"]["id"] for r in results if r["status"] == "done"]
    assert sorted(acknowledged) == list(range(count)), "lost, or done twice"


def wait_for_evaluations(env, number, timeout=START):
    """Wait until so many evaluations have been acknowledged; return how many have."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if (run_of(env) / "config.toml").exists():
            found = len(read_replay(run_of(env)).results)
            if found >= number:
                return found
        time.sleep(0.5)
    pytest.fail(f"no {number} evaluations within {timeout} s")


def test_the_cpu_script_searches_over_both_nodes(cluster, desk):
    place, env = desk
    number = cluster.submit(CPU, *SHORT, "--max-evals", "12", env=env, cwd=place)
    job = cluster.wait(number, START)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"], job["Restarts"]) == ("COMPLETED", "0:0", "0"), text
    assert "2 nodes (n1 n2)" in text and " 0 GPUs a node" in text
    assert "ranks: 5, that is 1 manager and 4 trainers" in text
    assert "2 worker groups of 2 on 2 nodes" in text
    check_whole(env, 12)
    ranks = {rank for ranks in read_history(run_of(env)).ranks for rank in ranks}
    assert ranks == {1, 2, 3, 4}
    # What the manager's node does not have to itself, and nothing else, lies beside the run.
    assert {p.name for p in place.iterdir()} >= {"run", "run.hosts"}


@pytest.mark.slurm
def test_srun_starts_the_ranks_too(cluster, desk):
    # Debian's PMIx 4 under srun and Open MPI 5 get on with two ranks of a node, not with three.
    place, env = desk
    env |= {"AGEBO_LAUNCHER": "srun", "AGEBO_SLOTS_PER_NODE": "1"}
    words = ("--simulate", "lognormal:mean=0.2", "--processes", "1", "--max-evals", "8")
    job = cluster.wait(cluster.submit(CPU, *words, env=env, cwd=place), START)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert "srun --mpi=pmix --ntasks=3" in text
    assert "2 worker groups of 1 on 2 nodes" in text
    check_whole(env, 8)


@pytest.mark.slurm
def test_a_signal_to_the_script_reaches_ranks_that_srun_started(cluster, desk):
    place, env = desk
    env |= {"AGEBO_LAUNCHER": "srun", "AGEBO_SLOTS_PER_NODE": "1", "AGEBO_CONTINUE": "none"}
    words = ("--simulate", "lognormal:mean=2", "--epochs", "20", "--processes", "1")
    number = cluster.submit(CPU, *words, "--max-evals", "9999", env=env, cwd=place)
    known = wait_for_evaluations(env, 2)
    done = cluster.run(["scancel", "--batch", "--signal=USR2", str(number)])
    assert done.returncode == 0, done.stderr
    job = cluster.wait(number, START)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("FAILED", "75:0"), text
    assert "the search stopped in order" in text and "submit again with AGEBO_RUN=" in text
    assert status_of(env)["exit_code"] == 75
    assert len(read_replay(run_of(env)).results) >= known


@pytest.mark.slurm
def test_the_gpu_script_stops_where_there_are_no_gpus(cluster, desk, tiny_dataset):
    place, env = desk
    script = ROOT / "slurm" / "gpu.sbatch"
    words = (tiny_dataset, "--max-evals", "2", "--preset", "v1-small", "--epochs", "1")
    job = cluster.wait(cluster.submit(script, *words, env=env, cwd=place), START)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("FAILED", "71:0"), text
    assert "8 GPUs a node" in text
    assert "AGEBO_GPUS_PER_NODE is 8 but TensorFlow sees no GPU" in text


@pytest.mark.slurm
def test_a_job_that_meets_its_limit_is_requeued_until_the_search_is_complete(cluster, desk):
    # A session has 60 s at most, its four slots 240 s: 110 trainings of 5 s need three sessions,
    # however fast ranks start.
    place, env = desk
    number = cluster.submit("--time=2", CPU, *LONG, "--max-evals", "110", env=env, cwd=place)
    job = cluster.wait(number, ALL_LIVES)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    sessions = read_replay(run_of(env)).sessions
    assert int(job["Restarts"]) >= 2 and len(sessions) == int(job["Restarts"]) + 1
    assert text.count("launcher ended with 75: the search stopped in order") == int(
        job["Restarts"]
    )
    assert all(session.end is not None for session in sessions)
    check_whole(env, 110)


@pytest.mark.slurm
def test_jobs_of_a_chain_go_on_where_the_one_before_stopped_and_it_dissolves(cluster, desk):
    place, env = desk
    words = ["5", run_of(env), CPU, "--time=2", "--no-requeue", "--", *LONG, "--max-evals", "55"]
    done = cluster.run([CHAIN, *words], env=env, cwd=place)
    assert done.returncode == 0, done.stderr
    numbers = [int(line) for line in done.stdout.split()]
    assert len(numbers) == 5
    jobs = [cluster.wait(number, ALL_LIVES) for number in numbers]
    codes = [job["ExitCode"] for job in jobs]
    worked = [job for job in jobs if job["JobState"] in ("FAILED", "COMPLETED")]
    assert len(worked) >= 2, codes
    assert [job["ExitCode"] for job in worked[:2]][0] == "75:0"
    assert "0:0" in [job["ExitCode"] for job in worked]
    assert jobs[-1]["JobState"] in ("CANCELLED", "COMPLETED")
    assert all(job["Restarts"] == "0" for job in jobs)
    check_whole(env, 55)


@pytest.mark.slurm
def test_a_cancelled_job_loses_nothing_and_another_one_goes_on(cluster, desk):
    place, env = desk
    number = cluster.submit(CPU, *LONG, "--max-evals", "20", env=env, cwd=place)
    cluster.wait(number, START, states=["RUNNING"])
    known = wait_for_evaluations(env, 4)
    cluster.run(["scancel", str(number)])
    assert cluster.wait(number, START)["JobState"] == "CANCELLED"
    assert len(read_replay(run_of(env)).results) >= known
    # What had been asked for is in the run directory.
    job = cluster.wait(cluster.submit(CPU, env=env, cwd=place), START)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), output_of(job)
    check_whole(env, 20)


@pytest.mark.slurm
def test_a_job_that_is_requeued_from_outside_goes_on(cluster, desk):
    place, env = desk
    number = cluster.submit(CPU, *LONG, "--max-evals", "20", env=env, cwd=place)
    known = wait_for_evaluations(env, 4)
    done = cluster.run(["scontrol", "requeue", str(number)])
    assert done.returncode == 0, done.stderr
    cluster.wait(number, START, states=["PENDING"])
    assert len(read_replay(run_of(env)).results) >= known
    job = cluster.wait(number, START)
    assert (job["JobState"], job["ExitCode"], job["Restarts"]) == ("COMPLETED", "0:0", "1"), (
        output_of(job)
    )
    check_whole(env, 20)


@pytest.mark.slurm
def test_a_node_that_goes_down_costs_no_acknowledged_evaluation(cluster, desk):
    place, env = desk
    number = cluster.submit(CPU, *LONG, "--max-evals", "20", env=env, cwd=place)
    known = wait_for_evaluations(env, 4)
    cluster.set_node("n2", "down")
    try:
        cluster.wait(number, START, states=["PENDING"])
        assert len(read_replay(run_of(env)).results) >= known
    finally:
        cluster.set_node("n2", "resume")
    job = cluster.wait(number, START)
    assert (job["JobState"], job["ExitCode"], job["Restarts"]) == ("COMPLETED", "0:0", "1"), (
        output_of(job)
    )
    check_whole(env, 20)


@pytest.mark.slurm
@pytest.mark.parametrize("launcher", ["mpirun", "srun"])
def test_every_evaluation_is_a_step_of_the_job(cluster, desk, launcher):
    place, env = desk
    env |= {"AGEBO_EXECUTOR": "steps", "AGEBO_LAUNCHER": launcher}
    job = cluster.wait(cluster.submit(CPU, *SHORT, "--max-evals", "8", env=env, cwd=place), START)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert f"each evaluation is a step of {launcher}; nodes: 2" in text
    check_whole(env, 8)
    ranks = {rank for ranks in read_history(run_of(env)).ranks for rank in ranks}
    assert ranks & {1, 2} and ranks & {3, 4}


@pytest.mark.slurm
def test_the_qsub_script_runs_behind_slurms_torque_wrapper(cluster, desk):
    place, env = desk
    env |= {"AGEBO_HOME": str(ROOT), "AGEBO_SEARCH": " ".join((*SHORT, "--max-evals", "8"))}
    words = ("-V", "-l", "walltime=00:10:00", ROOT / "jobs" / "cpu.qsub")
    job = cluster.wait(cluster.submit(*words, env=env, cwd=place, program="qsub"), START)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert "jobs/sites/pbs-cpu.env" in text
    check_whole(env, 8)


@pytest.mark.slurm
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--simulate", "lognormal:mean=1", "--population", "-3"), 2, "error: "),
        (("/no/such/data.h5",), 66, "/no/such/data.h5"),
    ],
)
def test_a_mistake_ends_the_job_with_its_code_and_is_not_tried_again(
    cluster, desk, words, code, said
):
    place, env = desk
    job = cluster.wait(cluster.submit(CPU, *words, env=env, cwd=place), START)
    text = output_of(job)
    assert (job["ExitCode"], job["Restarts"]) == (f"{code}:0", "0"), text
    assert said in text and "Traceback" not in text


@pytest.mark.slurm
@pytest.mark.parametrize("name", ["a b", "a/b", "n" * 250])
def test_a_jobs_name_that_no_path_can_have_is_refused_where_it_is_read(cluster, desk, name):
    place, env = desk
    del env["AGEBO_RUN"]
    number = cluster.submit(f"--job-name={name}", CPU, *SHORT, env=env, cwd=place)
    job = cluster.wait(number, START)
    assert job["ExitCode"] == "2:0", job
    assert "cannot be a part of a path" in output_of(job)


@pytest.mark.slurm
def test_a_script_that_agebo_hpc_made_and_sent_runs(cluster, desk, agebo):
    place, env = desk
    words = ("--site", "slurm-cpu", "--nodes", "2", "--walltime", "10m", "--run", place / "run")
    words += ("--slots-per-node", "2", "--threads-per-slot", "1")
    words += ("--activate", env["AGEBO_ACTIVATE"], *SHORT, "--max-evals", "8")
    done = agebo("submit", *words, env={**cluster.env, "AGEBO_RUN": ""}, cwd=place)
    assert done.returncode == 0, done.stderr
    [number] = re.findall(r"^\d+$", done.stdout, re.MULTILINE)
    job = cluster.wait(int(number), START)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), output_of(job)
    check_whole(env, 8)
