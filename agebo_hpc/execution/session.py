"""One life of a search: from a request to an exit code, with or without MPI."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from agebo_hpc.errors import EXIT_COMPLETE, AgeboError, ConfigurationError, LaunchError
from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.lead import Life, Manager, data_facts
from agebo_hpc.execution.limits import Interrupt
from agebo_hpc.execution.request import SearchRequest
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.execution.world import (
    World,
    available_cores,
    check_alone,
    form_groups,
    join_world,
    launched_by_mpi,
)
from agebo_hpc.space.problem import Problem
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.training.trainer import Slot, TensorFlowTrainer, Trainer


def run_search(life: Life) -> int:
    """Run a search to its end and return the exit code.

    Collective over the world when MPI launched the process. Ranks other than the manager
    return 0.

    Raises
    ------
    AgeboError
        On the manager, or in the only process, for what the user can mend.
    """
    executor = life.request.executor
    if executor == "auto":
        executor = "mpi" if launched_by_mpi() else "serial"
    elif executor == "serial":
        check_alone()
    # From here on: a signal that comes while libraries are still being loaded counts as well.
    with Interrupt() as interrupt:
        return (_run_mpi if executor == "mpi" else _run_serial)(life, interrupt)


def _run_serial(life: Life, interrupt: Interrupt) -> int:
    problem = _checked_problem(life)
    space = life.request.hyperparameters(problem, largest_group=1)
    threads = life.request.threads_per_slot or available_cores()
    trainer = _make_trainer(life.request, problem, Slot(threads))
    executor = SerialExecutor(trainer, life.request.seed)
    return Manager(life, problem, space, executor, num_ranks=1).run(interrupt)


def _run_mpi(life: Life, interrupt: Interrupt) -> int:
    comm = join_world()
    world = form_groups(comm, life.request.max_processes)
    if not world.is_manager:
        return _serve(world, life.request)
    error, problem, space = None, None, None
    try:
        problem = _checked_problem(life)
        space = life.request.hyperparameters(problem, world.largest_group)
    except AgeboError as reason:
        error = reason
    error = _agree(comm, error) or _agree(comm, None)
    if error is not None or problem is None or space is None:
        raise error or LaunchError("The search could not be prepared.")
    from agebo_hpc.execution.manager import MPIExecutor

    executor = MPIExecutor(world)
    try:
        code = Manager(life, problem, space, executor, comm.Get_size()).run(interrupt)
    except AgeboError:
        _leave(comm, executor)
        raise
    _leave(comm, executor)
    return code


def _serve(world: World, request: SearchRequest) -> int:
    """Live a trainer rank's life. Collective over the world."""
    from agebo_hpc.execution.worker import ignore_stop_signals, serve

    ignore_stop_signals()
    if _agree(world.comm, None) is not None:
        return EXIT_COMPLETE
    trainer: Trainer | None = None
    error: AgeboError | None = None
    try:
        threads = request.threads_per_slot or world.threads
        trainer = _make_trainer(
            request, request.load_problem(), Slot(threads, world.local_rank, with_group=True)
        )
    except AgeboError as reason:
        error = reason
    if _agree(world.comm, error) is None and trainer is not None:
        serve(world, trainer, request.seed)
        _leave(world.comm)
    return EXIT_COMPLETE


def _agree(comm: Any, error: AgeboError | None) -> AgeboError | None:
    """Return the first error that any rank has, named after its host. Collective over `comm`."""
    own = None if error is None else (type(error), str(error), socket.gethostname())
    found = [entry for entry in comm.allgather(own) if entry is not None]
    if not found:
        return None
    kind, text, host = found[0]
    where = "" if host == socket.gethostname() else f" (on host {host})"
    agreed: AgeboError = kind(text + where)
    return agreed


def _leave(comm: Any, executor: Executor | None = None) -> None:
    """Wait for all ranks, so that the first to exit does not get the others killed.

    Collective over `comm`. The manager gives its executor, which lets the others go.
    """
    if executor is not None:
        executor.close()
    comm.Barrier()


def _make_trainer(request: SearchRequest, problem: Problem, slot: Slot) -> Trainer:
    if problem.trainer is not None:
        trainer: Trainer = problem.trainer(problem, slot)
        return trainer
    return TensorFlowTrainer(problem, slot, request.eval_timeout)


def _checked_problem(life: Life) -> Problem:
    """Return the problem after a look at all that can be wrong before anything is written."""
    request = life.request
    out = Path(request.out)
    if life.run is None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        RunDirectory.create(out, {})
    problem = request.load_problem()
    found = data_facts(problem).get("data_fingerprint", "")
    if life.run is not None:
        stored = life.run.config["problem"].get("data_fingerprint", "")
        if stored != found:
            raise ConfigurationError(
                f"The search was started on data with fingerprint {stored}; {problem.data} now "
                f"has {found}. Restore the data set, or start a new search."
            )
    return problem


def resume_request(run: RunDirectory, changes: dict[str, Any]) -> SearchRequest:
    """Return the stored request of a run with this life's limits and executor.

    Parameters
    ----------
    run
        An existing run directory.
    changes
        Fields of `SearchRequest` that may change between lives: limits, executor, threads.
    """
    stored = run.config.get("request")
    if stored is None:
        raise ConfigurationError(
            f"{run.path}/config.toml has no [request]; it was not written by agebo-hpc search."
        )
    limits = {"walltime": None} if changes.get("max_evals") else {}
    known = {name: value for name, value in changes.items() if value is not None}
    return replace(
        SearchRequest.from_dict({**stored, "out": str(run.path)}), **{**limits, **known}
    )
