"""Trainings in children of a process that was started before MPI: ``--isolation child``.

A training that crashes, is killed, or leaks memory takes its child with it, not the rank. To the
executor this is a trainer like any other.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from agebo_hpc.errors import AgeboError, LaunchError
from agebo_hpc.execution.evaluate import TrainingError
from agebo_hpc.execution.exit_status import judge_signal
from agebo_hpc.execution.isolated.server_process import LONGEST_ORDER, End, Order
from agebo_hpc.execution.mpi.inbox import try_receive
from agebo_hpc.execution.mpi.outbox import Outbox
from agebo_hpc.job.launcher import without_launcher
from agebo_hpc.processes.own_program import own_environment, own_program
from agebo_hpc.reporter import Reporter
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.configuration import Evaluation, Status
from agebo_hpc.training.rendezvous import Meeting, Rendezvous
from agebo_hpc.training.trainer import Outcome, Slot, StopRule

LOOK_SECONDS = 0.02
"""Between two looks for stop orders while a child says nothing."""

START_SECONDS = 300.0
"""How long the fork server may take to load its libraries."""

GRACE_SECONDS = 30.0
"""How much longer than an evaluation's time limit a child may take to see it itself, at most;
else as long again."""

CLOSE_SECONDS = 30.0
"""How long the fork server may take to end."""

GIVEN_UP = 61
"""Tag: a member tells the others of an evaluation that its child ended too early."""


class ForkServer:
    """The process that children are forked from. It is started before MPI.

    Parameters
    ----------
    request
        Request of the search.
    """

    def __init__(self, request: SearchRequest) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = own_program("agebo_hpc.execution.isolated.server_process", with_parent=True)
            try:
                self._process = subprocess.Popen(
                    [*words, str(theirs.fileno())],
                    stdin=subprocess.PIPE,
                    pass_fds=[theirs.fileno()],
                    env=own_environment(without_launcher(os.environ)),
                )
            except BaseException:
                self._control.close()
                raise
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            pickle.dump({"threads_per_slot": None, **request.to_dict()}, stdin)
        self.request = request

    def await_start(self) -> None:
        """Wait until children can be forked.

        Raises
        ------
        AgeboError
            If the process ended before.
        """
        self._control.settimeout(START_SECONDS)
        self._hear()
        self._control.settimeout(None)

    def fork(self, order: Order) -> Child:
        """Fork a child that trains."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [pickle.dumps(order)], [theirs.fileno()])
        number = pickle.loads(self._hear())
        return Child(number, Connection(ours.detach()), self)

    def end_of_child(self) -> End:
        """Wait for the end of the child that runs; it ends with this process, if not before."""
        try:
            end: End = pickle.loads(self._hear())
        except AgeboError:
            end = End(int(signal.SIGKILL), 0)
        return end

    @property
    def is_alive(self) -> bool:
        """Whether children can be forked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, and the child that it waits for."""
        with suppress(OSError):
            # Heard whoever else has a copy of the descriptor: a process that was forked meanwhile.
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            # Libraries may hang while they are unloaded; its child dies with it.
            self._process.kill()
            self._process.wait()

    def _hear(self) -> bytes:
        try:
            data = self._control.recv(LONGEST_ORDER)
        except TimeoutError:
            data = b""
        if not data:
            self._process.kill()
            raise AgeboError(
                "The process that trainings are forked from ended with code "
                f"{self._process.wait()}. What it printed stands above."
            )
        return data


class Child:
    """A child that trains.

    Attributes
    ----------
    connection
        Channel to the child.
    """

    def __init__(self, number: int, connection: Connection, fork_server: ForkServer) -> None:
        self.connection = connection
        self._number = number
        self._fork_server = fork_server
        self._end: End | None = None

    def send(self, *message: Any) -> None:
        """Send a message; it is dropped where the child has ended."""
        with suppress(OSError):
            self.connection.send(message)

    def hear(self) -> tuple[str, Any]:
        """Return the child's next message; wait for it.

        Raises
        ------
        TrainingError
            If the training failed, or the child ended without a word.
        AgeboError
            If the child refused for what the user can mend.
        """
        try:
            word, content = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if word == "failed":
            raise TrainingError(*content)
        if word == "refused":
            raise content
        return word, content

    def kill(self) -> None:
        """End the child at once."""
        if self._end is None:
            with suppress(ProcessLookupError):
                os.kill(self._number, signal.SIGKILL)

    def end(self) -> End:
        """Wait for the child's end, after its last message."""
        if self._end is None:
            self._end = self._fork_server.end_of_child()
            self.connection.close()
        return self._end

    def _death(self) -> TrainingError:
        status = self.end().status
        if os.WIFSIGNALED(status):
            found, reason = judge_signal(os.WTERMSIG(status))
            return TrainingError(found, reason)
        text = f"The training's process ended with code {os.waitstatus_to_exitcode(status)}."
        return TrainingError(Status.FAILED, text)


class ChildTrainer:
    """Trains each evaluation in a child.

    Parameters
    ----------
    fork_server
        That children are forked from.
    slot
        Slot of this rank.
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
        self._limit = fork_server.request.eval_timeout
        fork_server.await_start()
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
        # The first child has checked the data.
        slot = replace(self._slot, verify=False)
        if self._num_shared:
            members = min(evaluation.configuration.num_processes, self._num_shared)
            slot = replace(slot, threads=self._num_shared * slot.threads // members)
        child = self._fork(evaluation, slot)
        return _ChildTraining(child, evaluation.id, self._limit, self._outboxes)

    def clean(self) -> None:
        """End the child if it still runs: another member could not prepare, or it hangs."""
        self._outboxes[:] = [outbox for outbox in self._outboxes if outbox.sweep()]
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.end()

    def _fork(self, evaluation: Evaluation | None, slot: Slot) -> Child:
        if not self._fork_server.is_alive:
            self._fork_server = ForkServer(self._fork_server.request)
            self._fork_server.await_start()
        cores = self._cores or frozenset(os.sched_getaffinity(0))
        child = self._child = self._fork_server.fork(Order(evaluation, slot, cores))
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
