"""The nodes of this job and the cores that it has on each; how a node is divided into slots."""

from __future__ import annotations

import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agebo_hpc.errors import ConfigurationError, LaunchError
from agebo_hpc.job.commands import Ask, ask_scheduler
from agebo_hpc.job.cores import available_cores, is_confined
from agebo_hpc.job.pbs import cores_of_hosts, pbs_job

CORES_VARIABLE = "AGEBO_CORES_PER_NODE"
SLOTS_VARIABLE = "AGEBO_SLOTS_PER_NODE"
THREADS_VARIABLE = "AGEBO_NODE_THREADS"
"""Threads of a slot on each node of a job whose nodes differ, in the order of the nodes."""
DEFAULT_SLOTS = 8
"""Slots of a node with more cores: as many processes as the papers give one evaluation."""
NODE_FILES = ("PBS_NODEFILE", "COBALT_NODEFILE")


@dataclass(frozen=True)
class Node:
    """A node of this job.

    Attributes
    ----------
    name
        Name by which launchers know the node.
    cores
        Cores that this job has there, >= 1.
    source
        Who says so: a variable or a command.
    """

    name: str
    cores: int
    source: str


def expand(text: str, number: int) -> tuple[int, ...] | None:
    """Return a number for each node from Slurm's short form, such as ``4(x2),2``. Pure.

    One number alone is that of every node.

    Parameters
    ----------
    text
        Numbers of at least 1.
    number
        Number of nodes, >= 1.

    Returns
    -------
    tuple or None
        None if it is no such text or not for so many nodes.
    """
    values: list[int] = []
    for part in text.replace(" ", "").split(","):
        found = re.fullmatch(r"(\d{1,9})(?:\(x(\d{1,6})\))?", part)
        if found is None or int(found[1]) < 1:
            return None
        values += [int(found[1])] * int(found[2] or 1)
    if len(values) == 1:
        values *= number
    return tuple(values) if len(values) == number else None


def expand_variable(name: str, number: int, environ: Mapping[str, str]) -> tuple[int, ...] | None:
    """Return what a variable of agebo_hpc says for each node; None if it is not set. Pure.

    Raises
    ------
    ConfigurationError
        If it is no number, nor one for each node.
    """
    text = environ.get(name, "")
    if not text:
        return None
    values = expand(text, number)
    if values is None:
        raise ConfigurationError(
            f"{name} is {text}; give 1 or more, or a number for each of the {number} nodes of "
            "this job, such as 4(x2),2."
        )
    return values


