"""Which ranks have not been heard of for too long. Pure: times and numbers.

Times are the receiver's own. A manager that was itself suspended, or held up by a slow disk,
takes the gap off: only time in which it looked for messages counts as silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

LONGEST_LOOK = 1.0
"""Seconds; of a longer gap between two looks only so much counts."""

LONGEST_BEAT = 5.0
"""Seconds between two heartbeats at most."""


def beat_seconds(timeout: float) -> float:
    """Return the seconds between two heartbeats: several fit into the timeout."""
    return min(LONGEST_BEAT, timeout / 5)


class Heartbeats:
    """Keeps the time at which each rank was last heard of.

    Parameters
    ----------
    ranks
        Those that send heartbeats.
    timeout
        Seconds of silence after which a rank counts as hung; 0: never.
    clock
        Returns the time in seconds; it never jumps back.
    """

    def __init__(
        self,
        ranks: Iterable[int],
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._looked = clock()
        self._awake = 0.0
        self._due = 0.0
        self._heard = dict.fromkeys(ranks, 0.0)

    def heard(self, rank: int) -> None:
        """Note that a rank lives."""
        if rank in self._heard:
            self._heard[rank] = self._awake

    def forget(self, rank: int) -> None:
        """Expect nothing from a rank any more."""
        self._heard.pop(rank, None)

    def silent(self) -> list[int]:
        """Return the ranks that are silent for too long; called often, after all messages."""
        now = self._clock()
        self._awake += min(now - self._looked, LONGEST_LOOK)
        self._looked = now
        if not self._timeout or self._awake < self._due:
            return []
        self._due = self._awake + self._timeout / 20
        limit = self._awake - self._timeout
        return [rank for rank, heard in self._heard.items() if heard < limit]
