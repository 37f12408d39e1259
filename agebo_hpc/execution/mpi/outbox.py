"""Sends without waiting, also to ranks that may be dead or stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from agebo_hpc.execution.backoff import Backoff
from agebo_hpc.execution.mpi.ulfm import accept_death


class Outbox:
    """Sends without waiting, also to ranks that may be dead or stopped.

    Parameters
    ----------
    comm
        mpi4py communicator of all ranks.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self._under_way: list[Any] = []

    def send(self, message: Any, rank: int, tag: int) -> None:
        """Hand a message to MPI. A message to a dead rank is lost without an error."""
        self.sweep()
        request = accept_death(lambda: self._comm.isend(message, rank, tag))
        if request is not None:
            self._under_way.append(request)

    def sweep(self) -> int:
        """Forget what has arrived; return the number of messages under way."""

        def is_over(request: Any) -> bool:
            answer = accept_death(request.test)
            return answer is None or bool(answer[0])

        self._under_way = [request for request in self._under_way if not is_over(request)]
        return len(self._under_way)

    def flush(self, seconds: float, may_wait: Callable[[], bool] = lambda: True) -> bool:
        """Wait until everything has arrived, ``seconds`` at most; tell whether it has."""
        deadline, backoff = time.monotonic() + seconds, Backoff()
        while self.sweep():
            if time.monotonic() > deadline or not may_wait():
                return False
            backoff.sleep()
        return True
