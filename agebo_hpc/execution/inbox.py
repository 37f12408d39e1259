"""Takes whatever message is there, also large ones of ranks that die or stop in the middle."""

from __future__ import annotations

from typing import Any

from agebo_hpc.execution.faults import accept_death, dead_ranks, is_death
from agebo_hpc.execution.protocol import look

Received = tuple[int, int, Any]
"""Source, tag and message."""


class Inbox:
    """Messages from all ranks of a communicator. Never waits.

    Parameters
    ----------
    comm
        mpi4py communicator.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self._arriving: list[tuple[int, int, Any]] = []

    def receive(self) -> Received | None:
        """Return a message that has arrived as a whole, None if there is none. Local."""
        return self._next_arrived() or (self._next_arrived() if self._begin_next() else None)

    def _begin_next(self) -> bool:
        """Begin to receive the next message that was sent, if there is one."""
        from mpi4py import MPI

        status = MPI.Status()
        try:
            matched = look(self._comm, MPI.ANY_SOURCE, MPI.ANY_TAG, status)
        except MPI.Exception as error:
            if not is_death(error):
                raise
            # The dead are looked up elsewhere; from now on this probe passes them over.
            dead_ranks(self._comm)
            return False
        if matched is None:
            return False
        request = accept_death(matched.irecv)
        if request is not None:
            self._arriving.append((status.Get_source(), status.Get_tag(), request))
        return True

    def _next_arrived(self) -> Received | None:
        for place, (source, tag, request) in enumerate(self._arriving):
            answer = accept_death(request.test)
            if answer is None:
                # The rest of it will never come.
                del self._arriving[place]
                return self._next_arrived()
            if answer[0]:
                del self._arriving[place]
                return source, tag, answer[1]
        return None
