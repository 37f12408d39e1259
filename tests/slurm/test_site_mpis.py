"""Searches under a site's own MPI: Debian's Open MPI 4.1 and MPICH 4.0, mpi4py built against each.

Needs root and apt for the packages, and a minute of compiling for each MPI.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from agebo_hpc.storage.journal_lines import read_journal
from agebo_hpc.storage.reader import read_history
from agebo_hpc.storage.run_directory import RunDirectory

ROOT = Path(__file__).parents[2]
WAIT = 600
BUILD = 1800
"""Seconds that mpi4py may take to compile, on a machine that does much else."""
PACKAGES = {
    "openmpi": ("openmpi-bin", "libopenmpi-dev"),
    "mpich": ("mpich", "libmpich-dev"),
}
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK")

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(3600)]


@dataclass
class Site:
    """An MPI with the interpreter whose mpi4py is linked to it."""

    name: str
    python: Path
    env: dict

    def launch(self, number):
        if self.name == "mpich":
            return ["mpiexec", "-n", str(number)]
        return ["mpirun", "-n", str(number), "--oversubscribe", "--bind-to", "none"]

    def agebo(self, *words, ranks=0):
        command = self.launch(ranks) if ranks else []
        return [*command, str(self.python), "-m", "agebo_hpc", *map(str, words)]

    def run(self, *words, ranks=0, env=None):
        return subprocess.run(
            self.agebo(*words, ranks=ranks),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT,
            env={**self.env, **(env or {})},
        )


def install(name):
    """Install an MPI where it is missing; skip the test with the reason where that fails."""
    if shutil.which(f"mpicc.{name}"):
        return
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"there is no mpicc.{name}, and root and apt-get are needed to install it")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES[name]]):
        done = subprocess.run(
            ["apt-get", "-qq", *words], capture_output=True, text=True, timeout=300, env=quietly
        )
        if done.returncode != 0:
            pytest.skip(f"apt-get cannot install {name}: {done.stderr.strip()[-300:]}")


def module_of(name, top):
    """Make a directory of links, as a site's module puts it first on PATH."""
    top.mkdir()
    launcher = "mpiexec.hydra" if name == "mpich" else "mpiexec.openmpi"
    links = {"mpirun": f"mpirun.{name}", "mpiexec": launcher, "mpicc": f"mpicc.{name}"}
    if name == "mpich":
        links["hydra_pmi_proxy"] = "hydra_pmi_proxy"
    for link, program in links.items():
        (top / link).symlink_to(shutil.which(program) or pytest.skip(f"there is no {program}"))


@pytest.fixture(scope="module", params=sorted(PACKAGES))
def site(request, tmp_path_factory):
    """Return a site with one of the MPIs: a directory of links and an interpreter."""
    name = request.param
    install(name)
    top = tmp_path_factory.mktemp(name)
    module_of(name, top / "bin")
    subprocess.run([sys.executable, "-m", "venv", top / "venv"], check=True, timeout=WAIT)
    python = top / "venv" / "bin" / "python"
    version = subprocess.run(
        [sys.executable, "-c", "import mpi4py; print(mpi4py.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    words = ["install", "-q", "--no-binary", "mpi4py", "--no-cache-dir", "--no-deps"]
    done = subprocess.run(
        [python, "-m", "pip", *words, f"mpi4py=={version}"],
        capture_output=True,
        text=True,
        timeout=BUILD,
        env={**os.environ, "MPICC": f"/usr/bin/mpicc.{name}"},
    )
    if done.returncode != 0:
        pytest.skip(f"mpi4py cannot be built against {name}: {done.stderr.strip()[-300:]}")
    # What stands behind it: everything else of this environment.
    packages = next((top / "venv" / "lib").glob("python*/site-packages"))
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMPI_", "PMIX_", "PRTE_", "PMI_", "SLURM_", "AGEBO_"))
    }
    env |= {
        "PATH": f"{top / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    return Site(name, python, env)


def finished(run):
    if not (run / "config.toml").exists():
        return []
    events = read_journal(RunDirectory.open(run).journal_path).events
    results = [event["result"] for event in events if "result" in event]
    return [r["evaluation"]["id"] for r in results if r["status"] == "done"]


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


def rank_process(run, rank):
    """Return the process of a rank of a search."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        is_rank = any(f"{name}={rank}".encode() in environment for name in RANKS)
        if is_rank and b"agebo_hpc" in words and str(run).encode() in words:
            return int(entry.name)
    pytest.fail(f"rank {rank} is not found")


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
