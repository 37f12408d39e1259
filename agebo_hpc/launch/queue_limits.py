"""What a partition or queue allows at most, asked before a job is sent there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agebo_hpc.errors import UsageError
from agebo_hpc.job.clock import parse_clock
from agebo_hpc.job.commands import Ask, ask_scheduler, pbs_program

UNLIMITED = ("UNLIMITED", "INFINITE", "NONE", "")


@dataclass(frozen=True)
class QueueLimits:
    """What one partition or queue allows.

    Attributes
    ----------
    name
        Name of the partition or queue.
    seconds, nodes
        Most seconds and nodes of a job; None: there is no limit, or it is not known.
    """

    name: str
    seconds: float | None
    nodes: int | None


def check_queue(
    scheduler: str,
    queue: str,
    seconds: float,
    nodes: int,
    environ: Mapping[str, str] | None = None,
    ask: Ask = ask_scheduler,
) -> None:
    """Refuse a job that its partition or queue would never start.

    Where the scheduler says nothing, nothing is refused: it will do so itself.

    Parameters
    ----------
    scheduler
        ``slurm``, ``pbs`` or another one, which is not asked.
    queue
        Name; empty: the usual one.
    seconds, nodes
        Seconds and nodes of the job.
    environ
        Environment to read; this process's by default.
    ask
        Runs the commands of the batch system.

    Raises
    ------
    UsageError
        If it asks for more time or more nodes than there are.
    """
    environ = os.environ if environ is None else environ
    limits = find_limits(scheduler, queue, environ, ask)
    if limits is None:
        return
    if limits.seconds is not None and seconds > limits.seconds:
        chain = -(-int(seconds) // max(1, int(limits.seconds)))
        allowed = f"{limits.seconds / 60:g}m"
        raise UsageError(
            f"--walltime is {seconds / 60:g}m but {limits.name} allows {allowed} at most: the job "
            f"would never start. Give --walltime {allowed} --chain {chain}, or another --queue."
        )
    if limits.nodes is not None and nodes > limits.nodes:
        raise UsageError(
            f"--nodes is {nodes} but {limits.name} has or allows {limits.nodes} at most; give "
            "fewer, or another --queue."
        )


def find_limits(
    scheduler: str, queue: str, environ: Mapping[str, str], ask: Ask
) -> QueueLimits | None:
    """Return what a partition or queue allows; None where that cannot be found."""
    if scheduler == "slurm":
        return _slurm(queue or environ.get("SBATCH_PARTITION", ""), ask)
    if scheduler == "pbs" and queue:
        return _pbs(queue, environ, ask)
    return None


def queue_of(queue: str, directives: Sequence[str]) -> str:
    """Return a job's partition: by its option, or among the scheduler's words. Pure."""
    for words in directives:
        for prefix in ("--partition=", "--partition ", "-p ", "-q "):
            if words.startswith(prefix):
                return words.removeprefix(prefix).strip()
    return queue


def _slurm(partition: str, ask: Ask) -> QueueLimits | None:
    found = []
    for line in ask(["scontrol", "--oneliner", "show", "partition"]).splitlines():
        facts = dict(word.split("=", 1) for word in line.split() if "=" in word)
        name = facts.get("PartitionName", "")
        wanted = name in partition.split(",") if partition else facts.get("Default") == "YES"
        if wanted:
            found.append(_partition(name, facts))
    # With several the job starts in one that it fits.
    return max(found, key=lambda limits: limits.seconds or float("inf"), default=None)


def _partition(name: str, facts: Mapping[str, str]) -> QueueLimits:
    numbers = [facts.get("MaxNodes", ""), facts.get("TotalNodes", "")]
    nodes = [int(text) for text in numbers if text.isdigit()]
    return QueueLimits(
        f"partition {name}", _seconds(facts.get("MaxTime", "")), min(nodes, default=None)
    )


def _pbs(queue: str, environ: Mapping[str, str], ask: Ask) -> QueueLimits | None:
    qstat = pbs_program("qstat", environ)
    if qstat is None:
        return None
    try:
        facts = json.loads(ask([qstat, "-Q", "-f", "-F", "json", queue]))["Queue"][queue]
        most = facts.get("resources_max", {})
        count = str(most.get("nodect", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    seconds = _seconds(str(most.get("walltime", "")))
    return QueueLimits(f"queue {queue}", seconds, int(count) if count.isdigit() else None)


def _seconds(text: str) -> float | None:
    if text.upper() in UNLIMITED:
        return None
    try:
        return parse_clock(text)
    except ValueError:
        return None
