"""Run a command that is ended when the process that started it dies, however that dies.

    python tether.py PARENT COMMAND...

Linux only. Imports nothing of the package: it is run for every job step.
"""

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1
"""Operation of prctl(2)."""


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


if __name__ == "__main__":
    main()
