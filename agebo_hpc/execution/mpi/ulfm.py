"""What MPI says of ranks that died.

MPI knows of dead ranks where user-level failure mitigation (ULFM) is switched on: `mpirun
--with-ft ulfm` of Open MPI 5. Elsewhere the death of one rank is the end of the job.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

SWITCH = "OMPI_MCA_mpi_ft_enable"
"""Set to 1 in the environment of each rank by ``mpirun --with-ft ulfm``."""


class AbandonedError(Exception):
    """An evaluation cannot go on because one of its members died."""


def job_survives() -> bool:
    """Tell whether the ranks that are left can go on when one dies. Local."""
    return os.environ.get(SWITCH, "").lower() in ("1", "true", "yes")


def is_death(error: Exception) -> bool:
    """Tell whether an exception says that a rank died or that a communicator was revoked."""
    from mpi4py import MPI

    kinds = (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED)
    return isinstance(error, MPI.Exception) and error.Get_error_class() in kinds


def dead_ranks(comm: Any) -> set[int]:
    """Return the ranks of a communicator that died, and let wildcards pass them over. Local.

    Parameters
    ----------
    comm
        mpi4py communicator of a job that survives.
    """
    from mpi4py import MPI

    failed = comm.Get_failed()
    number = failed.Get_size()
    if not number:
        failed.Free()
        return set()
    comm.Ack_failed(number)
    everyone = comm.Get_group()
    ranks = MPI.Group.Translate_ranks(failed, None, everyone)
    for group in (failed, everyone):
        group.Free()
    return {int(rank) for rank in ranks}


def accept_death(action: Callable[[], Any]) -> Any:
    """Return what an action returns, or None where a rank's death prevents it."""
    from mpi4py import MPI

    try:
        return action()
    except MPI.Exception as error:
        if not is_death(error):
            raise
        return None