def share_of_node(
    cores: int, gpus: int = 0, slots: int | None = None, threads: int | None = None
) -> tuple[int, int]:
    """Return slots of a node and threads of a slot; what is None is chosen. Pure.

    Parameters
    ----------
    cores, gpus
        Numbers of cores and GPUs of the node.
    slots, threads
        Numbers of slots and threads that were asked for.
    """
    slots = slots or gpus or min(DEFAULT_SLOTS, max(1, cores // (threads or 1)))
    return slots, threads or max(1, cores // slots)


def job_hosts(
    environ: Mapping[str, str] | None = None, ask: Ask = ask_scheduler
) -> tuple[str, ...]:
    """Return the nodes of this batch job, or this host alone.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    ask
        Runs the commands of the batch system.

    Raises
    ------
    LaunchError
        If Slurm does not expand its own list, or a file of nodes is not there.
    """
    environ = os.environ if environ is None else environ
    if environ.get("SLURM_JOB_NODELIST"):
        words = ["scontrol", "show", "hostnames", environ["SLURM_JOB_NODELIST"]]
        hosts = tuple(ask(words).split())
        if not hosts:
            raise LaunchError(f"`{' '.join(words)}` does not name the job's nodes.")
        return hosts
    for name in NODE_FILES:
        if environ.get(name):
            return tuple(dict.fromkeys(_node_file(name, environ)))
    if environ.get("COBALT_JOBSIZE", "").isdigit():
        return tuple(f"node{i + 1}" for i in range(int(environ["COBALT_JOBSIZE"])))
    return (socket.gethostname(),)


def job_nodes(
    environ: Mapping[str, str] | None = None, ask: Ask = ask_scheduler
) -> tuple[Node, ...]:
    """Return the nodes of this job, each with its own cores.

    The cores are those that our own variable, else the scheduler, else the kernel gives. Where
    this process runs, a mask or a share of a control group counts beside the scheduler's word.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    ask
        Runs the commands of the batch system.

    Raises
    ------
    AgeboError
        If the nodes cannot be found, or our own variable is wrong.
    """
    environ = os.environ if environ is None else environ
    hosts = job_hosts(environ, ask)
    asked = expand_variable(CORES_VARIABLE, len(hosts), environ)
    if asked is not None:
        return tuple(Node(*facts, CORES_VARIABLE) for facts in zip(hosts, asked, strict=True))
    for say in SOURCES:
        found = say(hosts, environ, ask)
        if found is not None:
            break
    else:
        here = available_cores()
        return tuple(Node(host, here, "cores that may be used here") for host in hosts)
    source, cores = found
    own = own_place(hosts, environ)
    return tuple(
        _confined(Node(host, number, source)) if i == own else Node(host, number, source)
        for i, (host, number) in enumerate(zip(hosts, cores, strict=True))
    )


def own_place(hosts: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Return which of the nodes this process runs on; None if that is none of them. Local."""
    names = [environ.get("SLURMD_NODENAME", ""), socket.gethostname()]
    for name in filter(None, names):
        for i, host in enumerate(hosts):
            if host == name or host.split(".")[0] == name.split(".")[0]:
                return i
    return None


def _confined(node: Node) -> Node:
    here = available_cores()
    if here < node.cores and is_confined():
        return Node(node.name, here, "mask or control group")
    return node


Found = tuple[str, tuple[int, ...]]
Source = Callable[[Sequence[str], Mapping[str, str], Ask], Found | None]


def _slurm(hosts: Sequence[str], environ: Mapping[str, str], ask: Ask) -> Found | None:
    for name in ("SLURM_JOB_CPUS_PER_NODE", "SLURM_CPUS_ON_NODE"):
        cores = expand(environ.get(name, ""), len(hosts))
        if cores:
            return name, cores
    per_task = expand(environ.get("SLURM_CPUS_PER_TASK", ""), len(hosts))
    if per_task is None:
        return None
    tasks = expand(environ.get("SLURM_TASKS_PER_NODE", ""), len(hosts)) or (1,) * len(hosts)
    return "SLURM_CPUS_PER_TASK", tuple(a * b for a, b in zip(per_task, tasks, strict=True))


def _pbs_hosts(hosts: Sequence[str], environ: Mapping[str, str], ask: Ask) -> Found | None:
    """Ask PBS, which knows hosts of different sizes and several vnodes of a host."""
    if not environ.get("PBS_JOBID"):
        return None
    found = cores_of_hosts(pbs_job(environ["PBS_JOBID"], ask, environ))
    short = {name.split(".")[0]: cores for name, cores in found.items()}
    cores = tuple(short.get(host.split(".")[0], 0) for host in hosts)
    return ("exec_host of qstat", cores) if cores and all(cores) else None


def _pbs_variables(hosts: Sequence[str], environ: Mapping[str, str], ask: Ask) -> Found | None:
    """Take NCPUS, or the lines of the file of nodes: a host stands there once for each process."""
    if not environ.get("PBS_NODEFILE"):
        return None
    lines = Counter(_node_file("PBS_NODEFILE", environ))
    per_chunk = expand(environ.get("NCPUS", "") or environ.get("ncpus", ""), 1)
    least = per_chunk[0] if per_chunk else 1
    cores = tuple(max(lines[host], least) for host in hosts)
    return ("NCPUS and PBS_NODEFILE", cores) if per_chunk or max(cores) > 1 else None


SOURCES: tuple[Source, ...] = (_slurm, _pbs_hosts, _pbs_variables)
"""Asked in this order; each returns its name and a number for each node, or None."""


def _node_file(name: str, environ: Mapping[str, str]) -> list[str]:
    try:
        lines = Path(environ[name]).read_text().split()
    except OSError as error:
        raise LaunchError(f"{name} is {environ[name]}: {error.strerror}.") from None
    if not lines:
        raise LaunchError(f"{name} is {environ[name]}, which names no node.")
    return lines
