"""`script`, `submit` and `sites` as they are called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agebo_hpc.launch.site import site_names
from agebo_hpc.storage.reader import read_history


@pytest.mark.parametrize("name", site_names())
def test_a_script_for_every_site_parses_and_names_its_numbers(agebo, tmp_path, name):
    done = agebo("script", "--site", name, "--walltime", "3h", "data.h5", "--kappa", "0.1")
    assert done.returncode == 0, done.stderr
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
    words = ["ranks", "groups", "cores", "evaluations", "memory", "disk"]
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("# ")][
        1:7
    ] == (words)
    assert done.stdout.splitlines()[-1] == "agebo_job data.h5 --kappa 0.1"


def test_a_site_that_is_shown_can_be_edited_and_read_again(agebo, tmp_path):
    done = agebo("sites", "list")
    assert {line.split()[0] for line in done.stdout.splitlines()} == set(site_names())
    shown = agebo("sites", "show", "polaris")
    assert shown.returncode == 0, shown.stderr
    mine = tmp_path / "mine.toml"
    mine.write_text(shown.stdout.replace("cores = 32", "cores = 48"))
    done = agebo("script", "--site", mine, "--nodes", "2", "--walltime", "1h")
    assert done.returncode == 0, done.stderr
    assert "4 x 12 of 48 cores" in done.stdout and "AGEBO_DEVICE_ORDER:-3,2,1,0" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--site", "nowhere", "--walltime", "1h"], 66, "slurm-cpu"),
        (["--site", "laptop", "--walltime", "1h", "--nodes", "2"], 2, "no batch system"),
        (["--site", "theta", "--walltime", "1h", "--continue", "requeue"], 2, "chain"),
        (["--site", "slurm-cpu", "--walltime", "soon"], 2, "not a duration"),
        (["--site", "slurm-cpu"], 2, "--walltime"),
        (["--site", "laptop", "--walltime", "1h", "a.h5", "--out", "run"], 2, "by --run"),
        (["--site", "theta", "--walltime", "1h", "--executor", "steps"], 2, "--executor mpi"),
    ],
)
def test_a_mistake_is_said_in_one_line(agebo, words, code, said):
    done = agebo("script", *words)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr


def test_files_are_named_so_that_a_job_finds_them_from_anywhere(agebo, tmp_path):
    for name in ("mine.py", "d.h5"):
        (tmp_path / name).write_text("")
    words = ["--site", "laptop", "--walltime", "1h", "d.h5", "--problem", "mine.py:wide"]
    done = agebo("script", *words, "--problem=mine.py:wide", "--fix", "a=d", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    problem = f"{tmp_path}/mine.py:wide"
    expected = f"agebo_job {tmp_path}/d.h5 --problem {problem} --problem={problem} --fix a=d"
    assert done.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize(("gpus", "order"), [("2", "AGEBO_DEVICE_ORDER:-1,0}"), ("0", None)])
def test_fewer_gpus_keep_what_they_have_of_the_sites_order(agebo, gpus, order):
    words = ["--site", "polaris", "--walltime", "1h", "--nodes", "2"]
    done = agebo("script", *words, "--gpus-per-node", gpus)
    assert done.returncode == 0, done.stderr
    assert (order or "AGEBO_GPUS_PER_NODE:-0}") in done.stdout
    assert ("AGEBO_DEVICE_ORDER" in done.stdout) == (order is not None)


@pytest.fixture
def sbatch(tmp_path):
    """A stand-in that numbers its jobs and notes its words."""
    path = tmp_path / "bin" / "sbatch"
    path.parent.mkdir()
    path.write_text('#!/bin/bash\necho "$*" >> "$NOTES"\nwc -l < "$NOTES"\n')
    path.chmod(0o755)
    notes = tmp_path / "notes"
    env = {"NOTES": str(notes), "PATH": f"{path.parent}:{os.environ['PATH']}"}
    return env, notes


def test_submit_sends_a_chain_and_a_dry_run_sends_nothing(agebo, tmp_path, sbatch):
    env, notes = sbatch
    words = ["--site", "slurm-cpu", "--walltime", "1h", "--run", tmp_path / "run", "--chain", "3"]
    dry = agebo("submit", "--dry-run", *words, env=env)
    assert dry.returncode == 0, dry.stderr
    assert "#SBATCH --time=01:00:00" in dry.stdout and "afternotok:JOB2" in dry.stdout
    assert not notes.exists() and not list(tmp_path.glob("run*"))
    done = agebo("submit", *words, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "2", "3"]
    sent = notes.read_text().splitlines()
    script = tmp_path / "run.slurm-cpu.sh"
    assert sent[0] == f"--parsable {script}"
    assert "--dependency=afternotok:2" in sent[2]
    assert dry.stdout.startswith(script.read_text())
    assert "AGEBO_CONTINUE=chain" in script.read_text()


def test_a_scheduler_that_is_not_there_is_named(agebo, tmp_path):
    words = ["--site", "polaris", "--walltime", "1h", "--run", tmp_path / "run"]
    done = agebo("submit", *words, env={"PATH": str(Path(sys.executable).parent)})
    assert done.returncode == 71
    assert "no qsub here" in done.stderr


@pytest.mark.slow
@pytest.mark.mpi
def test_on_a_laptop_submit_runs_the_search(agebo, mpirun, tmp_path):
    activate = tmp_path / "activate"
    activate.write_text(f"export PATH={Path(sys.executable).parent}:$PATH\n")
    words = ["--site", "laptop", "--walltime", "10m", "--run", tmp_path / "run"]
    words += ["--slots-per-node", "2", "--threads-per-slot", "1", "--activate", activate]
    done = agebo("submit", *words, "--simulate", "lognormal:mean=0.1", "--max-evals", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 manager and 2 trainers" in done.stdout
    assert len(read_history(tmp_path / "run")) == 4
