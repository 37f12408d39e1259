"""The file that asks a search to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


class StopFile:
    """A file whose presence asks the search to stop; it is looked for once a second.

    Parameters
    ----------
    path
        Path at which the file is looked for.
    clock
        Returns the time in seconds; it never jumps back.
    """

    SECONDS = 1.0

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        self._next = clock()
        self._found = False

    def is_there(self) -> bool:
        """Tell whether the file has been there."""
        if not self._found and self._clock() >= self._next:
            self._next = self._clock() + self.SECONDS
            self._found = self.path.exists()
        return self._found
