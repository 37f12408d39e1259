"""The shell library of batch scripts, with stand-ins for schedulers and launchers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "agebo_hpc" / "launch" / "job.sh"
SCRIPTS = [
    LIBRARY,
    *sorted((ROOT / "slurm").iterdir()),
    *sorted((ROOT / "jobs").glob("*.*")),
    *sorted((ROOT / "jobs" / "sites").iterdir()),
]

PATHS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def bash(code, tmp_path, **env):
    """Source the library and run code; returns the finished process."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail\nsource {LIBRARY}\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", **env},
    )


def stand_in(tmp_path, name, text):
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def slurm(tmp_path):
    """A job of the nodes a and b, each with 8 cores."""
    stand_in(tmp_path, "scontrol", 'if [ "$1" = show ]; then echo a; echo b; else echo "$@"; fi')
    stand_in(tmp_path, "nproc", "echo 8")
    return {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "x", "AGEBO_RUN": str(tmp_path / "run")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_parses_and_shellcheck_has_nothing_to_say(script):
    subprocess.run(["bash", "-n", script], check=True)
    program = shutil.which("shellcheck", path=PATHS)
    if program is None:
        pytest.skip("there is no shellcheck; the extra `test` has it")
    done = subprocess.run(
        [program, "-x", script], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("setting", "slots", "threads", "ranks"),
    [
        ({}, 8, 1, 17),
        ({"AGEBO_SLOTS_PER_NODE": "2"}, 2, 4, 5),
        ({"AGEBO_GPUS_PER_NODE": "4"}, 4, 2, 9),
        ({"AGEBO_CORES_PER_NODE": "32"}, 8, 4, 17),
        ({"SLURM_CPUS_ON_NODE": "4"}, 4, 1, 9),
        ({"AGEBO_LAUNCHER": "aprun"}, 8, 1, 16),
    ],
)
def test_ranks_follow_the_nodes(slurm, tmp_path, setting, slots, threads, ranks):
    code = "agebo_layout >&2; echo $agebo_slots $agebo_threads $agebo_ranks"
    done = bash(code, tmp_path, **slurm, **setting)
    assert done.stdout.split() == [str(slots), str(threads), str(ranks)], done.stderr


def test_more_threads_than_cores_are_refused(slurm, tmp_path):
    setting = {"AGEBO_SLOTS_PER_NODE": "4", "AGEBO_THREADS_PER_SLOT": "4"}
    done = bash("agebo_layout", tmp_path, **slurm, **setting)
    assert done.returncode == 78
    assert "need 16 cores; the node has 8" in done.stderr


def test_the_manager_is_the_first_rank_of_the_first_node(slurm, tmp_path):
    setting = {"AGEBO_SLOTS_PER_NODE": "2", "AGEBO_LAUNCHER": "srun"}
    code = 'agebo_layout >&2; agebo_command; echo "${agebo_words[*]}"; cat "$SLURM_HOSTFILE"'
    done = bash(code, tmp_path, **slurm, **setting)
    words, *hosts = done.stdout.split("\n")[:-1]
    assert hosts == ["a", "a", "a", "b", "b"]
    assert "--ntasks=5 --distribution=arbitrary" in words and "--kill-on-bad-exit=1" in words


@pytest.mark.parametrize(
    ("launcher", "words"),
    [
        ("mpirun", "mpirun -n 5 --hostfile"),
        ("hydra", "mpiexec -n 5 -f"),
        ("mpiexec", "mpiexec -n 4 --ppn 2 --depth 4 --cpu-bind depth"),
        ("aprun", "aprun -n 4 -N 2 -d 4 -cc depth"),
    ],
)
def test_each_launcher_has_its_words(slurm, tmp_path, launcher, words):
    setting = {"AGEBO_SLOTS_PER_NODE": "2", "AGEBO_LAUNCHER": launcher}
    done = bash(
        'agebo_layout >&2; agebo_command; echo "${agebo_words[*]}"', tmp_path, **slurm, **setting
    )
    assert done.stdout.startswith(words), done.stdout
    if launcher == "hydra":
        assert (tmp_path / "run.hosts.counts").read_text() == "a:3\nb:2\n"


def test_the_launchers_own_files_are_in_a_directory_that_goes_with_it(tmp_path):
    code = """agebo_run bash -c 'echo $PRTE_MCA_prte_local_tmpdir_base; exit 9' || echo "code $?"
    ls "$TMPDIR" """
    (tmp_path / "t").mkdir()
    done = bash(code, tmp_path, TMPDIR=str(tmp_path / "t"))
    base, *rest = done.stdout.splitlines()
    assert base.startswith(str(tmp_path / "t")) and rest == ["code 9"], done.stderr


def test_an_unknown_launcher_or_site_is_named(slurm, tmp_path):
    done = bash("agebo_layout", tmp_path, **slurm, AGEBO_LAUNCHER="jsrun")
    assert done.returncode == 78 and "AGEBO_LAUNCHER is jsrun" in done.stderr
    done = bash("agebo_site", tmp_path, **slurm, AGEBO_SITE="nowhere", AGEBO_HOME=str(ROOT))
    assert done.returncode == 78 and "polaris.env" in done.stderr


def test_a_sites_record_in_place_of_its_shell_form_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text("cores = 4\n")
    done = bash("agebo_site", tmp_path, AGEBO_SITE="mine.toml")
    assert done.returncode == 78
    assert "agebo-hpc sites show --shell mine.toml > mine.env" in done.stderr


def test_a_run_directory_among_the_searchs_words_is_refused(slurm, tmp_path):
    for words in ("d.h5 --out x", "d.h5 --out=x"):
        done = bash(f"agebo_search_words {words}", tmp_path, **slurm)
        assert done.returncode == 2
        assert "named by AGEBO_RUN" in done.stderr


def test_slots_that_share_gpus_are_named(slurm, tmp_path):
    setting = {"AGEBO_SLOTS_PER_NODE": "4", "AGEBO_GPUS_PER_NODE": "2"}
    assert "4 slots share 2 GPUs" in bash("agebo_layout", tmp_path, **slurm, **setting).stdout


def test_a_pbs_job_works_where_it_was_submitted(tmp_path):
    place = tmp_path / "desk"
    place.mkdir()
    stand_in(tmp_path, "stopped", "")
    code = 'agebo_environment() { pwd; exit 0; }; agebo_job "words"'
    done = bash(code, tmp_path, PBS_JOBID="7.host", PBS_O_WORKDIR=str(place))
    assert done.stdout.splitlines()[-1] == str(place), done.stderr


def test_nodes_come_from_every_scheduler(tmp_path):
    nodes = tmp_path / "nodes"
    nodes.write_text("p1\np1\np2\n")
    for name in ("PBS_NODEFILE", "COBALT_NODEFILE"):
        assert bash("agebo_nodes", tmp_path, **{name: str(nodes)}).stdout == "p1\np2\n"
    assert len(bash("agebo_nodes", tmp_path, COBALT_JOBSIZE="3").stdout.split()) == 3


def test_the_launchers_code_comes_back_also_after_a_signal(tmp_path):
    # The launcher says 75 when it hears the signal, and takes its time.
    stand_in(
        tmp_path,
        "slow",
        "trap 'sleep 0.3; exit 75' USR2; touch ready; while :; do sleep 0.1; done",
    )
    code = """
        (until [ -e ready ]; do sleep 0.1; done; kill -USR2 $$) &
        rc=0; agebo_run slow || rc=$?; echo "code $rc"
    """
    assert "code 75" in bash(code, tmp_path).stdout
    for number in (0, 3, 70):
        done = bash(f"rc=0; agebo_run bash -c 'exit {number}' || rc=$?; echo $rc", tmp_path)
        assert done.stdout.strip() == str(number)


@pytest.mark.parametrize(
    ("code", "setting", "returned", "said"),
    [
        (0, {}, 0, ""),
        (70, {"AGEBO_CONTINUE": "requeue"}, 70, ""),
        (75, {"AGEBO_CONTINUE": "none"}, 75, "submit again with AGEBO_RUN="),
        (75, {"AGEBO_CONTINUE": "chain"}, 75, "next job of the chain"),
        (75, {"AGEBO_CONTINUE": "requeue"}, 75, "requeue 7"),
        (
            75,
            {"AGEBO_CONTINUE": "requeue", "SLURM_RESTART_COUNT": "2", "AGEBO_MAX_RESTARTS": "2"},
            75,
            "requeued 2 times",
        ),
    ],
)
def test_what_follows_a_job_depends_on_its_code(slurm, tmp_path, code, setting, returned, said):
    stand_in(tmp_path, "sleep", "")
    done = bash(f"agebo_finish {code}", tmp_path, **slurm, **setting)
    assert done.returncode == returned
    assert said in done.stdout


def test_a_stop_file_is_not_run_against(slurm, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "STOP").touch()
    done = bash("agebo_finish 75", tmp_path, **slurm, AGEBO_CONTINUE="requeue")
    assert done.returncode == 75
    assert "remove it" in done.stdout and "requeue 7" not in done.stdout


def test_a_job_that_was_cancelled_is_not_requeued(slurm, tmp_path):
    stand_in(tmp_path, "slow", "trap 'exit 75' USR2; touch ready; while :; do sleep 0.1; done")
    code = """
        (until [ -e ready ]; do sleep 0.1; done; kill -TERM $$) &
        rc=0; agebo_run slow || rc=$?; agebo_finish "$rc"
    """
    done = bash(code, tmp_path, **slurm, AGEBO_CONTINUE="requeue")
    assert done.returncode == 75
    assert "ended from outside" in done.stdout and "requeue 7" not in done.stdout


def test_a_cobalt_job_that_stopped_early_returns_nothing_that_ends_its_chain(tmp_path):
    env = {"COBALT_JOBID": "7", "AGEBO_RUN": str(tmp_path / "run"), "AGEBO_CONTINUE": "chain"}
    assert bash("agebo_finish 75", tmp_path, **env).returncode == 0
    assert bash("agebo_finish 70", tmp_path, **env).returncode == 70
