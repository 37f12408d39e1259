"""How long to sleep between two looks for messages."""

from __future__ import annotations

import time


class Backoff:
    """Sleeps between probes: short after a message, longer the longer none came.

    Open MPI's blocking receive keeps a core busy; a rank that probes and sleeps leaves it to
    those that train. A hundred idle ranks that look every two milliseconds would fill a core as
    well, so the sleep grows to a fiftieth of the time waited: nobody waits much longer for it.

    Parameters
    ----------
    longest
        Longest sleep, seconds; `QUICK` for one that others wait for.
    """

    SHORTEST = 2e-5
    QUICK = 2e-3
    LONGEST = 5e-2
    SHARE = 0.02

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self.reset()

    def reset(self) -> None:
        """Note that a message came."""
        self._seconds = self.SHORTEST
        self._since = time.monotonic()

    def sleep(self) -> None:
        """Sleep because nothing came, and longer the next time."""
        time.sleep(self._seconds)
        waited = time.monotonic() - self._since
        limit = min(max(self.QUICK, self.SHARE * waited), self._longest)
        self._seconds = min(2 * self._seconds, limit)
