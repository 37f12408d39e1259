"""Searches under a site's own MPI: Debian's Open MPI 4.1 and MPICH 4.0, mpi4py built for each."""

import json
import os
import signal
import subprocess
import time

import pytest
from acknowledged import finished
from site_mpi import PACKAGES, WAIT, install, module_of, rank_process

from agebo_hpc.storage.reader import read_history

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(3600)]


def begun(site, run, number):
    """Start an endless search of four ranks; return its launcher once it has so many rows."""
    words = ("--simulate", "lognormal:mean=3,sigma=0.3", "--epochs", "20", "--processes", "1,2")
    with (run.parent / "output").open("wb") as output:
        launcher = subprocess.Popen(
            site.agebo("search", *words, "--max-evals", 500, "--out", run, ranks=4),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=site.env,
        )
    deadline = time.monotonic() + WAIT
    while len(finished(run)) < number:
        assert launcher.poll() is None and time.monotonic() < deadline, (
            run.parent / "output"
        ).read_text(errors="replace")
        time.sleep(0.5)
    return launcher


def test_evaluations_of_one_and_two_processes(site, tmp_path):
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1,2", "--max-evals", "10")
    done = site.run("search", *words, "--out", tmp_path / "run", ranks=4)
    assert done.returncode == 0, done.stderr
    history = read_history(tmp_path / "run")
    assert len(history) == 10 and set(history.num_processes) == {1, 2}


def test_a_signal_stops_in_order_and_the_search_goes_on(site, tmp_path):
    run = tmp_path / "run"
    launcher = begun(site, run, 3)
    launcher.send_signal(signal.SIGTERM if site.name == "mpich" else signal.SIGUSR2)
    # MPICH's launcher says 0 for every orderly end.
    assert launcher.wait(WAIT) == (0 if site.name == "mpich" else 75)
    assert json.loads((run / "status.json").read_text())["exit_code"] == 75
    known = finished(run)
    done = site.run("resume", run, "--max-evals", len(known) + 6, ranks=4)
    assert done.returncode == 0, done.stderr
    assert sorted(finished(run)) == list(range(len(known) + 6)), "lost, or done twice"


def test_the_kill_of_a_rank_costs_no_row_and_says_what_to_do(site, tmp_path):
    run = tmp_path / "run"
    launcher = begun(site, run, 3)
    known = finished(run)
    os.kill(rank_process(run, 2), signal.SIGKILL)
    code = launcher.wait(WAIT)
    assert code == (9 if site.name == "mpich" else 137)
    assert set(known) <= set(finished(run))
    verdict = subprocess.run(
        [site.python, "-m", "agebo_hpc.launch.verdict", run, "--code", str(code)],
        capture_output=True,
        text=True,
        env=site.env,
    )
    assert verdict.stdout.startswith("75 "), verdict
    done = site.run("resume", run, "--max-evals", 12, ranks=4)
    assert done.returncode == 0, done.stderr
    assert sorted(finished(run)) == list(range(12))


def test_each_evaluation_as_a_step_of_the_sites_launcher(site, tmp_path):
    words = ("--simulate", "lognormal:mean=0.3", "--processes", "1,2", "--max-evals", "4")
    launcher = "hydra" if site.name == "mpich" else "mpirun"
    env = {"AGEBO_LAUNCHER": launcher, "AGEBO_SLOTS_PER_NODE": "2"}
    words = ("search", "--executor", "steps", *words, "--out", tmp_path / "run")
    done = site.run(*words, env=env)
    assert done.returncode == 0, done.stderr
    assert len(read_history(tmp_path / "run")) == 4


def test_a_launcher_of_another_mpi_is_found_before_a_search(site, tmp_path):
    other = next(name for name in PACKAGES if name != site.name)
    install(other)
    module_of(other, tmp_path / "bin")
    done = site.run("info", env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    assert done.returncode == 0 and "mpi4py is linked to" in done.stdout, done.stdout
    done = site.run("smoke", env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    assert done.returncode == 71 and "belongs to" in done.stderr, done.stderr
