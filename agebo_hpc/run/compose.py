"""One session of a search: from a request to an exit code, with or without MPI."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from agebo_hpc.errors import (
    EXIT_COMPLETE,
    AgeboError,
    ConfigurationError,
    DataError,
    RankDiedError,
    UsageError,
)
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.isolated.child_trainer import ChildTrainer
from agebo_hpc.execution.isolated.fork_server import ForkServer
from agebo_hpc.execution.mpi.group_report import (
    group_lines,
    idle_lines,
    overlap_lines,
    rank_lines,
)
from agebo_hpc.execution.mpi.handshake import hear_ready, hear_verdict, tell_ready, tell_verdict
from agebo_hpc.execution.mpi.protocol import MANAGER
from agebo_hpc.execution.mpi.shutdown import leave, leaving_without_manager
from agebo_hpc.execution.mpi.world import World, form_groups, join_world
from agebo_hpc.execution.serial import SerialExecutor
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.job.cores import available_cores
from agebo_hpc.job.launcher import announced_rank, check_alone, launched_by_mpi
from agebo_hpc.processes.affinity import keep_to_cores
from agebo_hpc.reporter import Reporter, tell
from agebo_hpc.run.checkpointing import checkpoint_files
from agebo_hpc.run.data_parallel import announce, check_isolation
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.resumption import check_problem, problem_before
from agebo_hpc.run.session import Session
from agebo_hpc.run.trainers import make_trainer, trainer_spec
from agebo_hpc.run.trust import check_owner
from agebo_hpc.simulation.registry import parse_simulation
from agebo_hpc.storage.run_directory import check_free
from agebo_hpc.training.environment import prepare_environment
from agebo_hpc.training.preload import load_tensorflow, uncollected
from agebo_hpc.training.trainer import Slot, Trainer
from agebo_hpc.training.ways import Way, choose_way, has_horovod, here

if TYPE_CHECKING:
    from agebo_hpc.execution.executor import Executor
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem

FIXED_START = 1_767_225_600.0
"""2026-01-01, 00:00 UTC: where the clock of a repeatable simulation starts."""


def run_search(session: Session) -> int:
    """Run a search to its end and return the exit code.

    Collective over the world when MPI launched the process. Ranks other than the manager
    return 0.

    Raises
    ------
    AgeboError
        On the manager, or in the only process, for what the user can mend.
    """
    executor = session.request.executor
    if executor == "auto":
        executor = "mpi" if launched_by_mpi() else "serial"
    elif executor != "mpi":
        check_alone(executor)
    # From here on: a signal that comes while libraries are still being loaded counts as well.
    with Interrupt() as interrupt:
        return RUNNERS[executor](session, interrupt)


def _run_serial(session: Session, interrupt: Interrupt) -> int:
    threads = session.request.threads_per_slot or available_cores()
    # A problem's file may import TensorFlow, which reads it then and never again.
    prepare_environment(threads)
    problem = _checked_problem(session)
    space = session.hyperparameters(problem, largest_group=1)
    slot = Slot(threads)
    if session.request.simulate is None:
        # Alone it needs neither, but what was asked for is there or is said not to be.
        choose_way(session.request.data_parallel, here())
    with ExitStack() as stack:
        if session.request.isolation == "child":
            fork_server = stack.enter_context(closing(_fork_server(session.request)))
            spec = trainer_spec(session.request, problem)
            trainer: Trainer = ChildTrainer(fork_server, slot, spec, session.reporter)
        else:
            trainer = make_trainer(session.request, slot, problem)
        executor = SerialExecutor(
            trainer,
            session.request.seed,
            session.request.max_memory,
            checkpoint_files(session.request),
        )
        executor.num_cores = threads
        return _manage(session, (problem, space), executor, 1, interrupt)


def _run_simulated(session: Session, interrupt: Interrupt) -> int:
    from agebo_hpc.simulation.executor import Machine, SimulatedExecutor
    from agebo_hpc.simulation.virtual_clock import VirtualClock

    request = session.request
    problem = _checked_problem(session)
    if request.simulate is None or request.groups is None:
        raise UsageError("--executor simulated needs --simulate and --groups.")
    space = session.hyperparameters(problem, largest_group=request.slots_per_group)
    executor = SimulatedExecutor(
        parse_simulation(request.simulate),
        Machine(
            request.groups,
            request.slots_per_group,
            request.allocation == "exclusive",
            request.message_latency,
            request.rank_lifetime,
        ),
        VirtualClock(_virtual_start(session), request.manager_charge),
        request.seed,
        problem.recipe.epochs,
        request.eval_timeout,
    )
    return _manage(session, (problem, space), executor, 1 + executor.num_slots, interrupt)


def _run_steps(session: Session, interrupt: Interrupt) -> int:
    from agebo_hpc.execution.steps.executor import StepsExecutor
    from agebo_hpc.execution.steps.launch import find_site

    request = session.request
    problem = _checked_problem(session)
    _verify_data(request, problem)
    site = find_site(request.threads_per_slot)
    # Each step has a short session: what the first process finds is for all of them.
    way = None if request.simulate else choose_way(request.data_parallel, here())
    spec = trainer_spec(request, problem, "mpi" if way is None else way.name)
    executor = StepsExecutor(
        spec,
        site,
        Path(request.out),
        request.max_processes,
        exclusive=request.allocation == "exclusive",
        show_slots=request.show_ranks,
        checkpoints=checkpoint_files(request),
    )
    executor.num_cores = sum(node.slots * node.threads for node in site.nodes)
    space = session.hyperparameters(problem, executor.max_processes)
    announce(executor, way, problem, space)
    tell(session.reporter, executor.remarks)
    with closing(executor):
        return _manage(session, (problem, space), executor, 1 + executor.num_slots, interrupt)


def _verify_data(request: SearchRequest, problem: Problem) -> None:
    """Check the rows that a search trains on once, for steps that each live for one training."""
    if _is_trained_on(request, problem):
        from agebo_hpc.data.dataset import open_dataset

        open_dataset(str(problem.data)).verify(("train", "validation"))


def _virtual_start(session: Session) -> float:
    """Return the first moment of a session on a virtual clock, seconds since 1970.

    A search that is repeatable starts at a fixed moment; a resumed one goes on where it ended.
    """
    start = time.time() if session.request.manager_charge else FIXED_START
    if session.run is not None:
        from agebo_hpc.storage.reader import read_replay

        sessions = read_replay(session.run.path).sessions
        start = max([start, *(earlier.last_seen for earlier in sessions)])
    return start


def _run_mpi(session: Session, interrupt: Interrupt) -> int:
    request = session.request
    # MPI does not like to be forked from; the manager trains nothing.
    isolated = request.isolation == "child" and announced_rank() != MANAGER
    fork_server = _fork_server(request) if isolated else None
    world = form_groups(join_world(), request.max_processes, request.span_nodes)
    if not world.is_manager:
        return _serve(world, session, fork_server)
    from agebo_hpc.execution.mpi.executor import MPIExecutor

    problem, space, way = _begin(world, session)
    exclusive = request.allocation == "exclusive"
    executor = MPIExecutor(
        world,
        exclusive=exclusive,
        heartbeat_timeout=request.heartbeat_timeout,
        max_memory=request.max_memory,
    )
    executor.num_cores = executor.num_slots * (request.threads_per_slot or 0) or world.num_cores
    executor.remarks = [
        *group_lines(world),
        *idle_lines(world, space.processes, exclusive),
        *overlap_lines(world, request.threads_per_slot),
        *(rank_lines(world, request.threads_per_slot) if request.show_ranks else ()),
    ]
    announce(executor, way, problem, space)
    tell(session.reporter, executor.remarks)
    try:
        code = _manage(session, (problem, space), executor, world.comm.Get_size(), interrupt)
    except RankDiedError:
        # Whoever says goodbye now would wait for the dead.
        raise
    except AgeboError as error:
        executor.close()
        leave(world, error.exit_code, executor.has_losses)
        raise
    executor.close()
    leave(world, code, executor.has_losses)
    return code


def _begin(world: World, session: Session) -> tuple[Problem, HyperparameterSpace, Way | None]:
    """Return what is searched, and how, when every rank is ready for it. On the manager."""
    try:
        way = None if session.request.simulate else world.way(session.request.data_parallel)
        with uncollected():
            problem = _checked_problem(session)
        space = session.hyperparameters(problem, world.largest_group)
        check_isolation(session.request, way, problem, space)
    except AgeboError as error:
        tell_verdict(world, error)
        raise
    tell_verdict(world, None, trainer_spec(session.request, problem))
    with uncollected():
        _load_search(session.request)
    unready = hear_ready(world)
    tell_verdict(world, unready)
    if unready is not None:
        raise unready
    return problem, space, way


def _load_search(request: SearchRequest) -> None:
    """Load what only the manager needs, while the trainer ranks load what they need."""
    from agebo_hpc.run.manager import Manager  # noqa: F401
    from agebo_hpc.search.methods import load_libraries

    load_libraries(request.method, request.surrogate)


def _serve(world: World, session: Session, fork_server: ForkServer | None) -> int:
    """Do a trainer rank's part, from its first check to its last training."""
    request = session.request
    from agebo_hpc.execution.mpi.worker import ignore_stop_signals, serve

    ignore_stop_signals()
    with leaving_without_manager(world, session.reporter):
        trainer, slot, error = None, None, None
        with uncollected():
            try:
                slot = _prepare(world, request)
            except AgeboError as reason:
                error = reason
            refusal, spec = hear_verdict(world)
            if refusal is not None:
                return EXIT_COMPLETE
            try:
                if slot is not None:
                    trainer = _trainer_of(slot, world, session, fork_server, spec)
            except AgeboError as reason:
                error = reason
        tell_ready(world, error)
        refusal, _ = hear_verdict(world)
        if refusal is None and trainer is not None:
            timeout = request.heartbeat_timeout
            files = checkpoint_files(request)
            has_losses = serve(world, trainer, request.seed, timeout, session.reporter, files)
            leave(world, EXIT_COMPLETE, has_losses)
    return EXIT_COMPLETE


