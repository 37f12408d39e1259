"""Whether this process does the work of a command that one process does alone.

Under ``mpirun -n 4 agebo-hpc predict …`` the first rank predicts and the others leave. The rank
variable of a launcher does not tell such a case: a loop of job steps over files sets it too, and
so does a shell in a rank. So MPI itself is asked, in a child, which takes the rank's place in the
world and finds out who else was given the same command.

    python own_program.py agebo_hpc.execution.mpi.first_rank COMMAND

is the child: its exit code is 0 on the first rank with this command, `LATER` on the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

from agebo_hpc.job.launcher import announced_world
from agebo_hpc.processes.own_program import own_environment, own_program

SECONDS = 30.0
"""How long MPI may take. It does not answer where other ranks of the world do other things."""
LATER = 9
"""Exit code of the child of a rank that is not the first one with its command."""
PROCESS_MANAGERS = ("PMIX_", "PMI_", "PMI2_")
"""How variables begin without which no MPI library finds the other ranks."""


def is_first(arguments: Sequence[str]) -> bool:
    """Tell whether no lower rank of this process's MPI world was started with the same command.

    Parameters
    ----------
    arguments
        Arguments of the command line.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized():
        return bool(mpi.COMM_WORLD.Get_rank() == 0)
    return not may_have_others() or _asks_first(tuple(arguments))


def may_have_others(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether the environment allows for an MPI world of several ranks.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    """
    environ = os.environ if environ is None else environ
    announced = announced_world(environ)
    has_manager = any(name.startswith(PROCESS_MANAGERS) for name in environ)
    return announced is not None and announced[1] > 1 and has_manager


@cache
def _asks_first(arguments: tuple[str, ...]) -> bool:
    command = json.dumps([os.getcwd(), *arguments])
    words = own_program("agebo_hpc.execution.mpi.first_rank", with_parent=True)
    try:
        done = subprocess.run(
            [*words, command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            env=own_environment(os.environ),
        )
    except (subprocess.TimeoutExpired, OSError):
        return True
    return done.returncode != LATER


def main() -> int:
    """Compare this rank's command with those of the world. Collective over the world."""
    from agebo_hpc.execution.mpi.start import start_mpi

    world = start_mpi().COMM_WORLD
    commands = world.allgather(sys.argv[1])
    return LATER if commands.index(sys.argv[1]) < world.Get_rank() else 0


if __name__ == "__main__":
    sys.exit(main())
