"""Ranks, slots and threads of the job that runs, for its script.

    python -m agebo_hpc.launch.job_layout

prints assignments of shell; settings are the AGEBO_ variables that `job.sh` lists.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agebo_hpc.errors import AgeboError, ConfigurationError, LaunchError
from agebo_hpc.job.commands import Ask, ask_scheduler
from agebo_hpc.job.cores import available_cores
from agebo_hpc.job.nodes import (
    CORES_VARIABLE,
    SLOTS_VARIABLE,
    THREADS_VARIABLE,
    Node,
    expand_variable,
    job_nodes,
    own_place,
    share_of_node,
)
from agebo_hpc.launch.site import EXACT_LAUNCHERS, LAUNCHERS
from agebo_hpc.text import counted


@dataclass(frozen=True)
class JobLayout:
    """How a job's ranks lie on its nodes.

    Attributes
    ----------
    nodes
        Nodes of the job, the manager's first.
    slots
        Trainer ranks of each node.
    threads
        Cores of a slot of each node.
    gpus
        Number of GPUs of a node, >= 0.
    launcher
        One of LAUNCHERS.
    executor
        ``mpi`` or ``steps``.
    binds
        Whether each rank keeps to cores of its own.
    """

    nodes: tuple[Node, ...]
    slots: tuple[int, ...]
    threads: tuple[int, ...]
    gpus: int
    launcher: str
    executor: str
    binds: bool

    @property
    def ranks(self) -> int:
        """Ranks in all: the manager is one more, or takes the place of a trainer rank."""
        return sum(self.slots) + (self.launcher in EXACT_LAUNCHERS)


def job_layout(environ: Mapping[str, str] | None = None, ask: Ask = ask_scheduler) -> JobLayout:
    """Return the layout of this job.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    ask
        Runs the commands of the batch system.

    Raises
    ------
    AgeboError
        If a setting is wrong, or the numbers do not fit together.
    """
    environ = os.environ if environ is None else environ
    launcher = environ.get("AGEBO_LAUNCHER") or "mpirun"
    if launcher not in LAUNCHERS:
        raise ConfigurationError(
            f"AGEBO_LAUNCHER is {launcher}; choose among {', '.join(LAUNCHERS)}."
        )
    nodes = job_nodes(environ, ask)
    gpus = _whole("AGEBO_GPUS_PER_NODE", environ)
    asked_slots = expand_variable(SLOTS_VARIABLE, len(nodes), environ) or (None,) * len(nodes)
    asked_threads = expand_variable("AGEBO_THREADS_PER_SLOT", len(nodes), environ)
    shares = [
        share_of_node(node.cores, gpus, slots, threads)
        for node, slots, threads in zip(
            nodes, asked_slots, asked_threads or (None,) * len(nodes), strict=True
        )
    ]
    executor = environ.get("AGEBO_EXECUTOR") or "mpi"
    if launcher not in EXACT_LAUNCHERS and executor == "mpi":
        # As many ranks on every node is all that it can do.
        shares = [min(shares)] * len(nodes)
    for node, (slots, threads) in zip(nodes, shares, strict=True):
        _check_fit(node, slots, threads)
    layout = JobLayout(
        nodes,
        tuple(slots for slots, _ in shares),
        tuple(threads for _, threads in shares),
        gpus,
        launcher,
        executor,
        _binds(nodes, environ),
    )
    if executor == "mpi" and layout.ranks < 2:
        raise LaunchError("1 rank is the manager and none is left to train; ask for more slots.")
    return layout


def _whole(name: str, environ: Mapping[str, str]) -> int:
    text = environ.get(name) or "0"
    if not text.isdigit():
        raise ConfigurationError(f"{name} is {text}; give a whole number, 0 or more.")
    return int(text)


def _check_fit(node: Node, slots: int, threads: int) -> None:
    if threads > 1 and slots * threads > node.cores:
        raise ConfigurationError(
            f"{counted(slots, 'slot')} of {counted(threads, 'thread')} need {slots * threads} "
            f"cores; the node {node.name} has {node.cores} ({node.source}). Set "
            f"{SLOTS_VARIABLE} or AGEBO_THREADS_PER_SLOT so that they fit."
        )


def _binds(nodes: Sequence[Node], environ: Mapping[str, str]) -> bool:
    """Tell whether ranks keep to cores of their own.

    Not where the job has fewer cores of its node than it may run on: others may be on them, and
    a job like this one would choose the same.
    """
    if environ.get("AGEBO_BIND"):
        return environ["AGEBO_BIND"] == "cores"
    own = own_place([node.name for node in nodes], environ)
    if own is None or nodes[own].source == CORES_VARIABLE:
        return True
    return nodes[own].cores >= available_cores()


def remarks(layout: JobLayout) -> list[str]:
    """Return remarks on a layout, one in each line. Pure."""
    names = " ".join(node.name for node in layout.nodes)
    kinds: dict[tuple[int, str, int, int], list[str]] = {}
    for node, slots, threads in zip(layout.nodes, layout.slots, layout.threads, strict=True):
        kinds.setdefault((node.cores, node.source, slots, threads), []).append(node.name)
    lines = []
    if len(kinds) == 1:
        [(cores, source, slots, threads)] = kinds
        lines.append(
            f"{counted(len(layout.nodes), 'node')} ({names}), {counted(cores, 'core')} and "
            f"{counted(layout.gpus, 'GPU')} a node, by {source}"
        )
        lines.append(f"{_shape(cores, slots, threads)}")
    else:
        lines.append(f"{len(layout.nodes)} nodes ({names}) that differ, {layout.gpus} GPUs a node")
        lines += [
            f"{' '.join(hosts)}: {counted(cores, 'core')} by {source}; "
            f"{_shape(cores, slots, threads)}"
            for (cores, source, slots, threads), hosts in kinds.items()
        ]
    lines += [
        f"warning: {slots} slots share {counted(layout.gpus, 'GPU')} of a node"
        for slots in sorted(set(layout.slots))
        if 0 < layout.gpus < slots
    ]
    lines += [
        f"warning: {slots} slots share {counted(node.cores, 'core')} of {node.name}"
        for node, slots in zip(layout.nodes, layout.slots, strict=True)
        if slots > node.cores and not layout.gpus
    ]
    if not layout.binds:
        lines.append("ranks are not bound to cores of their own: others may be on the node")
    if layout.executor == "mpi":
        trainers = layout.ranks - 1
        lines.append(
            f"ranks: {layout.ranks}, that is 1 manager and {counted(trainers, 'trainer')}, "
            f"by {layout.launcher}"
        )
    else:
        lines.append(
            f"executor {layout.executor}: 1 manager, every evaluation is a step of "
            f"{layout.launcher}"
        )
    return lines


def _shape(cores: int, slots: int, threads: int) -> str:
    idle = max(0, cores - slots * threads)
    each = f"{counted(slots, 'slot')} of {counted(threads, 'thread')}"
    return f"{each} a node, idle cores a node: {idle}"


def shell_lines(layout: JobLayout) -> list[str]:
    """Return the assignments that `job.sh` evaluates. Pure."""
    same = len(set(layout.threads)) == 1
    slots, threads = (",".join(map(str, values)) for values in (layout.slots, layout.threads))
    values = {
        "agebo_slots": max(layout.slots),
        "agebo_threads": layout.threads[0] if same else "",
        "agebo_least_threads": min(layout.threads),
        "agebo_ranks": layout.ranks,
        "agebo_launcher": layout.launcher,
        "agebo_all_slots": slots if len(set(layout.slots)) > 1 else layout.slots[0],
    }
    lists = {
        "agebo_hosts": [node.name for node in layout.nodes],
        "agebo_host_slots": layout.slots,
        "agebo_remarks": remarks(layout),
    }
    exported = {
        "AGEBO_GPUS_PER_NODE": layout.gpus,
        "AGEBO_BIND": "cores" if layout.binds else "none",
        **({} if same else {THREADS_VARIABLE: threads}),
    }
    return [
        *(f"{name}={shlex.quote(str(value))}" for name, value in values.items()),
        *(f"{name}=({shlex.join(map(str, items))})" for name, items in lists.items()),
        *(f"export {name}={shlex.quote(str(value))}" for name, value in exported.items()),
    ]


def main() -> int:
    """Print the layout of this job as assignments of shell."""
    try:
        lines = shell_lines(job_layout())
    except AgeboError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