def _prepare(world: World, request: SearchRequest) -> Slot:
    """Set a trainer rank's cores, and load what takes longer than the manager's checks."""
    threads = request.threads_per_slot or world.threads
    keep_to_cores(world.local_rank * threads, threads)
    prepare_environment(threads)
    with_group = world.largest_group > 1 and request.processes != (1,)
    way = "mpi" if request.simulate else world.way(request.data_parallel).name
    # A problem file may bring a trainer that needs none of it.
    if request.isolation == "rank" and request.simulate is None and request.problem is None:
        load_tensorflow(with_group and way == "horovod")
    return Slot(threads, world.local_rank, with_group, way, verify=world.local_rank == 0)


def _trainer_of(
    slot: Slot,
    world: World,
    session: Session,
    fork_server: ForkServer | None,
    spec: TrainerSpec,
) -> Trainer:
    """Return a trainer rank's trainer for the problem that the manager found."""
    request = session.request
    if request.isolation == "child":
        shared = world.neighbours if request.allocation == "exclusive" else ()
        cores = [world.rank_infos[rank].cores for rank in shared]
        server = fork_server or _fork_server(request)
        return ChildTrainer(server, slot, spec, session.reporter, cores)
    return spec.make_trainer(slot)


def _fork_server(request: SearchRequest) -> ForkServer:
    """Start the process that children are forked from, before the problem is known."""
    alone = request.max_processes == 1 or request.processes == (1,)
    joins = not alone and request.data_parallel != "mpi" and has_horovod()
    return ForkServer(request.threads_per_slot or 1, with_horovod=joins)


