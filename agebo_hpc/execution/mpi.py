"""Starting MPI in this process."""

from __future__ import annotations

import os
from typing import Any

YIELD_VARIABLE = "OMPI_MCA_mpi_yield_when_idle"
"""Open MPI's: whether a thread that waits lets others run on its core."""


def start_mpi() -> Any:
    """Initialise MPI, unless it is, with the thread level that Horovod needs; return `mpi4py.MPI`.

    Horovod's thread meets those of the other ranks again and again while they compute. One that
    waits there in Open MPI would keep half of a core from its rank's own training: where a slot
    is one core, steps took twice as long. What the user set stays.
    """
    os.environ.setdefault(YIELD_VARIABLE, "1")
    import mpi4py

    mpi4py.rc.thread_level = "multiple"
    from mpi4py import MPI

    return MPI
