"""Starting MPI in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

YIELD_VARIABLE = "OMPI_MCA_mpi_yield_when_idle"
"""Open MPI's: whether a thread that waits lets others run on its core."""

TRANSPORTS_VARIABLE = "OMPI_MCA_btl"
"""Open MPI's: which of its own transports it opens, or, after ``^``, which it does not."""


def start_mpi() -> Any:
    """Initialise MPI, unless it is, with the thread level that Horovod needs; return `mpi4py.MPI`.

    What the user set stays.
    """
    set_defaults(os.environ)
    import mpi4py

    mpi4py.rc.thread_level = "multiple"
    from mpi4py import MPI

    return MPI


def set_defaults(environ: MutableMapping[str, str], prefix: str = sys.prefix) -> None:
    """Set what Open MPI reads when it starts, where nobody else has. Local.

    Horovod's thread meets those of the other ranks again and again while they compute. One that
    waits there in Open MPI would keep half of a core from its rank's own training: where a slot
    is one core, steps took twice as long.

    The transport ``ofi`` serves one-sided communication over some fabrics, which nothing here
    uses; where it finds no such fabric it sleeps for a second before it goes. It is left out
    where Open MPI came as a Python package and no file chooses transports.

    Parameters
    ----------
    environ
        The process's environment, which is changed.
    prefix
        Directory of this Python's environment.
    """
    environ.setdefault(YIELD_VARIABLE, "1")
    if any(Path(prefix, "lib").glob("libopen-pal.so*")) and not _chooses_transports(prefix):
        environ.setdefault(TRANSPORTS_VARIABLE, "^ofi")


def _chooses_transports(prefix: str) -> bool:
    """Return whether one of Open MPI's files of parameters names transports."""
    files = (
        Path(prefix, "etc", "openmpi-mca-params.conf"),
        Path.home() / ".openmpi" / "mca-params.conf",
    )
    for file in files:
        try:
            lines = file.read_text(errors="replace").splitlines()
        except OSError:
            continue
        if any(line.partition("=")[0].strip() == "btl" for line in lines):
            return True
    return False
