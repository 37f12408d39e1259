"""Which process it is, on whatever host, and whether it is still there."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessId:
    """Which process a rank is.

    Attributes
    ----------
    host
        Its host name.
    pid
        Its number there.
    started
        Time at which it was started, in ticks of that host; a number that is used again differs in
        it.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> ProcessId:
        """Return the id of this process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Return the id of a process on this host."""
        return cls(socket.gethostname(), pid, _start_time(pid))

    @property
    def is_local(self) -> bool:
        """Whether the process is on this host."""
        return self.host == socket.gethostname()

    def has_ended(self) -> bool:
        """Tell whether the process has ended. Only for one on this host."""
        return self.started != _start_time(self.pid)

    def number_is_free(self) -> bool:
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
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)

    def __str__(self) -> str:
        return f"host {self.host} (process {self.pid})"


def _start_time(pid: int) -> str:
    """Return the start time of a process that runs; empty if there is none or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
