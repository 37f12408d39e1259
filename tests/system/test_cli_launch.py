"""`script`, `submit` and `sites` as they are called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agebo_hpc.launch.site import site_names
from agebo_hpc.storage.reader import read_history


@pytest.mark.parametrize("name", site_names())
def test_a_script_for_every_site_parses_and_names_its_numbers(agebo, tiny_dataset, name):
    done = agebo("script", "--site", name, "--walltime", "3h", tiny_dataset, "--kappa", "0.1")
    assert done.returncode == 0, done.stderr
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
    words = ["ranks", "groups", "cores", "evaluations", "memory", "disk"]
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("# ")][
        1:7
    ] == (words)
    assert done.stdout.splitlines()[-1] == f"agebo_job {tiny_dataset} --kappa 0.1"
    assert "(estimated for this data set, on " in done.stdout


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
        (["--site", "slurm-cpu", "--walltime", "UNLIMITED"], 2, "stops in order before its end"),
        (["--site", "slurm-cpu", "--walltime", "1h", "--memory", "much"], 2, "such as 64G"),
        (["--site", "theta", "--walltime", "1h", "--memory", "64G"], 2, "nodes whole"),
        (["--site", "polaris", "--walltime", "1h", "--memory", "9T"], 2, "of polaris has 512 GiB"),
    ],
)
def test_a_mistake_is_said_in_one_line(agebo, words, code, said):
    done = agebo("script", *words)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr


WORDS = ["--site", "slurm-cpu", "--walltime", "1h"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.h5"], 66, "nowhere.h5"),
        (["DATA", "--kapa", "0.1"], 2, "--kappa"),
        (["DATA", "--kappa", "-1"], 2, "--kappa is -1"),
        (["DATA", "--metric", "r2"], 78, "r2"),
        (["DATA", "--metric", "accurracy"], 2, "--metric"),
        (["DATA", "--max-evals", "many"], 2, "--max-evals is many"),
        (["DATA", "more.h5"], 2, "more.h5"),
        (["DATA", "--fix", "no_such=3"], 78, "no_such"),
        (["DATA", "--problem", "nowhere.py:mine"], 66, "nowhere.py"),
        (["DATA", "--preset", "v9"], 78, "v9"),
        (["DATA", "--processes", "1,512"], 2, "--processes allows 512"),
        ([__file__, "--max-evals", "3"], 65, "test_cli_launch"),
    ],
)
@pytest.mark.parametrize("command", ["script", "submit"])
def test_a_search_that_would_not_run_is_refused_before_it_is_sent(
    agebo, tiny_dataset, tmp_path, command, words, code, said
):
    words = [str(tiny_dataset) if word == "DATA" else word for word in words]
    done = agebo(command, *WORDS, "--run", tmp_path / "run", *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr and not done.stdout
    assert not list(tmp_path.iterdir())


def test_data_on_another_machine_are_not_looked_at_and_options_are(agebo):
    words = [*WORDS, "--data-elsewhere", "/there/d.h5"]
    done = agebo("script", *words, "--metric", "r2")
    assert done.returncode == 0 and "data set not known" in done.stdout, done.stderr
    assert agebo("script", *words, "--metric", "r3").returncode == 2


@pytest.mark.parametrize(
    ("site", "text", "said"),
    [
        ("slurm-cpu", "90", "--time=01:30:00"),
        ("slurm-cpu", "90:30", "--time=01:30:30"),
        ("slurm-cpu", "1-12", "--time=36:00:00"),
        ("slurm-cpu", "1-12:30", "--time=36:30:00"),
        ("slurm-cpu", "1-12:30:15", "--time=36:30:15"),
        ("slurm-cpu", "02:30:00", "--time=02:30:00"),
        ("slurm-cpu", "90m", "--time=01:30:00"),
        ("polaris", "5400", "walltime=01:30:00"),
        ("polaris", "90:00", "walltime=01:30:00"),
        ("theta", "90", "-t 90"),
    ],
)
def test_a_length_is_read_as_the_sites_scheduler_reads_it(agebo, site, text, said):
    done = agebo("script", "--site", site, "--walltime", text)
    assert done.returncode == 0 and said in done.stdout, done.stderr
    assert ("note: --walltime" in done.stderr) == text.isdigit()


def test_memory_tasks_and_cores_have_lines_of_their_own(agebo):
    asked = ["--memory", "64G", "--slots-per-node", "8", "--threads-per-slot", "4"]
    lines = agebo("script", *WORDS, *asked).stdout.splitlines()
    wanted = {"--ntasks-per-node=8", "--cpus-per-task=4", "--mem=64G"}
    assert {f"#SBATCH {word}" for word in wanted} <= set(lines)
    assert any(" of 64 GiB on a node" in line for line in lines)
    few = agebo("script", *WORDS, "--memory", "1.5G").stdout
    assert "#SBATCH --mem=1536M" in few and "more memory than a node has" in few
    assert (
        ":mem=100gb"
        in agebo("script", "--site", "polaris", "--walltime", "1h", "--memory", "100").stdout
    )


def test_the_estimate_is_that_of_the_evaluations_of_the_run(agebo, tiny_dataset, tmp_path):
    run = tmp_path / "run"
    words = ["search", "--simulate", "lognormal:mean=30,sigma=0", "--executor", "simulated"]
    assert agebo(*words, "--groups", "2", "--max-evals", "6", "--out", run).returncode == 0
    words = ["--simulate", "lognormal:mean=30,sigma=0", "--max-evals", "9"]
    done = agebo("script", *WORDS, "--run", run, *words)
    assert "takes one process 30 s (measured in the run, 6 evaluations)" in done.stdout, (
        done.stderr
    )
    done = agebo("script", *WORDS, "--run", run, "--eval-minutes", "2.5", *words)
    assert "takes one process 2.5 min and" in done.stdout
    done = agebo("script", *WORDS, "--run", run, *words, "--seed", "5")
    assert done.returncode == 78 and "seed 42; now it is 5" in done.stderr


def test_files_are_named_so_that_a_job_finds_them_from_anywhere(agebo, tiny_dataset, tmp_path):
    shutil.copy(tiny_dataset, tmp_path / "d.h5")
    (tmp_path / "mine.py").write_text("from agebo_hpc import Problem\nwide = Problem()\n")
    words = ["--site", "laptop", "--walltime", "1h", "d.h5", "--problem", "mine.py:wide"]
    fix = ("--fix", "batch_size=64")
    done = agebo("script", *words, "--problem=mine.py:wide", *fix, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    problem = f"{tmp_path}/mine.py:wide"
    expected = (
        f"agebo_job {tmp_path}/d.h5 --problem {problem} --problem={problem} --fix batch_size=64"
    )
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
