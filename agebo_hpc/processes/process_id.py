"""Which process it is, on whatever host, and whether it is still there."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path


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
        Time at which it was started, in ticks of that host; a number that is used again differs in
        it.
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
