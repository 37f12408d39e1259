"""Trainings in children of a process that was started before MPI: ``--isolation child``.

A training that crashes, is killed, or leaks memory takes its child with it, not the rank. To the
executor this is a trainer like any other.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agebo_hpc.errors import LaunchError
from agebo_hpc.execution.evaluate import TrainingError
from agebo_hpc.execution.isolated.child import Child
from agebo_hpc.execution.isolated.fork_server import ForkServer
from agebo_hpc.execution.isolated.server_process import ForkRequest
from agebo_hpc.execution.mpi.inbox import try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.reporter import Reporter
from agebo_hpc.space.assignment import Assignment, evaluation_of
from agebo_hpc.space.configuration import Evaluation, Status
from agebo_hpc.training.rendezvous import Meeting, Rendezvous
from agebo_hpc.training.trainer import Outcome, Slot, StopRule

LOOK_SECONDS = 0.02
"""Seconds between two looks for stop orders while a child sends nothing."""


GRACE_SECONDS = 30.0
"""How much longer than an evaluation's time limit a child may take to see it itself, at most;
else as long again."""


GIVEN_UP = 61
"""Tag: a member tells the others of an evaluation that its child ended too early."""


class ChildTrainer:
    """Trains each evaluation in a child.

    Parameters
    ----------
    fork_server
        That children are forked from.
    slot
        Slot of this rank.
    spec
        How the children make their trainers.
    reporter
        Tells why no child gets ready.
    shared
        Cores of each slot of this node that evaluations have for themselves, the whole worker
        group: members divide them. Empty: each member has its slot's cores.

    Raises
    ------
    AgeboError
        If no trainer can be made.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        slot: Slot,
        spec: TrainerSpec,
        reporter: Reporter,
        shared: Sequence[frozenset[int]] = (),
    ) -> None:
        self._fork_server = fork_server
        self._child: Child | None = None
        # With words to other members that may be under way still.
        self._outboxes: list[Outbox] = []
        self._slot = slot
        self._num_shared = len(shared)
        # A launcher may have bound this rank to its slot: a member has those of others besides.
        self._cores = frozenset(core for cores in shared for core in cores)
        self._spec = spec
        fork_server.start(spec)
        try:
            self._fork(None, slot)
        except TrainingError as error:
            reporter.say(str(error))
            reason = str(error).strip().splitlines()[-1]
            raise LaunchError(f"A child process cannot get ready to train: {reason}") from None
        finally:
            self.clean()

    def prepare(self, evaluation: Evaluation, seed: int) -> _ChildTraining:
        """Fork a child and let it prepare. Local."""
        return self._prepare(evaluation)

    def prepare_piece(
        self, assignment: Assignment, seed: int, state: bytes | None
    ) -> _ChildTraining:
        """Fork a child and let it prepare a piece of a training. Local."""
        return self._prepare(assignment, state)

    def _prepare(
        self, work: Evaluation | Assignment, state: bytes | None = None
    ) -> _ChildTraining:
        evaluation = evaluation_of(work)
        # The first child has checked the data.
        slot = replace(self._slot, verify=False)
        if self._num_shared:
            members = min(evaluation.configuration.num_processes, self._num_shared)
            slot = replace(slot, threads=self._num_shared * slot.threads // members)
        child = self._fork(work, slot, state)
        return _ChildTraining(child, evaluation.id, self._spec.eval_timeout, self._outboxes)

    def clean(self) -> None:
        """End the child if it still runs: another member could not prepare, or it hangs."""
        self._outboxes[:] = [outbox for outbox in self._outboxes if outbox.sweep()]
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.end()

    def _fork(
        self, work: Evaluation | Assignment | None, slot: Slot, state: bytes | None = None
    ) -> Child:
        if not self._fork_server.is_alive:
            ended = self._fork_server
            self._fork_server = ForkServer(ended.threads, ended.with_horovod)
            self._fork_server.start(self._spec)
        cores = self._cores or frozenset(os.sched_getaffinity(0))
        child = self._child = self._fork_server.fork(ForkRequest(work, slot, cores))
        # Apart from the request, which is a message of bounded length.
        child.send("state", state)
        child.hear()
        return child


class _ChildTraining:
    """A child that has prepared and waits."""

    def __init__(
        self, child: Child, evaluation_id: int, limit: float, outboxes: list[Outbox]
    ) -> None:
        self._child = child
        self._outboxes = outboxes
        self._evaluation_id = evaluation_id
        self._limit = limit

    def run(self, comm: Any | None, stop: StopRule) -> Outcome:
        """Let the children of all members train together. Collective over `comm`."""
        if comm is None or comm.Get_size() == 1:
            self._child.send("run", None)
            return self._follow(None, stop)
        hosts = comm.allgather(socket.gethostname())
        meeting = Meeting(hosts) if comm.Get_rank() == 0 else None
        try:
            address, port = comm.bcast(None if meeting is None else meeting.where())
            self._child.send("run", Rendezvous(address, port, comm.Get_rank(), tuple(hosts)))
            return self._follow(comm, stop)
        except Exception:
            self._outboxes.append(tell_others(comm, self._evaluation_id))
            raise
        finally:
            if meeting is not None:
                meeting.close()

    def _follow(self, comm: Any | None, stop: StopRule) -> Outcome:
        """Pass records and orders on until the child sends the outcome."""
        is_ordered = False
        allowed = self._limit + min(self._limit, GRACE_SECONDS)
        deadline = time.monotonic() + allowed if self._limit else None
        while True:
            readable, _, _ = select.select([self._child.connection], [], [], LOOK_SECONDS)
            record = None
            if readable:
                word, content = self._child.hear()
                if word == "outcome":
                    outcome: Outcome = content
                    return replace(outcome, peak_memory=self._child.end().peak_memory)
                record = content
            if stop(record) and not is_ordered:
                is_ordered = True
                self._child.send("stop")
            if comm is not None and is_given_up(comm, self._evaluation_id):
                text = "The training of another member ended."
                raise TrainingError(Status.FAILED, text, is_echo=True)
            if deadline is not None and time.monotonic() > deadline:
                text = f"The training did not end within {self._limit:g} s and was killed."
                raise TrainingError(Status.TIMED_OUT, text)


def tell_others(comm: Any, evaluation_id: int) -> Outbox:
    """Tell the other members of an evaluation that this one's training has ended too early. Local.

    Returns what has to be kept until the word has arrived.

    Parameters
    ----------
    comm
        mpi4py communicator of the members.
    evaluation_id
        Told along: nobody may hear the word before the members' next evaluation.
    """
    outbox = Outbox(comm)
    for member in range(comm.Get_size()):
        if member != comm.Get_rank():
            outbox.send(evaluation_id, member, GIVEN_UP)
    return outbox


def is_given_up(comm: Any, evaluation_id: int) -> bool:
    """Tell whether another member's training has ended; drop messages of earlier ones. Local."""
    from mpi4py import MPI

    while (received := try_receive(comm, MPI.ANY_SOURCE, GIVEN_UP)) is not None:
        if received[0] == evaluation_id:
            return True
    return False
