"""What a run directory tells of a session of its search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class PastSession:
    """One run of the program on a run directory, from its start to its end or last sign.

    Attributes
    ----------
    started, last_seen
        Seconds since 1970, UTC.
    start, end
        What was recorded then; ``end`` is None while it runs or if it was killed.
    """

    started: float
    last_seen: float
    start: Mapping[str, Any]
    end: Mapping[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """Seconds from the start to the end or the last sign of life, >= 0."""
        return max(0.0, self.last_seen - self.started)

    @property
    def num_slots(self) -> int:
        """Slots that could train: what was recorded as ``slots``, else the ranks but one."""
        world = int(self.start.get("world_size", 1))
        return int(self.start.get("slots", max(1, world - 1)))
