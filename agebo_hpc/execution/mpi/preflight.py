"""What a rank looks at before MPI starts: whether it would die of too little shared memory."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from agebo_hpc.errors import LaunchError, RankUnfitError
from agebo_hpc.job.launcher import announced_local_size, announced_rank

SHARED_MEMORY = "/dev/shm"
SHARED_MEMORY_OF_RANK = 8 * 2**20
"""Bytes. Open MPI makes a segment for each rank there; when it is full, the rank dies of SIGBUS
in the midst of a message."""


def check_shared_memory(environ: Mapping[str, str] | None = None) -> None:
    """End a rank that would die of too little shared memory. Local; before MPI starts.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.

    Raises
    ------
    LaunchError
        Raised on rank 0.
    RankUnfitError
        Raised on any other rank: rank 0 may be on a sound node.
    """
    environ = os.environ if environ is None else environ
    path = environ.get("OMPI_MCA_btl_sm_backing_directory") or SHARED_MEMORY
    try:
        found = os.statvfs(path)
    except OSError:
        return
    ranks = announced_local_size(environ)
    problem = shared_memory_problem(path, found.f_bavail * found.f_frsize, ranks)
    if not problem:
        return
    if announced_rank(environ):
        raise RankUnfitError(problem)
    raise LaunchError(problem)


def shared_memory_problem(path: str, free: int, ranks: int) -> str:
    """Return why shared memory is too small; empty if it is not. Pure.

    Parameters
    ----------
    path
        Where the shared memory is mounted.
    free
        Free bytes.
    ranks
        Number of ranks on this node.
    """
    needed = ranks * SHARED_MEMORY_OF_RANK
    if free >= needed:
        return ""
    return (
        f"{path} on {socket.gethostname()} has {free / 2**20:.0f} MiB free; {ranks} ranks need "
        f"{needed / 2**20:.0f} MiB. Enlarge it (`docker run --shm-size=1g`, `mount -o "
        "remount,size=1g`), or let Open MPI use another place: "
        "OMPI_MCA_btl_sm_backing_directory=/tmp."
    )
