"""The MPI executor: the manager's side of the worker groups."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from agebo_hpc.execution.executor import Executor
from agebo_hpc.execution.placement import Block, Placement
from agebo_hpc.execution.protocol import MANAGER, Backoff, Start, Tag, try_receive
from agebo_hpc.execution.world import World
from agebo_hpc.space.configuration import Evaluation, Result


class MPIExecutor(Executor):
    """Runs evaluations on the trainer ranks of a world. Lives on the manager.

    Parameters
    ----------
    world
        Gives the communicator and the worker groups.
    """

    def __init__(self, world: World) -> None:
        self._comm = world.comm
        self._placement = Placement(world.groups)
        self._starts: dict[int, Start] = {}
        self._stopped: set[int] = set()
        self.num_slots = self._placement.num_slots
        self.max_processes = self._placement.largest_group

    def has_room(self) -> bool:
        """Tell whether a slot is free that no evaluation waits for."""
        return self._placement.has_room()

    def submit(self, evaluation: Evaluation) -> None:
        """Start an evaluation on a block of slots, or let it wait for one."""
        self._starts[evaluation.id] = Start(evaluation, (), time.time())
        num_processes = evaluation.configuration.num_processes
        block = self._placement.request(evaluation.id, num_processes)
        if block is not None:
            self._start(evaluation.id, block)

    def collect(self, stop: Callable[[], bool], seconds: float) -> list[Result]:
        """Return the results that are there; wait for the first ``seconds`` at most."""
        from mpi4py import MPI

        deadline = time.monotonic() + seconds
        backoff = Backoff()
        results: list[Result] = []
        while True:
            received = try_receive(self._comm, MPI.ANY_SOURCE, Tag.RESULT)
            if received is not None:
                results.append(self._finish(received[0]))
            elif results or time.monotonic() > deadline:
                return results
            else:
                if stop():
                    self._stop_running()
                    if not self.num_running:
                        return results
                backoff.sleep()

    @property
    def num_running(self) -> int:
        """Number of evaluations that run or wait for slots."""
        return len(self._starts)

    def close(self) -> None:
        """End what runs at the end of its epoch and tell every trainer rank to quit."""
        from mpi4py import MPI

        self._stop_running()
        backoff = Backoff()
        while self.num_running:
            # A leader whose result nobody takes would never come to quit.
            received = try_receive(self._comm, MPI.ANY_SOURCE, Tag.RESULT)
            if received is None:
                backoff.sleep()
            else:
                self._finish(received[0])
        for rank in range(self._comm.Get_size()):
            if rank != MANAGER:
                self._comm.send(None, rank, Tag.QUIT)

    def _start(self, evaluation_id: int, block: Block) -> None:
        start = replace(self._starts[evaluation_id], ranks=block)
        self._starts[evaluation_id] = start
        for rank in block:
            self._comm.send(start, rank, Tag.START)

    def _finish(self, result: Result) -> Result:
        del self._starts[result.id]
        for evaluation_id, block in self._placement.release(result.id):
            self._start(evaluation_id, block)
        return result

    def _stop_running(self) -> None:
        """Order the leaders of running evaluations to stop; forget those that wait for slots."""
        for evaluation_id, start in list(self._starts.items()):
            if not start.ranks:
                del self._starts[evaluation_id]
                self._placement.withdraw(evaluation_id)
            elif evaluation_id not in self._stopped:
                self._stopped.add(evaluation_id)
                self._comm.send(evaluation_id, start.ranks[0], Tag.STOP)
