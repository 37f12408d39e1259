"""The process that trainings in children are forked from; started before MPI.

    server_process CONTROL THREADS [horovod]

It dies with its rank. It has imported TensorFlow and Horovod and run nothing, so a fork is cheap
and sound. Its rank writes a `TrainerSpec` to its standard input. For each child it sends a
`ForkRequest` and one end of a channel, over the socket with the number CONTROL; the child talks to
the rank over that channel, and its end is reported on the control socket.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from agebo_hpc.errors import AgeboError
from agebo_hpc.execution.evaluate import is_echo, status_of
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.processes.parent_death import die_with_parent
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation
from agebo_hpc.training.environment import prepare_environment
from agebo_hpc.training.pieces import prepare_work
from agebo_hpc.training.preload import load_keras, load_libraries
from agebo_hpc.training.rendezvous import check_meeting
from agebo_hpc.training.trainer import Slot

OF_USERS = "agebo_hpc.training.own_trainer:"
"""How the factories of trainers begin that a problem file brings."""

LONGEST_REQUEST = 1 << 16
"""Bytes of a request, at most."""

LOOK_SECONDS = 0.02
"""Seconds between two looks after a child where the kernel cannot tell that it has ended."""


@dataclass(frozen=True)
class ForkRequest:
    """Train an evaluation in a child; or, without one, only make a trainer.

    Attributes
    ----------
    work
        What to train, an evaluation or a piece of one; None: nothing.
    slot
        Threads and device of the training.
    cores
        That the child keeps to.
    """

    work: Evaluation | Assignment | None
    slot: Slot
    cores: frozenset[int]


@dataclass(frozen=True)
class End:
    """How a child ended.

    Attributes
    ----------
    status
        Exit status as `os.wait4` gives it.
    peak_memory
        Largest resident memory, bytes.
    """

    status: int
    peak_memory: int


def main() -> None:
    """Load what trainings need, then fork a child for each request until the rank is gone."""
    for number in (signal.SIGINT, signal.SIGUSR2, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # A child belongs to one group in its life, which no launcher changes.
    os.environ["HOROVOD_ELASTIC"] = "0"
    prepare_environment(int(sys.argv[2]))
    try:
        load_libraries(with_horovod="horovod" in sys.argv[3:])
    except AgeboError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    try:
        spec: TrainerSpec = pickle.load(sys.stdin.buffer)
    except EOFError:
        # The search does not begin.
        return
    if spec.factory.startswith(OF_USERS):
        load_keras()
    with socket.socket(fileno=int(sys.argv[1])) as control, suppress(ConnectionError):
        # A rank that is gone before this process is ready, or meanwhile, wants nothing more.
        control.send(b"ready")
        while True:
            data, channels, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 1)
            if not data:
                return
            report(control, fork(spec, pickle.loads(data), channels[0]))


def report(control: socket.socket, child: int) -> None:
    """Tell the rank the child's number, wait for its end and tell that.

    A rank that closes the control socket meanwhile wants the child no more: it is killed. It would
    wait for a word that never comes, as long as anyone keeps the other end of its channel open.
    """
    try:
        control.send(pickle.dumps(child))
        await_end(control, child)
    except ConnectionError:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    control.send(pickle.dumps(End(status, usage.ru_maxrss * 1024)))


def await_end(control: socket.socket, child: int) -> None:
    """Return when a child has ended, which is not reaped yet.

    Raises
    ------
    ConnectionError
        If the rank has closed its end before.
    """
    with _descriptor_of(child) as process:
        while not _has_ended(child):
            watched = [control.fileno(), *(() if process is None else (process,))]
            pause = LOOK_SECONDS if process is None else None
            readable, _, _ = select.select(watched, [], [], pause)
            # Nothing is sent while a child lives: what can be read is the end.
            if control.fileno() in readable:
                raise ConnectionResetError("the rank is gone")


@contextmanager
def _descriptor_of(child: int) -> Iterator[int | None]:
    """Open a descriptor that is readable once a process has ended; None on a kernel without."""
    try:
        descriptor = os.pidfd_open(child)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def fork(spec: TrainerSpec, request: ForkRequest, channel: int) -> int:
    """Fork a child that trains; return its process number."""
    child = os.fork()
    if child:
        os.close(channel)
        return child
    code = 1
    try:
        die_with_parent()
        os.sched_setaffinity(0, request.cores)
        with Connection(channel) as connection:
            train(spec, request, connection)
        code = 0
    finally:
        # Nothing of the parent is to be flushed or ended twice.
        os._exit(code)


def train(spec: TrainerSpec, request: ForkRequest, connection: Connection) -> None:
    """Prepare, report it, wait for the order to run, train, and send the outcome."""
    try:
        _, state = connection.recv()
        training = prepare(spec, request, state)
        connection.send(("prepared", None))
        if training is None:
            return
        word, comm = connection.recv()
        if word == "run":
            outcome = training.run(comm, ChildStopRule(connection))
            connection.send(("outcome", outcome))
    except AgeboError as error:
        connection.send(("refused", error))
    except EOFError:
        # The rank is gone.
        return
    except Exception as error:  # noqa: BLE001 (the rank gets it)
        failure = (status_of(error), traceback.format_exc(), is_echo(error))
        connection.send(("failed", failure))


def prepare(spec: TrainerSpec, request: ForkRequest, state: bytes | None) -> Any:
    """Return a training, or None where only a trainer was asked for; see `prepare_work`."""
    trainer = spec.make_trainer(request.slot)
    if request.work is None:
        if request.slot.with_group and request.slot.data_parallel == "horovod":
            check_meeting()
        return None
    return prepare_work(trainer, request.work, spec.seed, state)


class ChildStopRule:
    """The rule by which a child's training stops: an order over the channel."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_ordered = False

    def __call__(self, record: Mapping[str, float] | None = None) -> bool:
        """Pass a record on; return whether the rank said to stop."""
        if record is not None:
            self._connection.send(("record", dict(record)))
        while self._connection.poll():
            self._is_ordered |= self._connection.recv()[0] == "stop"
        return self._is_ordered


if __name__ == "__main__":
    # What is sent to the rank must be of classes that it knows.
    from agebo_hpc.execution.isolated import server_process

    server_process.main()
