"""The process that children are forked from, as its rank sees it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
from contextlib import suppress
from multiprocessing.connection import Connection

from agebo_hpc.errors import AgeboError
from agebo_hpc.execution.isolated.child import Child
from agebo_hpc.execution.isolated.server_process import LONGEST_REQUEST, End, ForkRequest
from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.job.launcher import without_launcher
from agebo_hpc.processes.own_program import own_environment, own_program

START_SECONDS = 300.0
"""How long the fork server may take to load its libraries."""


CLOSE_SECONDS = 30.0
"""How long the fork server may take to end."""


class ForkServer:
    """The process that children are forked from. It is started before MPI.

    Parameters
    ----------
    threads
        Threads of a training, >= 1.
    with_horovod
        Whether Horovod is loaded: it may have to join children of several ranks.
    """

    def __init__(self, threads: int, with_horovod: bool = False) -> None:
        self.threads, self.with_horovod = threads, with_horovod
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = own_program("agebo_hpc.execution.isolated.server_process", with_parent=True)
            arguments = [str(theirs.fileno()), str(threads), *(["horovod"] * with_horovod)]
            try:
                self._process = subprocess.Popen(
                    [*words, *arguments],
                    stdin=subprocess.PIPE,
                    pass_fds=[theirs.fileno()],
                    env=own_environment(without_launcher(os.environ)),
                )
            except BaseException:
                self._control.close()
                raise

    def start(self, spec: TrainerSpec) -> None:
        """Say what children train, and wait until they can be forked.

        Raises
        ------
        AgeboError
            If the process ended before.
        """
        assert self._process.stdin is not None
        # Where it has ended already, the answer says so.
        with suppress(OSError), self._process.stdin as stdin:
            pickle.dump(spec, stdin)
        self._control.settimeout(START_SECONDS)
        self._hear()
        self._control.settimeout(None)

    def fork(self, request: ForkRequest) -> Child:
        """Fork a child that trains."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [pickle.dumps(request)], [theirs.fileno()])
        number = pickle.loads(self._hear())
        return Child(number, Connection(ours.detach()), self.end_of_child)

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
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            # Libraries may hang while they are unloaded; its child dies with it.
            self._process.kill()
            self._process.wait()

    def _hear(self) -> bytes:
        try:
            data = self._control.recv(LONGEST_REQUEST)
        except TimeoutError:
            data = b""
        if not data:
            self._process.kill()
            raise AgeboError(
                "The process that trainings are forked from ended with code "
                f"{self._process.wait()}. What it printed stands above."
            )
        return data
