"""One process of a job step: it trains its part of one evaluation and ends.

    step DIRECTORY NUMBER

started NUMBER times by a launcher. Whatever happens here happens to this evaluation alone.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agebo_hpc.errors import AgeboError, LaunchError
from agebo_hpc.execution.evaluate import evaluate
from agebo_hpc.execution.mpi.preflight import check_shared_memory
from agebo_hpc.execution.mpi.start import start_mpi
from agebo_hpc.execution.serial import make_result
from agebo_hpc.execution.steps.files import StepFiles
from agebo_hpc.job.launcher import check_world
from agebo_hpc.processes.affinity import keep_to_cores
from agebo_hpc.storage.checkpoints import CheckpointFiles
from agebo_hpc.training.environment import prepare_environment
from agebo_hpc.training.preload import uncollected
from agebo_hpc.training.trainer import Slot


def main() -> None:
    """Train one evaluation together with the other processes of the step."""
    # What stops a search comes from the manager, by file.
    for number in (signal.SIGINT, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    files = StepFiles(Path(sys.argv[1]))
    try:
        take_part(files, int(sys.argv[2]))
    except AgeboError as error:
        # What the user can mend: another step would meet it too.
        files.say({"refused": str(error), "code": error.exit_code})
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


def take_part(files: StepFiles, size: int) -> None:
    """Train. Collective over the processes of the step.

    Parameters
    ----------
    files
        Files of the step.
    size
        Number of its processes.

    Raises
    ------
    AgeboError
        If the process cannot train: of two MPIs, no GPU, too little shared memory.
    """
    task = files.read_task()
    comm = _join(size) if size > 1 else None
    rank = 0 if comm is None else comm.Get_rank()
    keep_to_cores(task.first_core + rank * task.threads, task.threads)
    prepare_environment(task.threads)
    slot = Slot(
        task.threads,
        task.positions[rank],
        with_group=comm is not None,
        data_parallel=task.spec.data_parallel,
        verify=False,
    )
    with uncollected():
        trainer = task.spec.make_trainer(slot)
    launch_seconds = time.time() - task.started
    if rank == 0:
        files.say({"begun": launch_seconds})

    def stop(record: Mapping[str, float] | None = None) -> bool:
        if rank:
            return False
        if record is not None:
            files.say({"record": dict(record)})
        return files.is_stopped()

    work = task.piece or task.evaluation
    checkpoints = None if task.checkpoints is None else CheckpointFiles(Path(task.checkpoints))
    outcome = evaluate(trainer, work, task.spec.seed, comm, stop, checkpoints)
    if rank == 0:
        times = (task.submitted, task.started)
        result = make_result(task.evaluation, outcome, times, task.slots)
        files.write_result(replace(result, times={"launch": launch_seconds, **result.times}))
    if comm is not None:
        comm.Barrier()


def _join(size: int) -> Any:
    check_shared_memory()
    MPI = start_mpi()  # noqa: N806 (mpi4py's name)
    world = MPI.COMM_WORLD
    check_world(world.Get_size())
    if world.Get_size() != size:
        raise LaunchError(
            f"The step has {size} processes but MPI says the world has {world.Get_size()}: the "
            "launcher and the library that mpi4py is linked to are of two MPIs. Set "
            "AGEBO_LAUNCHER to the one that belongs to it, such as mpirun."
        )
    world.Set_errhandler(MPI.ERRORS_RETURN)
    return world.Dup()


if __name__ == "__main__":
    main()
