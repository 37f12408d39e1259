"""The arithmetic of a job: ranks, worker groups, cores, and what may come out of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agebo_hpc.errors import UsageError
from agebo_hpc.job.clock import without_margin
from agebo_hpc.job.launcher import STEP_LAUNCHERS
from agebo_hpc.job.nodes import share_of_node
from agebo_hpc.launch.evaluation_time import EvaluationTime
from agebo_hpc.launch.site import Site
from agebo_hpc.text import counted

RANK_GIB = 0.7
"""Resident memory of a trainer rank: TensorFlow, the network, a shard's work space."""
RECORD_KIB = 16.0
"""Journal and history of one evaluation of 20 epochs."""
BUSY_SHARE = 0.94
"""Share of the slots' time that evaluations get, as the paper reports it."""
START_SECONDS = 60.0
MODEL_MIB = 5.0


@dataclass(frozen=True)
class Layout:
    """How a job's ranks lie on its nodes.

    Attributes
    ----------
    nodes
        Number of nodes, >= 1.
    cores, gpus
        Numbers of cores and GPUs of a node.
    slots
        Trainer ranks of a node, on the nodes without the manager.
    threads
        Cores of a slot.
    max_processes
        Largest worker group.
    has_extra_manager
        Whether the manager is one rank more on the first node; else it takes a slot there.
    executor
        ``mpi``: ranks live on. ``steps``: the manager is alone and starts an evaluation's ranks.
    """

    nodes: int
    cores: int
    gpus: int
    slots: int
    threads: int
    max_processes: int
    has_extra_manager: bool
    executor: str = "mpi"

    @property
    def ranks(self) -> int:
        """Ranks in all."""
        return self.nodes * self.slots + self.has_extra_manager

    @property
    def trainers(self) -> int:
        """Trainer ranks in all."""
        return self.ranks - 1

    @property
    def groups(self) -> list[int]:
        """Sizes of the worker groups, node after node."""
        sizes = []
        for node in range(self.nodes):
            left = self.slots - (node == 0 and not self.has_extra_manager)
            while left > 0:
                sizes.append(min(left, self.max_processes))
                left -= sizes[-1]
        return sizes

    @property
    def idle_cores(self) -> int:
        """Cores of each node that no trainer rank has."""
        return self.cores - self.slots * self.threads


def make_layout(
    site: Site,
    nodes: int,
    slots: int | None = None,
    threads: int | None = None,
    max_processes: int | None = None,
    executor: str = "mpi",
) -> Layout:
    """Return the layout of a job on a site; what is None is chosen as in a job.

    Raises
    ------
    UsageError
        If the numbers do not fit together.
    """
    if nodes < 1:
        raise UsageError(f"--nodes is {nodes}; give 1 or more.")
    if site.max_nodes and nodes > site.max_nodes:
        raise UsageError(f"--nodes is {nodes}; {site.name} has {site.max_nodes}.")
    if site.scheduler == "none" and nodes > 1:
        raise UsageError(f"--nodes is {nodes} but {site.name} has no batch system; give 1.")
    if executor == "steps" and site.launcher not in STEP_LAUNCHERS:
        raise UsageError(
            f"--executor is steps but {site.launcher} of {site.name} cannot start several steps "
            f"on a node; use --executor mpi, or --launcher {', '.join(STEP_LAUNCHERS)}."
        )
    asked = slots or site.slots or None
    slots, threads = share_of_node(site.cores, site.gpus, asked, threads)
    if site.gpus and slots > site.gpus:
        raise UsageError(
            f"--slots-per-node is {slots} but a node of {site.name} has {site.gpus} GPUs; each "
            "trainer rank takes one."
        )
    if slots * threads > site.cores:
        raise UsageError(
            f"{counted(slots, 'slot')} of {counted(threads, 'thread')} need {slots * threads} "
            f"cores; a node of {site.name} has {site.cores}. Give fewer with --slots-per-node or "
            "--threads-per-slot."
        )
    most = min(max_processes or slots, slots)
    # The manager of steps is no rank, so that it takes no rank's place anywhere.
    is_extra = site.places_manager or executor == "steps"
    layout = Layout(nodes, site.cores, site.gpus, slots, threads, most, is_extra, executor)
    if layout.trainers < 1:
        raise UsageError("1 rank is the manager and none is left to train; ask for more slots.")
    return layout


def layout_lines(
    layout: Layout,
    seconds: float,
    evaluation: EvaluationTime,
    memory_gib: float,
    data_bytes: int | None,
) -> list[str]:
    """Return a layout and what follows from it, one fact in each line.

    Parameters
    ----------
    layout
        Layout of the job.
    seconds
        Its wall time.
    evaluation
        How long an evaluation by one process takes.
    memory_gib
        Memory of a node that the job has, GiB.
    data_bytes
        Size of the prepared data set; None: not known.
    """
    sizes = layout.groups
    kinds = " + ".join(
        f"{sizes.count(size)} of {size}" for size in sorted(set(sizes), reverse=True)
    )
    core_words = f"{layout.slots} x {layout.threads} of {layout.cores} cores used"
    usable = max(0.0, without_margin(seconds) - START_SECONDS)
    count = int(usable * layout.trainers * BUSY_SHARE / evaluation.seconds)
    per_node = layout.slots + (1 if layout.has_extra_manager else 0)
    memory = per_node * RANK_GIB + (data_bytes or 0) / 2**30
    data = "data set not known" if data_bytes is None else f"data {data_bytes / 2**30:.2f}, once"
    lines = [
        f"ranks        {_rank_words(layout)}",
        f"groups       {counted(len(sizes), 'worker group')}: {kinds}; an evaluation has at most "
        f"{counted(max(sizes), 'process', 'processes')}",
        f"cores        {core_words} on each node, {layout.idle_cores} idle"
        + (f"; {counted(layout.gpus, 'GPU')}, one for each slot" if layout.gpus else ""),
        f"evaluations  about {count} in {seconds / 3600:.2f} h, if one takes one process "
        f"{evaluation.text} and slots are busy {BUSY_SHARE:.0%}",
        f"memory       about {memory:.1f} of {memory_gib:g} GiB on a node "
        f"({RANK_GIB} a rank, {data})",
        f"disk         about {count * RECORD_KIB / 1024 + MODEL_MIB:.0f} MiB of run directory",
    ]
    if memory > memory_gib:
        lines.append("warning      that is more memory than a node has: use fewer slots")
    if layout.slots % layout.max_processes:
        lines.append(
            f"warning      {layout.slots} slots do not fill groups of {layout.max_processes}"
        )
    return lines


def _rank_words(layout: Layout) -> str:
    where = f"{layout.slots} on each of {counted(layout.nodes, 'node')}"
    if layout.executor == "steps":
        return (
            f"no rank lives on: 1 manager, and steps of at most "
            f"{counted(layout.max_processes, 'process', 'processes')} "
            f"on {counted(layout.trainers, 'slot')} ({where})"
        )
    manager = "one more rank on the first node" if layout.has_extra_manager else "in place of one"
    trainers = counted(layout.trainers, "trainer")
    return f"{layout.ranks:,} = 1 manager + {trainers} ({where}; the manager {manager})"
