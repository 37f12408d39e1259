"""Every MPI below every launcher that starts its ranks, in jobs of two nodes of a real Slurm.

For each: a search of evaluations of one and two processes, a rank killed by signal 9 and the
requeue after it, a signal and the requeue after that, evaluations as steps, retraining on two
ranks. For each that does not start ranks: what is said. `pytest -s` shows codes, last lines, rows.
"""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from acknowledged import finished, wait_until
from site_mpi import PACKAGED, PACKAGES, make_site, rank_process

from agebo_hpc.storage.reader import read_history

ROOT = Path(__file__).parents[2]
CPU = ROOT / "slurm" / "cpu.sbatch"
WAIT = 900
EVALUATIONS = 20
SEARCH = ("--simulate", "lognormal:mean=4,sigma=0.3", "--epochs", "20", "--processes", "1,2")

STARTED = [
    (PACKAGED, "mpirun", "none"),
    (PACKAGED, "srun", "pmix"),
    ("openmpi", "mpirun", "none"),
    ("openmpi", "srun", "pmix"),
    ("mpich", "hydra", "none"),
    ("mpich", "srun", "pmi2"),
]
"""MPI, launcher and plug-in of srun that go together."""

NOT_STARTED = [
    *((mpi, plugin) for mpi in (PACKAGED, "openmpi") for plugin in ("pmi2", "none")),
    *(("mpich", plugin) for plugin in ("pmix", "none")),
]

