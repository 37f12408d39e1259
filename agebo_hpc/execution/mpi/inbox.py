"""Receives without waiting, also large messages of ranks that die or stop in the middle."""

from __future__ import annotations

from typing import Any

from agebo_hpc.execution.mpi.ulfm import accept_death, dead_ranks, is_death

Received = tuple[int, int, Any]
"""Source, tag and message."""


class Inbox:
    """Messages from all ranks of a communicator. Never waits.

    Parameters
    ----------
    comm
        The mpi4py communicator.
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


def look(comm: Any, source: int, tag: int, status: Any) -> Any | None:
    """Return a message that is there to be received, None if there is none. Local.

    Open MPI looks first and lets messages in afterwards: one that came since the last look is
    only seen by a second one. With a single look it would wait for the sleep between two looks
    besides.

    Parameters
    ----------
    comm
        The mpi4py communicator.
    source, tag
        Source and tag as in MPI; wildcards are allowed.
    status
        The MPI status, which is filled in.
    """
    matched = comm.improbe(source, tag, status)
    return comm.improbe(source, tag, status) if matched is None else matched


def try_receive(comm: Any, source: int, tag: int) -> tuple[Any, Any] | None:
    """Return (message, status) if one is there, else None. Local.

    Parameters
    ----------
    comm
        The mpi4py communicator.
    source, tag
        Source and tag as in MPI; wildcards are allowed.
    """
    from mpi4py import MPI

    status = MPI.Status()
    matched = look(comm, source, tag, status)
    return None if matched is None else (matched.recv(status=status), status)
