"""Seconds-long checks that an installation is sound: MPI, HDF5, TensorFlow, Horovod if there.

Under mpirun every rank takes part and the first one reports; without a launcher the checks of one
process run. A check that does not come back ends the job: each has a time limit.
"""

from __future__ import annotations

import faulthandler
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agebo_hpc.diagnostics.installation import probe
from agebo_hpc.errors import EXIT_COMPLETE, EXIT_INTERNAL, EXIT_LAUNCH, AgeboError, LaunchError
from agebo_hpc.execution.mpi.start import start_mpi
from agebo_hpc.job.launcher import announced_rank, announced_world, check_world
from agebo_hpc.reporter import Reporter
from agebo_hpc.training.ways import NAMES, by_host, choose_way, has_horovod

if TYPE_CHECKING:
    from mpi4py import MPI


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Parameters
    ----------
    name
        What was checked.
    problem
        What was wrong, on which rank; empty when all is well.
    seconds
        How long it took on this rank.
    exit_code
        What the command ends with if this failed.
    """

    name: str
    problem: str
    seconds: float
    exit_code: int


@dataclass(frozen=True)
class PlannedCheck:
    """A check to do: `run` returns what is wrong, or nothing."""

    name: str
    run: Callable[[], str]
    exit_code: int = EXIT_INTERNAL


def run_smoke(report: Callable[[Check], None], limit: float, reporter: Reporter) -> int:
    """Run all checks that fit this world and return the exit code.

    Collective over the world. `report` is called on the first rank only, once for each check; no
    check follows one that failed, because ranks may not agree on where they are.

    Parameters
    ----------
    report
        Gets each outcome as soon as it is there.
    limit
        Seconds, > 0, for one check.
    reporter
        The reporter of each rank; it tells which check did not end.

    Raises
    ------
    LaunchError
        If MPI's world has one rank and the launcher started more.
    """
    from agebo_hpc.training.environment import prepare_environment

    prepare_environment(threads=1)
    comm = None if announced_world() is None else _start_mpi(limit, reporter)
    planned = _serial_checks(limit) if comm is None else _mpi_checks(comm)
    for each in planned:
        check = _run(each, comm, limit, reporter)
        if comm is None or comm.Get_rank() == 0:
            report(check)
        if check.problem:
            return check.exit_code
    return EXIT_COMPLETE


def _start_mpi(limit: float, reporter: Reporter) -> MPI.Intracomm:
    with _Watch("start of MPI", limit, EXIT_LAUNCH, reporter):
        world: MPI.Intracomm = start_mpi().COMM_WORLD
    try:
        check_world(world.Get_size())
    except LaunchError:
        # Each rank is a world of its own and would say the same.
        if announced_rank() == 0:
            raise
        sys.exit(EXIT_LAUNCH)
    return world


def _run(
    each: PlannedCheck, comm: MPI.Intracomm | None, limit: float, reporter: Reporter
) -> Check:
    """Do one check on this rank and join what all ranks found. Collective over `comm`."""
    started = time.perf_counter()
    with _Watch(each.name, limit, each.exit_code, reporter):
        try:
            problem = each.run()
        except (AgeboError, RuntimeError, OSError, ImportError, ValueError) as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if comm is not None:
            where = f"rank {comm.Get_rank()} on {platform.node()}: "
            found = comm.allgather(where + problem if problem else "")
            problem = next(filter(None, found), "")
    return Check(each.name, problem, time.perf_counter() - started, each.exit_code)


class _Watch:
    """Ends the whole job, with stacks, when the block does not end in time."""

    def __init__(self, name: str, limit: float, exit_code: int, reporter: Reporter) -> None:
        self._name, self._limit, self._code = name, limit, exit_code
        self._reporter = reporter

    def __enter__(self) -> None:
        self._timer = threading.Timer(self._limit, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        rank = announced_rank()
        self._reporter.say(
            f"smoke: {self._name}: no end after {self._limit:g} s on rank {rank} "
            f"({platform.node()}); the job is ended. Stacks of this rank:"
        )
        faulthandler.dump_traceback(all_threads=True)
        mpi = sys.modules.get("mpi4py.MPI")
        if mpi is not None and mpi.Is_initialized():
            mpi.COMM_WORLD.Abort(self._code)
        os._exit(self._code)


def _serial_checks(limit: float) -> list[PlannedCheck]:
    return [
        PlannedCheck(
            "MPI starts in a child process, and mpirun belongs to it",
            partial(_probe_mpi, limit),
            EXIT_LAUNCH,
        ),
        *_local_checks(),
    ]


def _probe_mpi(limit: float) -> str:
    answer = probe("mpi", limit)
    return str(answer.get("problem") or answer.get("mismatch") or "")


def _local_checks() -> list[PlannedCheck]:
    return [
        PlannedCheck("HDF5 writes and reads a file", _hdf5),
        PlannedCheck("TensorFlow computes a gradient", _gradient),
    ]


def _mpi_checks(comm: MPI.Intracomm) -> list[PlannedCheck]:
    size = comm.Get_size()
    planned = [
        PlannedCheck(f"world of {size} ranks, thread level multiple", _thread_level, EXIT_LAUNCH),
        PlannedCheck("messages around a ring", partial(_ring, comm), EXIT_LAUNCH),
        PlannedCheck("communicators by Split", partial(_split, comm), EXIT_LAUNCH),
        PlannedCheck("communicators by Create_group", partial(_create_group, comm), EXIT_LAUNCH),
        *_local_checks(),
    ]
    usual = choose_way("auto", by_host(comm.allgather((platform.node(), has_horovod()))))
    planned.append(PlannedCheck(str(usual), str))
    for way in dict.fromkeys(("mpi", usual.name)):
        # Up, and down again: the second use of a size is where stale state would show.
        for members in [*range(1, size + 1), *range(size - 1, 0, -1)]:
            name = f"{NAMES[way]} sums over {members} rank" + ("s" if members > 1 else "")
            planned.append(PlannedCheck(name, partial(_sum, comm, members, len(planned), way)))
    return planned


def _thread_level() -> str:
    from mpi4py import MPI

    if MPI.Query_thread() >= MPI.THREAD_MULTIPLE:
        return ""
    return f"MPI gives thread level {MPI.Query_thread()}, agebo_hpc needs {MPI.THREAD_MULTIPLE}"


def _ring(comm: MPI.Intracomm) -> str:
    rank, size = comm.Get_rank(), comm.Get_size()
    outgoing = np.full(100_000, rank, dtype=np.float64)
    incoming = np.empty_like(outgoing)
    left = (rank - 1) % size
    comm.Sendrecv(outgoing, dest=(rank + 1) % size, recvbuf=incoming, source=left)
    return "" if bool((incoming == left).all()) else f"what rank {left} sent came damaged"


def _split(comm: MPI.Intracomm) -> str:
    rank, size = comm.Get_rank(), comm.Get_size()
    part = comm.Split(color=rank % 2, key=rank)
    total, expected = part.allreduce(rank), sum(range(rank % 2, size, 2))
    part.Free()
    return "" if total == expected else f"sum in the part is {total}, not {expected}"


def _create_group(comm: MPI.Intracomm) -> str:
    for members in range(1, comm.Get_size() + 1):
        if comm.Get_rank() >= members:
            continue
        sub = _first_ranks(comm, members)
        total, expected = sub.allreduce(comm.Get_rank()), sum(range(members))
        sub.Free()
        if total != expected:
            return f"sum over the first {members} ranks is {total}, not {expected}"
    return ""


def _first_ranks(comm: MPI.Intracomm, members: int) -> Any:
    """Return a communicator of the first ranks. Only these call it."""
    everyone = comm.Get_group()
    group = everyone.Incl(list(range(members)))
    try:
        return comm.Create_group(group, tag=members)
    finally:
        group.Free()
        everyone.Free()


def _sum(comm: MPI.Intracomm, members: int, number: int, way: str) -> str:
    if comm.Get_rank() >= members:
        return ""
    from agebo_hpc.training.probe import sum_over

    sub = _first_ranks(comm, members)
    total = sum_over(sub, float(comm.Get_rank()), f"smoke.{number}", way)
    sub.Free()
    expected = float(sum(range(members)))
    return "" if total == expected else f"the sum is {total}, not {expected}"


def _hdf5() -> str:
    from agebo_hpc.storage.probe import hdf5_round_trip

    with tempfile.TemporaryDirectory(prefix="agebo-smoke-") as folder:
        same = hdf5_round_trip(Path(folder) / "smoke.h5")
    return "" if same else f"numbers read back from a file in {folder} differ"


def _gradient() -> str:
    from agebo_hpc.training.probe import gradient_is_right

    return "" if gradient_is_right() else "the gradient of a matrix product is not NumPy's"
