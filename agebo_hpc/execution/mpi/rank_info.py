"""What each rank says of itself when the worker groups are formed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agebo_hpc.job.cores import quota
from agebo_hpc.processes.memory import node_memory
from agebo_hpc.training.ways import has_horovod


@dataclass(frozen=True)
class RankInfo:
    """What one rank says of itself.

    Attributes
    ----------
    node
        Name by which ranks of one node know one another.
    cores
        Numbers of the cores that it may run on.
    num_cores
        Number of cores of its node.
    devices
        ``CUDA_VISIBLE_DEVICES``; empty: not set.
    granted
        Cores' worth of time that a control group grants the ranks of its node, >= 1.
    has_horovod
        Whether Horovod is installed there.
    memory
        Bytes of memory of its node; 0: not known.
    """

    node: str
    cores: frozenset[int]
    num_cores: int
    devices: str
    granted: int = 1_000_000
    has_horovod: bool = False
    memory: int = 0

    @classmethod
    def here(cls, node: str) -> RankInfo:
        """Look at this process. Local."""
        return cls(
            node,
            frozenset(os.sched_getaffinity(0)),
            os.cpu_count() or 1,
            os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            cls.granted if (share := quota()) is None else max(1, int(share)),
            has_horovod(),
            node_memory(),
        )
