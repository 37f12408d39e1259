"""Memory of a node and of this process. Knows no TensorFlow."""

from __future__ import annotations

import os
import resource
from pathlib import Path

STATUS = Path("/proc/self/status")


def node_memory() -> int:
    """Return the bytes of memory of this node, of its control group if that has a limit. Local."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file():
        said = limit.read_text().strip()
        if said.isdigit():
            return min(total, int(said))
    return total


def own_memory() -> int:
    """Return the resident bytes of this process that no other one shares. Local.

    Without those of mapped files, such as the data set: all ranks of a node share one copy.
    Where the kernel does not tell, the largest resident memory so far.
    """
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name == "RssAnon":
            return int(value.split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