RUNNERS = {
    "serial": _run_serial,
    "mpi": _run_mpi,
    "steps": _run_steps,
    "simulated": _run_simulated,
}


def _manage(
    session: Session,
    found: tuple[Problem, HyperparameterSpace],
    executor: Executor,
    num_ranks: int,
    interrupt: Interrupt,
) -> int:
    """Do the deciding rank's part; only this one loads search and history."""
    from agebo_hpc.run.manager import Manager

    return Manager(session, *found, executor, num_ranks).run(interrupt)


def _checked_problem(session: Session) -> Problem:
    """Return the problem after a look at all that can be wrong before anything is written."""
    from agebo_hpc.run.configuration import data_identity

    request = session.request
    if session.run is None:
        check_free(Path(request.out))
    if session.run is not None and not session.trust:
        check_owner(session.run, request)
    problem = request.load_problem(session.run.config["problem"] if session.run else None)
    found = data_identity(problem).get("data_fingerprint", "")
    if session.run is not None:
        stored = session.run.config["problem"].get("data_fingerprint", "")
        if stored != found and not session.force:
            raise ConfigurationError(
                f"The search was started on data with fingerprint {stored}; {problem.data} now "
                f"has {found}. Restore the data set, start a new search, or add --force to go on "
                "with other data."
            )
        space = session.hyperparameters(problem, largest_group=1)
        before = problem_before(session.run, problem, request)
        check_problem(session.run, before, space, request, session.force)
    _check_data(request, problem, session.reporter)
    return problem


def _check_data(request: SearchRequest, problem: Problem, reporter: Reporter) -> None:
    """Report remarks on the data, and refuse data that no network can be chosen on."""
    if not _is_trained_on(request, problem):
        return
    from agebo_hpc.data.dataset import constant_target, open_dataset
    from agebo_hpc.data.skew import advice_on_target
    from agebo_hpc.run.advice import advice_on_loss, advice_on_metric

    dataset = open_dataset(str(problem.data))
    reason = constant_target(dataset, "validation")
    if reason:
        raise DataError(reason)
    counts = dataset.class_counts("train")
    recipe, weighs = problem.recipe, dataset.is_weighted
    advice = [advice_on_metric(dataset.class_labels, counts, recipe.metric_name)]
    metric = recipe.metric_of(dataset.task, dataset.num_outputs, weighs).name
    advice.append(advice_on_loss(metric, recipe))
    if not recipe.coding and not advice[-1]:
        advice.append(advice_on_target(dataset))
    tell(reporter, (f"note: {line}" for line in [*dataset.remarks, *filter(None, advice)]))


def _is_trained_on(request: SearchRequest, problem: Problem) -> bool:
    """Tell whether networks of the project's own trainer will be trained on the data."""
    return problem.data is not None and problem.trainer is None and request.simulate is None
