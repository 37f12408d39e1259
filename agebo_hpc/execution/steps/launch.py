"""How a job step is started: hosts and slots of the job, and each launcher's words.

Functions of an environment; the batch system is asked for the nodes of the job.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from agebo_hpc.errors import LaunchError
from agebo_hpc.job.launcher import STEP_LAUNCHERS, without_launcher
from agebo_hpc.job.nodes import SLOTS_VARIABLE, expand_variable, job_nodes, share_of_node
from agebo_hpc.processes.own_program import own_environment
from agebo_hpc.text import counted

LAUNCHER_VARIABLE = "AGEBO_LAUNCHER"
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "AGEBO_BIND", "AGEBO_GPUS_PER_NODE")
"""Variables that Open MPI takes along to other nodes."""
SESSION_BASE = "PRTE_MCA_prte_local_tmpdir_base"
"""Where mpirun of Open MPI 5 keeps a job's files, in a directory named after its process id.

It does not start where a killed one of the same id left them; ids come round again.
"""


@dataclass(frozen=True)
class StepNode:
    """A node that steps are started on.

    Attributes
    ----------
    name
        Name by which the launcher knows the node.
    slots
        Number of slots there, >= 1.
    threads
        Cores of a slot, >= 1.
    cores
        Cores that the job has there; 0: the number is not known.
    """

    name: str
    slots: int
    threads: int
    cores: int = 0


@dataclass(frozen=True)
class StepSite:
    """Where steps are started.

    Attributes
    ----------
    nodes
        Nodes of the job, the manager's first.
    launcher
        One of STEP_LAUNCHERS.
    """

    nodes: tuple[StepNode, ...]
    launcher: str

    def slots(self) -> list[list[int]]:
        """Return the numbers of each node's slots, counted from 1 over all nodes."""
        ends = accumulate(node.slots for node in self.nodes)
        return [
            list(range(1 + end - node.slots, 1 + end))
            for node, end in zip(self.nodes, ends, strict=True)
        ]

    @cached_property
    def _places(self) -> dict[int, tuple[StepNode, int]]:
        return {
            slot: (node, position)
            for node, numbers in zip(self.nodes, self.slots(), strict=True)
            for position, slot in enumerate(numbers)
        }

    def node(self, slot: int) -> StepNode:
        """Return the node of a slot."""
        return self._places[slot][0]

    def position(self, slot: int) -> int:
        """Return a slot's number on its node, from 0."""
        return self._places[slot][1]


def find_site(
    threads_per_slot: int | None = None, environ: Mapping[str, str] | None = None
) -> StepSite:
    """Return where the steps of this job are started. Local.

    Parameters
    ----------
    threads_per_slot
        Cores of a slot; None: a node's cores divided by its slots.
    environ
        Environment to read; this process's by default.

    Raises
    ------
    AgeboError
        If a variable is wrong, or the launcher is not there.
    """
    environ = os.environ if environ is None else environ
    launcher = environ.get(LAUNCHER_VARIABLE) or "mpirun"
    if launcher not in STEP_LAUNCHERS:
        raise LaunchError(
            f"{LAUNCHER_VARIABLE} is {launcher}; the executor steps knows "
            f"{', '.join(STEP_LAUNCHERS)}."
        )
    program = "mpiexec" if launcher == "hydra" else launcher
    if shutil.which(program, path=environ.get("PATH")) is None:
        raise LaunchError(
            f"There is no {program} on PATH to start job steps with. Load the MPI module, set "
            f"{LAUNCHER_VARIABLE} to one of {', '.join(STEP_LAUNCHERS)}, or use --executor serial."
        )
    nodes = job_nodes(environ)
    asked = expand_variable(SLOTS_VARIABLE, len(nodes), environ) or (None,) * len(nodes)
    return StepSite(
        tuple(
            StepNode(
                node.name,
                *share_of_node(node.cores, slots=slots, threads=threads_per_slot),
                node.cores,
            )
            for node, slots in zip(nodes, asked, strict=True)
        ),
        launcher,
    )


def site_words(site: StepSite) -> str:
    """Return launcher, nodes and slots in words."""
    shapes = list(dict.fromkeys((node.slots, node.threads) for node in site.nodes))
    slots = " or ".join(
        f"{counted(slots, 'slot')} with {counted(threads, 'thread')}" for slots, threads in shapes
    )
    return (
        f"each evaluation is a step of {site.launcher}; nodes: {len(site.nodes)}, each of {slots}"
    )


def overlap_lines(site: StepSite) -> list[str]:
    """Return a line for each node whose slots have more threads than it has cores."""
    lines = []
    for node in site.nodes:
        needed = node.slots * node.threads
        if node.cores and needed > node.cores:
            lines.append(
                f"warning: {counted(node.slots, 'slot')} of "
                f"{counted(node.threads, 'thread')} need {needed} cores and {node.name} has "
                f"{node.cores}: steps slow one another. Set {SLOTS_VARIABLE} to fewer, or give "
                "--threads-per-slot."
            )
    return lines


def slot_lines(site: StepSite, groups: Sequence[Sequence[int]]) -> list[str]:
    """Describe every slot in a line: where it is, its group and its threads."""
    return [
        f"slot {slot} on {site.node(slot).name}: group {number}, local rank "
        f"{site.position(slot)}, threads {site.node(slot).threads}"
        for number, group in enumerate(groups)
        for slot in group
    ]


def step_words(
    site: StepSite, host: str, size: int, threads: int, environ: Mapping[str, str]
) -> list[str]:
    """Return the words that start ``size`` processes on a node; the command follows them.

    Parameters
    ----------
    site
        Gives the launcher.
    host
        Name of the node.
    size
        Number of processes, >= 1.
    threads
        Cores of each, >= 1.
    environ
        Environment of the launcher, see `step_environment`.
    """
    number = str(size)
    match site.launcher:
        case "srun":
            plugin = environ.get("AGEBO_SRUN_MPI", "pmix") if size > 1 else "none"
            return [
                *("srun", f"--mpi={plugin}", "--nodes=1", f"--nodelist={host}"),
                *(f"--ntasks={number}", f"--cpus-per-task={threads}", "--overlap", "--overcommit"),
                *("--cpu-bind=none", "--kill-on-bad-exit=1", "--wait=30", "--quiet"),
            ]
        case "mpirun":
            place = ["--host", f"{host}:{number}"] if len(site.nodes) > 1 else []
            for name in PASSED_ON if place else ():
                place += ["-x", name] if name in environ else []
            return ["mpirun", "-n", number, *place, "--oversubscribe", "--bind-to", "none"]
        case "hydra":
            place = ["-hosts", host] if len(site.nodes) > 1 else []
            return ["mpiexec", "-n", number, *place, "-bind-to", "none"]
        case _:
            return ["mpiexec", "-n", number, "--ppn", number, "--hosts", host]


def step_environment(environ: Mapping[str, str], site: StepSite) -> dict[str, str]:
    """Return the environment of a step's launcher.

    A manager that was itself started by a launcher leaves that launcher's variables out, so that
    its steps are worlds of their own. What names the Slurm job stays.
    """
    ours = own_environment(without_launcher(environ))
    for name in ("SLURM_NTASKS_PER_NODE", "SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK"):
        ours.pop(name, None)
    if os.getuid() == 0 and site.launcher == "mpirun":
        for prefix in ("OMPI", "PRTE"):
            for suffix in ("", "_CONFIRM"):
                ours.setdefault(f"{prefix}_ALLOW_RUN_AS_ROOT{suffix}", "1")
    return ours
