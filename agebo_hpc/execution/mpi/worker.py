"""What a trainer rank does: wait for a start, train with the others in it, send the result."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.evaluate import evaluate
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.mpi.communicators import Communicators
from agebo_hpc.execution.mpi.control_thread import ControlThread
from agebo_hpc.execution.mpi.inbox import try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.mpi.protocol import MANAGER, Start, Tag
from agebo_hpc.execution.mpi.ulfm import AbandonedError
from agebo_hpc.execution.mpi.world import World
from agebo_hpc.execution.serial import clean_after, make_result
from agebo_hpc.reporter import Reporter
from agebo_hpc.space.configuration import Status
from agebo_hpc.storage.checkpoints import CheckpointFiles
from agebo_hpc.training.trainer import Outcome, Trainer

UNSOUND = (Status.FAILED, Status.OUT_OF_MEMORY, Status.LOST)
"""After these the members may have left their communicator in the middle of different calls."""

REPORTS_UNDER_WAY = 16
"""Number of reports that may be under way to the manager; further ones wait, training goes on."""


def ignore_stop_signals() -> None:
    """Let signals that ask the search to stop pass: the manager decides, by a stop order."""
    for number in Interrupt.SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def serve(
    world: World,
    trainer: Trainer,
    seed: int,
    heartbeat_timeout: float,
    reporter: Reporter,
    files: CheckpointFiles | None = None,
) -> bool:
    """Train what the manager starts until it says quit; return whether any rank died.

    Parameters
    ----------
    world
        Gives the communicators.
    trainer
        Trainer of this rank.
    seed
        Seed of the search, >= 0.
    heartbeat_timeout
        Seconds without a heartbeat after which the manager takes this rank for hung; 0: never.
    reporter
        Tells that the manager died.
    files
        Where trainings leave what they go on from; None: they begin anew where they go on.
    """
    communicators = Communicators(world)
    control_thread = ControlThread(world, communicators, heartbeat_timeout, reporter)
    control_thread.start()
    try:
        return _Worker(world, communicators, trainer, seed, files).serve()
    finally:
        control_thread.stop()


class _Worker:
    """The main thread of a trainer rank."""

    def __init__(
        self,
        world: World,
        communicators: Communicators,
        trainer: Trainer,
        seed: int,
        files: CheckpointFiles | None,
    ) -> None:
        self._comm = world.comm
        self._communicators = communicators
        self._trainer = trainer
        self._seed = seed
        self._files = files
        self._rank = world.comm.Get_rank()
        self._outbox = Outbox(world.comm)

    def serve(self) -> bool:
        from mpi4py import MPI

        backoff = Backoff()
        while True:
            received = try_receive(self._comm, MANAGER, MPI.ANY_TAG)
            if received is None:
                backoff.sleep()
                continue
            backoff.reset()
            message, status = received
            tag = status.Get_tag()
            if tag == Tag.QUIT:
                return bool(message)
            if tag == Tag.CALL:
                self._outbox.send(None, MANAGER, Tag.HERE)
            if tag == Tag.START:
                self._take_part(message)
            # A stop order that comes after its evaluation has ended is dropped here.

    def _take_part(self, start: Start) -> None:
        """Train one evaluation with its other members. Collective over the members."""
        started = time.time()
        try:
            comm = self._communicators.join(start)
            work = start.piece or start.evaluation
            orders = self._orders(start)
            outcome = evaluate(self._trainer, work, self._seed, comm, orders, self._files)
        except AbandonedError:
            outcome = Outcome(Status.LOST)
        # Where one is lost, its leader may be, and another member tells the manager.
        if self._rank == start.ranks[0] or outcome.status is Status.LOST:
            result = make_result(
                start.evaluation, outcome, (start.submitted, started), start.ranks
            )
            self._outbox.send((start.number, result), MANAGER, Tag.RESULT)
        # What takes time comes when the manager already knows.
        if outcome.status in UNSOUND:
            self._communicators.part(start)
        clean_after(self._trainer)

    def _orders(self, start: Start) -> _Orders:
        is_leader = self._rank == start.ranks[0]
        return _Orders(self._comm, start, self._outbox if is_leader else None)


class _Orders:
    """The rule by which a training stops: an order of the manager, which its leader hears.

    Epochs' records go to the manager on the same occasion, if it wants to hear of them; those
    that are not sent before the result are part of it.
    """

    def __init__(self, comm: Any, start: Start, outbox: Outbox | None) -> None:
        self._comm = comm
        self._number = start.number
        self._reports = start.reports
        self._outbox = outbox
        self._waiting: deque[Mapping[str, float]] = deque()
        self._is_ordered = False

    def __call__(self, record: Mapping[str, float] | None = None) -> bool:
        if self._outbox is None:
            return False
        if record is not None and self._reports:
            self._waiting.append(dict(record))
        while self._waiting and self._outbox.sweep() < REPORTS_UNDER_WAY:
            self._outbox.send((self._number, self._waiting.popleft()), MANAGER, Tag.REPORT)
        while (received := try_receive(self._comm, MANAGER, Tag.STOP)) is not None:
            self._is_ordered |= received[0] == self._number
        return self._is_ordered
