"""Ending with the process that started this one, however that one dies.

    python parent_death.py PARENT COMMAND...

runs a command so. Linux only. Imports nothing of the package: it is run for every job step.
"""

import ctypes
import os
import select
import signal
import sys
import threading
import time

_SET_PARENT_DEATH_SIGNAL = 1
"""Operation of prctl(2)."""
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
LOOK_SECONDS = 0.5
"""Seconds between two looks at a launcher that cannot be waited for."""


def main() -> None:
    """Tie this process to its parent and become the command."""
    die_with_parent(signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        # It died before the tie was made.
        sys.exit(128 + signal.SIGTERM)
    os.execvp(sys.argv[2], sys.argv[2:])


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Let the kernel send this process a signal when the one that started it ends. Local."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, number)


def with_parent_death(command: list[str]) -> list[str]:
    """Return the words that run a command so that it gets SIGTERM when this process ends."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *command]


def die_with_launcher() -> None:
    """Let a rank end when the launcher of its node does, also before MPI is there. Local.

    Without it a rank whose launcher was killed while libraries are loaded goes on loading them.
    Does nothing where no launcher started this process.
    """
    name = next((name for name in RANK_VARIABLES if name in os.environ), None)
    if name is None:
        return
    launcher = _launcher(f"{name}={os.environ[name]}".encode())
    if launcher == os.getppid():
        die_with_parent()
    elif launcher > 1:
        # A shell or another program stands between, and does not die with it.
        threading.Thread(target=_watch, args=(launcher,), daemon=True).start()


def _launcher(mark: bytes) -> int:
    """Return the nearest ancestor that does not have the environment of a rank; 1: none."""
    process = os.getppid()
    while process > 1 and mark in _environment(process):
        process = _parent(process)
    return process


def _environment(process: int) -> list[bytes]:
    """Return the environment that a process was started with; empty if it is another user's."""
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def _parent(process: int) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 1


def _watch(launcher: int) -> None:
    try:
        descriptor = os.pidfd_open(launcher)
    except ProcessLookupError:
        pass
    except OSError:
        while os.path.exists(f"/proc/{launcher}"):
            time.sleep(LOOK_SECONDS)
    else:
        # It becomes readable when the process ends.
        select.select([descriptor], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
