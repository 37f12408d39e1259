"""How a job step is started: hosts and slots of the job, and each launcher's words.

Pure functions of an environment, but for `scontrol`, which expands Slurm's list of nodes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.installation import LAUNCHER_PREFIXES

SLOTS_VARIABLE = "AGEBO_SLOTS_PER_NODE"
LAUNCHER_VARIABLE = "AGEBO_LAUNCHER"
LAUNCHERS = ("mpirun", "srun", "hydra", "mpiexec")
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "AGEBO_BIND", "AGEBO_GPUS_PER_NODE")
"""Variables that Open MPI takes along to other nodes."""
SESSION_BASE = "PRTE_MCA_prte_local_tmpdir_base"
"""Where mpirun of Open MPI 5 keeps a job's files, in a directory named after its process id.

It does not start where a killed one of the same id left them; ids come round again.
"""
DEFAULT_SLOTS = 8
"""Slots of a node with more cores: as many processes as the papers give one evaluation."""


@dataclass(frozen=True)
class StepSite:
    """Where steps are started.

    Attributes
    ----------
    hosts
        Nodes of the job, the manager's first.
    slots
        Of each node, >= 1.
    threads
        Cores of a slot, >= 1.
    launcher
        One of LAUNCHERS.
    cores
        Of each node, as far as the manager's own says; 0: not known.
    """

    hosts: tuple[str, ...]
    slots: int
    threads: int
    launcher: str
    cores: int = 0

    def nodes(self) -> list[list[int]]:
        """Return the numbers of each node's slots, counted from 1 over all nodes."""
        return [
            list(range(1 + i * self.slots, 1 + (i + 1) * self.slots))
            for i in range(len(self.hosts))
        ]

    def host(self, slot: int) -> str:
        """Return the node of a slot."""
        return self.hosts[(slot - 1) // self.slots]

    def position(self, slot: int) -> int:
        """Return a slot's number on its node, from 0."""
        return (slot - 1) % self.slots


def find_site(
    cores: int, threads_per_slot: int | None, environ: Mapping[str, str] | None = None
) -> StepSite:
    """Return where the steps of this job are started. Local.

    Parameters
    ----------
    cores
        Of a node, that this job may use.
    threads_per_slot
        Cores of a slot; None: a node's cores divided by its slots.
    environ
        Environment to read; this process's by default.

    Raises
    ------
    LaunchError
        If a variable is wrong, or the launcher is not there.
    """
    environ = os.environ if environ is None else environ
    asked = environ.get(SLOTS_VARIABLE, "")
    if asked and (not asked.isdigit() or int(asked) < 1):
        raise LaunchError(f"{SLOTS_VARIABLE} is {asked}; give a number of slots, 1 or more.")
    fitting = max(1, cores // threads_per_slot) if threads_per_slot else cores
    slots = int(asked) if asked else min(DEFAULT_SLOTS, fitting)
    launcher = environ.get(LAUNCHER_VARIABLE) or "mpirun"
    if launcher not in LAUNCHERS:
        raise LaunchError(
            f"{LAUNCHER_VARIABLE} is {launcher}; the executor steps knows {', '.join(LAUNCHERS)}."
        )
    program = "mpiexec" if launcher == "hydra" else launcher
    if shutil.which(program, path=environ.get("PATH")) is None:
        raise LaunchError(
            f"There is no {program} on PATH to start job steps with. Load the MPI module, set "
            f"{LAUNCHER_VARIABLE} to one of {', '.join(LAUNCHERS)}, or use --executor serial."
        )
    return StepSite(
        hosts=job_hosts(environ),
        slots=slots,
        threads=threads_per_slot or max(1, cores // slots),
        launcher=launcher,
        cores=cores,
    )


def overlap_lines(site: StepSite) -> list[str]:
    """Say it where the slots of a node have more threads than it has cores."""
    needed = site.slots * site.threads
    if not site.cores or needed <= site.cores:
        return []
    return [
        f"warning: {site.slots} slots of {site.threads} thread{'s' * (site.threads > 1)} need "
        f"{needed} cores and a node has {site.cores}: steps slow one another. Set "
        f"{SLOTS_VARIABLE} to fewer, or give --threads-per-slot."
    ]


def slot_lines(site: StepSite, groups: Sequence[Sequence[int]]) -> list[str]:
    """Describe every slot in a line: where it is, its group and its threads."""
    return [
        f"slot {slot} on {site.host(slot)}: group {number}, local rank {site.position(slot)}, "
        f"threads {site.threads}"
        for number, group in enumerate(groups)
        for slot in group
    ]


def job_hosts(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the nodes of this batch job, or this host alone.

    Raises
    ------
    LaunchError
        If Slurm does not expand its own list.
    """
    if environ.get("SLURM_JOB_NODELIST"):
        words = ["scontrol", "show", "hostnames", environ["SLURM_JOB_NODELIST"]]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise LaunchError(
                f"`{' '.join(words)}` does not name the job's nodes: {error}."
            ) from None
        return tuple(done.stdout.split())
    for name in ("PBS_NODEFILE", "COBALT_NODEFILE"):
        if environ.get(name):
            try:
                lines = Path(environ[name]).read_text().split()
            except OSError as error:
                raise LaunchError(f"{name} is {environ[name]}: {error.strerror}.") from None
            return tuple(dict.fromkeys(lines))
    return (socket.gethostname(),)


def step_words(site: StepSite, host: str, size: int, threads: int) -> list[str]:
    """Return the words that start ``size`` processes on a node; the command follows them.

    Parameters
    ----------
    site
        Gives the launcher.
    host
        The node.
    size
        Number of processes, >= 1.
    threads
        Cores of each, >= 1.
    """
    number = str(size)
    match site.launcher:
        case "srun":
            plugin = os.environ.get("AGEBO_SRUN_MPI", "pmix") if size > 1 else "none"
            return [
                *("srun", f"--mpi={plugin}", "--nodes=1", f"--nodelist={host}"),
                *(f"--ntasks={number}", f"--cpus-per-task={threads}", "--overlap", "--overcommit"),
                *("--cpu-bind=none", "--kill-on-bad-exit=1", "--wait=30", "--quiet"),
            ]
        case "mpirun":
            place = ["--host", f"{host}:{number}"] if len(site.hosts) > 1 else []
            for name in PASSED_ON if place else ():
                place += ["-x", name] if name in os.environ else []
            return ["mpirun", "-n", number, *place, "--oversubscribe", "--bind-to", "none"]
        case "hydra":
            place = ["-hosts", host] if len(site.hosts) > 1 else []
            return ["mpiexec", "-n", number, *place, "-bind-to", "none"]
        case _:
            return ["mpiexec", "-n", number, "--ppn", number, "--hosts", host]


def step_environment(environ: Mapping[str, str], site: StepSite) -> dict[str, str]:
    """Return the environment of a step's launcher.

    A manager that was itself started by a launcher leaves that launcher's variables out, so that
    its steps are worlds of their own. What names the Slurm job stays.
    """
    ours = without_launcher(environ)
    for name in ("SLURM_NTASKS_PER_NODE", "SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK"):
        ours.pop(name, None)
    if os.getuid() == 0 and site.launcher == "mpirun":
        for prefix in ("OMPI", "PRTE"):
            for suffix in ("", "_CONFIRM"):
                ours.setdefault(f"{prefix}_ALLOW_RUN_AS_ROOT{suffix}", "1")
    return ours


def without_launcher(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what a launcher tells its ranks. What names the job stays."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(LAUNCHER_PREFIXES)
        or (name.startswith("SLURM_") and not name.startswith(OF_OUTER_STEP))
    }


OF_OUTER_STEP = ("SLURM_STEP", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_SRUN", "SLURM_LAUNCH")
