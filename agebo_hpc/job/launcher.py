"""What the program that started this rank says about the world, before MPI is asked.

Knows the variables of Open MPI, of the PMI family and of Slurm. Functions of an environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from agebo_hpc.errors import LaunchError

STEP_LAUNCHERS = ("mpirun", "srun", "hydra", "mpiexec")
"""Launchers that may be started several times on a node: what the executor steps needs."""
# Nearest launcher first: mpirun inside a Slurm job knows better than Slurm.
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
LOCAL_SIZES = ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "PMI_LOCAL_SIZE")
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


def announced_world(environ: Mapping[str, str] | None = None) -> tuple[str, int] | None:
    """Return the variable that names the world's size and the size, None without a launcher.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    """
    return _first_number(SIZES, os.environ if environ is None else environ)


def announced_rank(environ: Mapping[str, str] | None = None) -> int:
    """Return the rank that the launcher gave this process, 0 without a launcher.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    """
    told = _first_number(RANKS, os.environ if environ is None else environ)
    return 0 if told is None else told[1]


def announced_local_size(environ: Mapping[str, str] | None = None) -> int:
    """Return how many ranks this node has as far as the launcher says so, 1 without a launcher.

    Parameters
    ----------
    environ
        Environment to read; this process's by default.
    """
    environ = os.environ if environ is None else environ
    told = _first_number(LOCAL_SIZES, environ)
    if told is not None:
        return told[1]
    # Of Slurm's "4(x2),3" the first number: nodes are filled alike.
    tasks = environ.get("SLURM_STEP_TASKS_PER_NODE", "").split("(")[0].split(",")[0]
    return int(tasks) if tasks.isdigit() else 1


def _first_number(names: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the first of some variables that is a number, and the number; None: none is."""
    name = next((name for name in names if environ.get(name, "").isdigit()), None)
    return None if name is None else (name, int(environ[name]))


def check_world(size: int, environ: Mapping[str, str] | None = None) -> None:
    """Compare MPI's world with what the launcher announced.

    Parameters
    ----------
    size
        Size of MPI's world, >= 1.
    environ
        Environment to read; this process's by default.

    Raises
    ------
    LaunchError
        If MPI says one rank and the launcher more: every rank would be a world of its own.
    """
    environ = os.environ if environ is None else environ
    announced = announced_world(environ)
    if announced is None or size > 1 or announced[1] <= 1:
        return
    name, expected = announced
    head = f"{name} is {expected} but MPI says the world has {size} rank: "
    # srun with a PMI of its own sets the variables of that family.
    by_srun = name.startswith("PMI") and environ.get("SLURM_STEP_ID")
    if name == "SLURM_NTASKS":
        raise LaunchError(
            head
            + "srun was left out in this allocation, or srun and this MPI library do not share a "
            "process manager. For ranks try `mpirun` or `srun --mpi=pmix` (`srun --mpi=list` "
            "shows what there is); for a search in one process alone give `--executor serial`."
        )
    if name.startswith("SLURM") or by_srun:
        raise LaunchError(
            head + "srun and this MPI library do not share a process manager, or srun was left "
            "out. Try `srun --mpi=pmix` (MPICH: pmi2; `srun --mpi=list` shows what there is) or "
            "`mpirun`."
        )
    raise LaunchError(
        head + "mpirun and the library that mpi4py is linked to are of two MPIs. Use the mpirun "
        "that belongs to it (`agebo-hpc info` names the library), or install mpi4py again with "
        "`pip install --no-binary mpi4py --force-reinstall mpi4py`."
    )


LAUNCHER_PREFIXES = ("OMPI_COMM_", "OMPI_MCA_orte", "PMIX_", "PMI_", "PRTE_LAUNCHED", "SLURM_")


def without_launcher(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what a launcher tells its ranks. What names the job stays."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(LAUNCHER_PREFIXES)
        or (name.startswith("SLURM_") and not name.startswith(OF_OUTER_STEP))
    }


OF_OUTER_STEP = ("SLURM_STEP", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_SRUN", "SLURM_LAUNCH")


def launched_by_mpi() -> bool:
    """Tell whether a launcher started this process as one rank of a world. Local.

    The batch shell of a Slurm job of one task is not a world.
    """
    announced = announced_world()
    return announced is not None and (announced[0] != "SLURM_NTASKS" or announced[1] > 1)


def check_alone(executor: str = "serial") -> None:
    """Refuse to be one of several processes that would all run the same search. Local.

    Parameters
    ----------
    executor
        Named in the message.

    Raises
    ------
    LaunchError
        If a launcher started more than one rank.
    """
    announced = announced_world()
    # In the batch shell of a Slurm job the number of tasks is announced, but none is started.
    if announced is not None and announced[1] > 1 and announced[0] != "SLURM_NTASKS":
        raise LaunchError(
            f"--executor is {executor} but {announced[0]} is {announced[1]}: each rank would run "
            "the whole search. Start one process, or leave out --executor."
        )
