"""What is installed here, for bug reports: versions, MPI, devices, cores.

MPI and TensorFlow are asked in child processes with a time limit, so that a broken library can
neither hang nor kill the process that reports.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agebo_hpc import __version__
from agebo_hpc.diagnostics.mpi_match import mismatch, version_text
from agebo_hpc.execution.mpi.start import start_mpi
from agebo_hpc.job.launcher import LAUNCHER_PREFIXES
from agebo_hpc.processes.own_program import own_environment
from agebo_hpc.training.ways import choose_way, has_horovod, here
from agebo_hpc.versions import installed_versions

PROBES = {
    "mpi": ("agebo_hpc.diagnostics.installation", "mpi_library"),
    "devices": ("agebo_hpc.training.probe", "devices"),
    "horovod": ("agebo_hpc.training.probe", "horovod_build"),
    "hdf5": ("agebo_hpc.storage.probe", "hdf5_version"),
}
"""Name in the report -> (module, function without arguments that returns JSON data)."""


def mpi_library() -> dict[str, Any]:
    """Return vendor, version and thread level of MPI. Initialises MPI: for a child process."""
    MPI = start_mpi()  # noqa: N806 (mpi4py's name)
    levels = ("single", "funneled", "serialized", "multiple")
    values = [getattr(MPI, f"THREAD_{level.upper()}") for level in levels]
    name, version = MPI.get_vendor()
    library = MPI.Get_library_version().split("\0")[0].strip()
    return {
        "vendor": f"{name} {'.'.join(map(str, version))}",
        "library": library.splitlines()[0],
        "standard": ".".join(map(str, MPI.Get_version())),
        "thread_level": levels[values.index(MPI.Query_thread())],
        **_mpirun_for(library),
    }


def _mpirun_for(library: str) -> dict[str, str]:
    """Look for mpirun on PATH, then beside the interpreter of an environment not activated."""
    on_path = shutil.which("mpirun")
    beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
    if on_path is None:
        return {"mpirun": f"{beside} (not on PATH)" if beside else "not on PATH", "mismatch": ""}
    problem = mismatch(library, on_path, version_text(on_path))
    if problem and beside and not mismatch(library, beside, version_text(beside)):
        return {"mpirun": f"{beside} (not on PATH; {on_path} is of another MPI)", "mismatch": ""}
    return {"mpirun": on_path, "mismatch": problem}


def probe(name: str, timeout: float) -> Any:
    """Return a probe's answer, or ``{"problem": one line}``. Local.

    Parameters
    ----------
    name
        One of PROBES.
    timeout
        Seconds, > 0, after which the child is killed.
    """
    if name == "horovod" and not has_horovod():
        return "not installed"
    module, function = PROBES[name]
    code = f"import json; from {module} import {function} as f; print(json.dumps(f()))"
    # A child that believes it is a rank of our own job would wait for the others.
    env = {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHER_PREFIXES)}
    env.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    home = str(Path(__file__).parents[2])
    env = own_environment({**env, "PYTHONPATH": f"{home}{os.pathsep}{env.get('PYTHONPATH', '')}"})
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"no answer within {timeout:g} s"}
    if done.returncode != 0 or not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or ["no message"]
        return {"problem": f"exit code {done.returncode}: {lines[-1]}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def memory() -> dict[str, float | None]:
    """Return total, available and (by control group) allowed memory in GiB, None if unknown."""
    found: dict[str, float | None] = {"total": None, "available": None, "allowed": None}
    for key, field in (("total", "MemTotal:"), ("available", "MemAvailable:")):
        for line in _read("/proc/meminfo").splitlines():
            if line.startswith(field):
                found[key] = round(int(line.split()[1]) / 2**20, 1)
    allowed = _read("/sys/fs/cgroup/memory.max").strip()
    if allowed.isdigit():
        found["allowed"] = round(int(allowed) / 2**30, 1)
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def graphics_cards(timeout: float) -> list[str]:
    """Return one line for each card that nvidia-smi lists; empty without nvidia-smi."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def describe_installation(timeout: float) -> dict[str, Any]:
    """Return the whole report as JSON data. Local.

    Parameters
    ----------
    timeout
        Seconds, > 0, for each child process; they run at the same time.
    """
    with ThreadPoolExecutor(len(PROBES)) as pool:
        answers = dict(
            zip(PROBES, pool.map(lambda name: probe(name, timeout), PROBES), strict=True)
        )
    return {
        "agebo_hpc": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "host": platform.node(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": memory(),
        "graphics_cards": graphics_cards(timeout),
        **answers,
        "data_parallel": str(choose_way("auto", here())),
        "versions": installed_versions(),
    }