NODE_OF_PROXY = """#!/bin/bash
# Hydra hands the environment of the first node to all ranks; its proxy on a node has that node's.
name=$(tr '\\0' '\\n' </proc/$PPID/environ | sed -n 's/^SLURMD_NODENAME=//p')
export AGEBO_NODE_NAME="${name:-$SLURMD_NODENAME}"
"""
NODE_OF_RANK = '#!/bin/sh\nexport AGEBO_NODE_NAME="$SLURMD_NODENAME"\n'

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def any_site(tmp_path_factory):
    """Return what makes the site of an MPI, once."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = make_site(name, tmp_path_factory.mktemp(name))
        return made[name]

    return make


@pytest.fixture
def at_site(any_site, tmp_path):
    """Return what names the environment of a job at the site of an MPI."""

    def environment(name, launcher, plugin):
        site = any_site(name)
        # All nodes are this host: each process is told on which it runs.
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        head = NODE_OF_PROXY if name == "mpich" else NODE_OF_RANK
        python.write_text(f'{head}exec {site.python} "$@"\n')
        python.chmod(0o755)
        path = f"{python.parent}:{site.bin}"
        lines = [f"export PATH={path}:$PATH PYTHONPATH={ROOT} OMP_NUM_THREADS=1"]
        if name == "openmpi":
            # The two nodes share /dev/shm, which its ranks take for shared memory.
            lines.append("export OMPI_MCA_btl=tcp,self OMPI_MCA_btl_tcp_if_include=lo")
        (tmp_path / "activate").write_text("\n".join(lines) + "\n")
        # Debian's PMIx under srun and Open MPI 5 get on with two ranks of a node, not with three.
        slots = "1" if (name, launcher) == (PACKAGED, "srun") else "2"
        env = {
            "AGEBO_ACTIVATE": str(tmp_path / "activate"),
            "AGEBO_RUN": str(tmp_path / "run"),
            "AGEBO_LAUNCHER": launcher,
            "AGEBO_SRUN_MPI": plugin,
            "AGEBO_SLOTS_PER_NODE": slots,
            "AGEBO_THREADS_PER_SLOT": "1",
            "AGEBO_SHOW_RANKS": "1",
        }
        for more in ("", "_CONFIRM"):
            env |= {f"{name}_ALLOW_RUN_AS_ROOT{more}": "1" for name in ("OMPI", "PRTE")}
        return env

    return environment


def output_of(job):
    path = Path(job["StdOut"])
    return path.read_text(errors="replace") if path.is_file() else ""


def show(*words, sep=" "):
    sys.stdout.write(sep.join(map(str, words)) + "\n")


def processes_of(env):
    """Return the choices of n: a group has as many ranks as a node has slots."""
    return "1" if env["AGEBO_SLOTS_PER_NODE"] == "1" else "1,2"


@pytest.mark.parametrize(("mpi", "launcher", "plugin"), STARTED)
def test_a_killed_rank_and_a_signal_cost_no_row_and_the_job_goes_on(
    cluster, at_site, tmp_path, mpi, launcher, plugin
):
    env = at_site(mpi, launcher, plugin)
    run = tmp_path / "run"
    words = (*SEARCH[:-1], processes_of(env), "--max-evals", EVALUATIONS)
    number = cluster.submit(CPU, *map(str, words), env=env, cwd=tmp_path)
    wait_until(lambda: len(finished(run)) >= 3, f"no row\n{output_of(cluster.job(number))}")
    at_kill = len(finished(run))
    os.kill(wait_until(lambda: rank_process(run, 2), "no rank 2"), signal.SIGKILL)
    wait_until(lambda: cluster.job(number).get("Restarts") == "1", "no requeue after the kill")
    wait_until(lambda: len(finished(run)) > at_kill + 2, "it does not go on after the kill")
    at_signal = len(finished(run))
    cluster.run(["scancel", "--batch", "--signal=USR2", str(number)])
    job = cluster.wait(number, WAIT)
    text = output_of(job)
    ends = [line.split("agebo: ")[1] for line in text.splitlines() if "launcher ended" in line]
    show(mpi, launcher, plugin, "rows", at_kill, at_signal, len(finished(run)), ends)
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert "2 worker groups" in text and "on 2 nodes" in text
    assert "the search was killed" in ends[0], ends
    assert any("stopped in order" in end for end in ends[1:-1]), ends
    assert int(job["Restarts"]) == len(ends) - 1 >= 2
    assert sorted(finished(run)) == list(range(EVALUATIONS)), "lost, or done twice"
    assert set(map(str, read_history(run).num_processes)) == set(processes_of(env).split(","))


@pytest.mark.parametrize(("mpi", "launcher", "plugin"), STARTED)
def test_every_evaluation_is_a_step_of_the_sites_launcher(
    cluster, at_site, tmp_path, mpi, launcher, plugin
):
    env = {
        **at_site(mpi, launcher, plugin),
        "AGEBO_EXECUTOR": "steps",
        "AGEBO_SLOTS_PER_NODE": "2",
    }
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1,2", "--max-evals", "8")
    job = cluster.wait(cluster.submit(CPU, *words, env=env, cwd=tmp_path), WAIT)
    text = output_of(job)
    show(mpi, launcher, plugin, "steps", job["ExitCode"], text.splitlines()[-1])
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    history = read_history(tmp_path / "run")
    assert sorted(finished(tmp_path / "run")) == list(range(8))
    assert set(history.num_processes) == {1, 2}
    ranks = {rank for ranks in history.ranks for rank in ranks}
    assert ranks & {1, 2} and ranks & {3, 4}, "one of the nodes had no step"


@pytest.fixture(scope="module")
def found(agebo, tiny_dataset, tmp_path_factory):
    """Return the directory of a search that trained two networks."""
    run = tmp_path_factory.mktemp("found") / "run"
    words = ("--preset", "v1-small", "--epochs", "1", "--executor", "serial", "--max-evals", "2")
    done = agebo("search", tiny_dataset, *words, "--out", run)
    assert done.returncode == 0, done.stderr
    return run


LAUNCH = {
    "mpirun": "mpirun -n 2 --map-by ppr:1:node --bind-to none",
    "hydra": "mpiexec -n 2 -ppn 1 -bind-to none -genvall",
    "srun": "srun --mpi={} --nodes=2 --ntasks=2 --kill-on-bad-exit=1 --wait=60",
}


@pytest.mark.parametrize(("mpi", "launcher", "plugin"), STARTED)
def test_a_model_is_trained_again_on_a_rank_of_each_node(
    cluster, at_site, found, tmp_path, mpi, launcher, plugin
):
    env = at_site(mpi, launcher, plugin)
    words = f"{LAUNCH[launcher].format(plugin)} python -m agebo_hpc retrain {found}"
    words += f" --data-parallel mpi --threads 1 --out {tmp_path / 'model'}"
    script = f". {tmp_path / 'activate'}; {words}"
    options = ("--nodes=2", "--exclusive", "--open-mode=append", "--output=%x-%j.out")
    number = cluster.submit(*options, f"--wrap={script}", env=env, cwd=tmp_path)
    job = cluster.wait(number, WAIT)
    text = output_of(job)
    show(mpi, launcher, plugin, "retrain", job["ExitCode"], text.splitlines()[-1])
    assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), text
    assert "with 2 ranks, by MPI" in text
    assert (tmp_path / "model" / "model.json").exists()


@pytest.mark.parametrize(("mpi", "plugin"), NOT_STARTED)
def test_a_plugin_of_srun_that_the_mpi_does_not_know_ends_the_job_and_nothing_is_left(
    cluster, at_site, tmp_path, mpi, plugin
):
    env = at_site(mpi, "srun", plugin)
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1", "--max-evals", "4")
    job = cluster.wait(cluster.submit(CPU, *words, env=env, cwd=tmp_path), WAIT)
    text = output_of(job)
    show(mpi, "srun", plugin, job["ExitCode"], *text.splitlines()[-14:], sep="\n")
    # 1 where all ranks of Open MPI 4 failed by themselves before srun ended them.
    assert job["ExitCode"] in ("71:0", "1:0") and job["Restarts"] == "0", text
    assert "the reason stands above" in text.splitlines()[-2]
    assert "MPI says the world has 1 rank" in text or "MPI_Init_thread" in text
    assert not (tmp_path / "run" / "history.h5").exists()


def about_mpi(site, env=None):
    """Return what `info` says of the launcher that is found and the library that is linked."""
    done = site.run("info", "--json", env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["mpi"]


@pytest.mark.parametrize("name", [PACKAGED, *sorted(PACKAGES)])
def test_info_and_smoke_say_which_mpi_is_meant(any_site, name):
    site = any_site(name)
    assert not about_mpi(site)["mismatch"]
    for other in sorted({PACKAGED, *PACKAGES} - {name}):
        env = {"PATH": f"{any_site(other).bin}:/usr/bin:/bin"}
        said = about_mpi(site, env)
        show(name, "with the mpirun of", other, said["mismatch"] or said["mpirun"])
        if name == PACKAGED:
            # Its own launcher stands beside the interpreter and is named instead.
            assert "is of another MPI" in said["mpirun"]
            continue
        assert "mpi4py is linked to" in said["mismatch"] and "belongs to" in said["mismatch"]
        done = site.run("smoke", env=env)
        assert done.returncode == 71 and "belongs to" in done.stderr, done.stderr
