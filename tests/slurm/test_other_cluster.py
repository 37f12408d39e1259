"""Jobs on a Slurm of another configuration: unequal nodes, arrays, partitions that preempt."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest
from acknowledged import finished, wait_until
from other_user import interpreter_for, reachable

from agebo_hpc.storage.reader import read_history, read_replay

ROOT = Path(__file__).parents[2]
CPU = ROOT / "slurm" / "cpu.sbatch"
CHAIN = ROOT / "slurm" / "chain.sh"
WAIT = 900
"""Seconds that are waited at most, on the slowest machine."""
SEARCH = ("--simulate", "lognormal:mean=3,sigma=0.3", "--epochs", "20", "--processes", "1")

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(2400)]


def output_of(job):
    """Return a job's output. A task's is named by the name that it was submitted with."""
    path = Path(job["StdOut"])
    files = [path, *path.parent.glob(f"*-{path.stem.rpartition('-')[2]}.out")]
    return next((f.read_text(errors="replace") for f in files if f.is_file()), "")


def test_nodes_of_two_sizes_have_slots_and_local_ranks_by_their_own_cores(other_cluster, desk):
    place, env = desk
    del env["AGEBO_SLOTS_PER_NODE"], env["AGEBO_THREADS_PER_SLOT"]
    env |= {"AGEBO_SHOW_RANKS": "1"}
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1,2", "--max-evals", "8")
    job = other_cluster.wait(
        other_cluster.submit("--nodes=2", CPU, *words, env=env, cwd=place), WAIT
    )
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert "w2: 2 cores by SLURM_JOB_CPUS_PER_NODE; 2 slots of 1 thread a" in text
    assert "w4: 4 cores by SLURM_JOB_CPUS_PER_NODE; 4 slots of 1 thread a" in text
    for node, number in (("w2", 2), ("w4", 4)):
        lines = [line for line in text.splitlines() if f"node {node}: group" in line]
        assert [line.split("local rank ")[1][0] for line in lines] == [
            str(i) for i in range(number)
        ]
    assert len(read_history(env["AGEBO_RUN"])) == 8


def test_a_job_of_some_cores_of_a_node_has_as_many_slots(other_cluster, desk):
    place, env = desk
    del env["AGEBO_SLOTS_PER_NODE"], env["AGEBO_THREADS_PER_SLOT"]
    script = place / "part.sbatch"
    text = CPU.read_text().replace("#SBATCH --exclusive\n", "#SBATCH --cpus-per-task=2\n")
    script.write_text(text)
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1", "--max-evals", "4")
    job = other_cluster.wait(
        other_cluster.submit(
            *("--nodes=1", "--ntasks=1", "--nodelist=w4", script, *words),
            env={**env, "AGEBO_HOME": str(ROOT)},
            cwd=place,
        ),
        WAIT,
    )
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert "2 cores and 0 GPUs a node, by SLURM_JOB_CPUS_PER_NODE" in text
    assert "ranks: 3, that is 1 manager and 2 trainers" in text


def test_the_searches_of_an_array_are_independent_and_none_runs_again(other_cluster, desk, agebo):
    place, env = desk
    run = Path(env["AGEBO_RUN"])
    words = ("--array=1-4", "--nodes=1", CPU, *SEARCH, "--max-evals", "10")
    array = other_cluster.submit(*words, env=env, cwd=place)

    def rows(task):
        return len(finished(run / str(task)))

    cancelled = []

    def reaches(condition):
        """Tell whether it holds; in passing cancel task 3 once it has rows."""
        if not cancelled and rows(3) >= 2:
            cancelled.append(other_cluster.run(["scancel", f"{array}_3"]))
        return condition()

    for restart in (1, 2):
        known = rows(2)
        wait_until(lambda n=known: reaches(lambda: rows(2) > n), "task 2 does not go on")
        assert other_cluster.run(["scontrol", "requeue", f"{array}_2"]).returncode == 0
        wait_until(
            lambda r=str(restart): reaches(
                lambda: other_cluster.job(f"{array}_2").get("Restarts") == r
            ),
            "task 2 is not requeued",
        )
    wait_until(lambda: reaches(lambda: bool(cancelled)), "task 3 does not begin")
    ends = {task: other_cluster.wait(f"{array}_{task}", WAIT) for task in (1, 2, 3, 4)}
    states = [ends[task]["JobState"] for task in (1, 2, 3, 4)]
    assert states == ["COMPLETED", "COMPLETED", "CANCELLED", "COMPLETED"]
    assert [ends[task]["Restarts"] for task in (1, 2, 4)] == ["0", "2", "0"]
    assert [ends[task]["JobName"] for task in (1, 2)] == ["agebo-1", "agebo-2"]
    for task in (1, 2, 4):
        assert sorted(finished(run / str(task))) == list(range(10)), "lost, or done twice"
    assert 0 < rows(3) < 10
    assert len({tuple(read_history(run / str(t)).architecture[0]) for t in (1, 2, 3, 4)}) == 4

    # A second array of the chain ends what is left, and what was complete leaves at once.
    sessions = {task: len(read_replay(run / str(task)).sessions) for task in (1, 2, 4)}
    words = ["1", run, CPU, "--array=1-4", "--nodes=1", "--", *SEARCH, "--max-evals", "10"]
    done = other_cluster.run([CHAIN, *words], env=env, cwd=place)
    assert done.returncode == 0, done.stderr
    chained = int(done.stdout)
    for task in (1, 2, 3, 4):
        assert other_cluster.wait(f"{chained}_{task}", WAIT)["ExitCode"] == "0:0"
        assert sorted(finished(run / str(task))) == list(range(10))
    assert sessions == {task: len(read_replay(run / str(task)).sessions) for task in (1, 2, 4)}
    runs = [run / str(task) for task in (1, 2, 3, 4)]
    done = agebo("analyze", *runs, "--out", place / "figures", cwd=place)
    assert done.returncode == 0, done.stderr


def test_a_chain_of_arrays_goes_on_where_one_task_stopped_early(other_cluster, desk):
    place, env = desk
    run = Path(env["AGEBO_RUN"])
    words = ["2", run, CPU, "--array=0-3:3%2", "--nodes=1", "--", *SEARCH, "--max-evals", "10"]
    done = other_cluster.run([CHAIN, *words], env=env, cwd=place)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    wait_until(lambda: len(finished(run / "3")) >= 2, "task 3 does not begin")
    other_cluster.run(["scancel", "--batch", "--signal=USR2", f"{first}_3"])
    assert other_cluster.wait(f"{first}_3", WAIT)["ExitCode"] == "75:0"
    assert other_cluster.wait(f"{first}_0", WAIT)["ExitCode"] == "0:0"
    assert len(finished(run / "3")) < 10
    for task in (0, 3):
        assert other_cluster.wait(f"{second}_{task}", WAIT)["ExitCode"] == "0:0"
        assert sorted(finished(run / str(task))) == list(range(10)), "lost, or done twice"
        log = (run / str(task) / "log.txt").read_text()
        assert " leaves " in log and "nobody says" not in log
    sessions = {task: len(read_replay(run / str(task)).sessions) for task in (0, 3)}
    assert sessions == {0: 1, 3: 2}
    # A task that is complete is not searched again, also when somebody requeues it.
    assert other_cluster.run(["scontrol", "requeue", f"{second}_3"]).returncode == 0
    wait_until(
        lambda: other_cluster.job(f"{second}_3").get("Restarts") == "1", "it is not requeued"
    )
    assert other_cluster.wait(f"{second}_3", WAIT)["ExitCode"] == "0:0"
    assert len(read_replay(run / "3").sessions) == 2


@pytest.mark.parametrize("partition", ["low", "kind"])
def test_a_job_that_is_preempted_goes_on(other_cluster, desk, partition):
    place, env = desk
    run = Path(env["AGEBO_RUN"])
    words = ("--nodes=2", f"--partition={partition}", CPU, *SEARCH, "--max-evals", "16")
    number = other_cluster.submit(*words, env=env, cwd=place)
    wait_until(lambda: len(finished(run)) >= 2, "the search does not begin")
    known = finished(run)
    urgent = other_cluster.submit(
        *("--partition=high", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 3"),
        cwd=place,
    )
    assert other_cluster.wait(urgent, WAIT)["JobState"] == "COMPLETED"
    job = other_cluster.wait(number, WAIT)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"], job["Restarts"]) == ("COMPLETED", "0:0", "1"), text
    assert sorted(finished(run)) == list(range(16)) and set(known) <= set(range(16))
    first = read_replay(run).sessions[0]
    if partition == "kind":
        assert first.end is not None and "the search stopped in order" in text


def test_a_wish_that_a_partition_does_not_grant_is_refused_before_it_is_sent(
    other_cluster, desk, agebo
):
    place, env = desk
    words = ("--site", "slurm-cpu", "--queue", "short", "--run", place / "run", *SEARCH)
    habits = {"SLURM_TIME_FORMAT": "relative", "SQUEUE_FORMAT": "%i", "AGEBO_RUN": ""}
    known = {**other_cluster.env, **habits}
    done = agebo("submit", "--walltime", "1h", *words, env=known, cwd=place)
    assert done.returncode == 2
    assert "--walltime is 60m but partition short allows 2m" in done.stderr
    done = agebo("submit", "--walltime", "2m", "--nodes", "3", *words, env=known, cwd=place)
    assert done.returncode == 2 and "--nodes is 3 but partition short" in done.stderr
    assert not other_cluster.run(["squeue", "-h"]).stdout


def test_a_checkout_below_a_directory_with_a_blank_is_found_and_habits_hide_no_deadline(
    other_cluster, desk
):
    place, env = desk
    copy = place / "my work" / "check out"
    (copy / "slurm").mkdir(parents=True)
    (copy / "slurm" / "cpu.sbatch").write_text(CPU.read_text())
    for name in ("agebo_hpc", "jobs"):
        (copy / name).symlink_to(ROOT / name)
    elsewhere = place / "else where"
    elsewhere.mkdir()
    habits = {"SLURM_TIME_FORMAT": "relative", "SQUEUE_FORMAT": "%i", "SQUEUE_STATES": "PENDING"}
    del env["AGEBO_RUN"]
    number = other_cluster.submit(
        *("--nodes=1", "--time=5", "--array=7", copy / "slurm" / "cpu.sbatch"),
        *("--simulate", "lognormal:mean=0.3", "--processes", "1", "--max-evals", "3"),
        env={**env, **habits, "LC_ALL": "C.UTF-8"},
        cwd=elsewhere,
    )
    job = other_cluster.wait(f"{number}_7", WAIT)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    run = elsewhere / "runs" / f"agebo-{number}" / "7"
    assert len(read_history(run)) == 3
    log = (run / "log.txt").read_text()
    assert "squeue leaves" in log and "nobody says" not in log + text


@pytest.fixture
def common_place():
    """Return a directory that every user may enter; pytest's own are closed to others."""
    place = Path(tempfile.mkdtemp(prefix="agebo-user-", dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("executor", ["mpi", "steps"])
def test_an_ordinary_user_can_run_a_job(other_cluster, common_place, executor):
    user = "daemon"
    path = interpreter_for(user, common_place)
    checkout = reachable(ROOT, user, common_place)
    desk = common_place / "desk"
    desk.mkdir()
    os.chown(desk, *pwd.getpwnam(user)[2:4])
    (desk / "activate").write_text(f"export PATH={path}:$PATH OMP_NUM_THREADS=1\n")
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1", "--max-evals", "4")
    number = other_cluster.submit(
        *("--nodes=2", checkout / "slurm" / "cpu.sbatch", *words),
        env={
            "AGEBO_ACTIVATE": str(desk / "activate"),
            "AGEBO_EXECUTOR": executor,
            "PYTHONPATH": str(checkout),
            "HOME": str(desk),
            "USER": user,
        },
        cwd=desk,
        user=user,
    )
    job = other_cluster.wait(number, WAIT)
    text = output_of(job)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    [run] = (desk / "runs").glob("agebo-*/")
    assert sorted(finished(run)) == list(range(4))
    owners = {path.stat().st_uid for path in (run, *run.rglob("*"))}
    assert owners == {pwd.getpwnam(user).pw_uid}, "root wrote some of it"
