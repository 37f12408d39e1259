"""A clock that jumps over the time in which nothing happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class VirtualClock:
    """Virtual seconds: processor time while the program works, jumps while it would wait.

    Processor time is the same whatever else runs on the machine. It leaves out waiting for a
    disk, which no slot waits for in a real search either.

    Parameters
    ----------
    start
        The first moment, seconds since 1970.
    charge
        Virtual seconds that pass in one of work, >= 0. With 0 time passes in jumps only.
    real
        Seconds of work, rising.
    """

    def __init__(
        self, start: float, charge: float = 1.0, real: Callable[[], float] = time.process_time
    ) -> None:
        self._moment = start
        self._charge = charge
        self._real = real
        self._mark = real()

    def now(self) -> float:
        """Return the virtual time, seconds since 1970."""
        if not self._charge:
            return self._moment
        return self._moment + self._charge * (self._real() - self._mark)

    def jump(self, moment: float) -> None:
        """Jump to ``moment``; nothing happens if that is over."""
        self._moment = max(self.now(), moment)
        self._mark = self._real()

    @contextmanager
    def free(self) -> Iterator[None]:
        """Do not count the time of work that only the simulation needs."""
        began = self._real()
        yield
        self._mark += self._real() - began
