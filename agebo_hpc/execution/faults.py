"""What MPI and the operating system say of ranks that died.

MPI knows of dead ranks where user-level failure mitigation (ULFM) is switched on: `mpirun
--with-ft ulfm` of Open MPI 5. Elsewhere the death of one rank is the end of the job.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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


@dataclass(frozen=True)
class Place:
    """Where a rank's process is.

    Attributes
    ----------
    host
        Its host name.
    pid
        Its number there.
    born
        When it was started, in ticks of that host; a number that is used again differs in it.
    """

    host: str
    pid: int
    born: str

    @classmethod
    def here(cls) -> Place:
        """Return the place of this process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Place:
        """Return the place of a process on this host."""
        return cls(socket.gethostname(), pid, _born(pid))

    @property
    def is_near(self) -> bool:
        """Whether the process is on this host."""
        return self.host == socket.gethostname()

    def is_empty(self) -> bool:
        """Tell whether the process has ended. Only for one on this host."""
        return self.born != _born(self.pid)

    def is_free(self) -> bool:
        """Tell, in a microsecond, whether no process has this number. Only on this host."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def kill(self) -> None:
        """Kill the process, stopped or not, if it is still there. Only for one on this host."""
        if not self.is_empty():
            os.kill(self.pid, signal.SIGKILL)

    def __str__(self) -> str:
        return f"host {self.host} (process {self.pid})"


def _born(pid: int) -> str:
    """Return the start time of a process that runs; empty if there is none or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
