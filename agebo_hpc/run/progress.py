"""How far a search is, in one line: live on a terminal, now and then in a batch log."""

from __future__ import annotations

import time
from collections.abc import Callable

from agebo_hpc.reporter import Reporter
from agebo_hpc.run.tally import Tally

HEARTBEAT_SECONDS = 30.0


class ProgressLine:
    """Shows a tally: often where a line can be rewritten, as a line now and then elsewhere.

    Parameters
    ----------
    tally
        What is shown.
    reporter
        The reporter that shows the line.
    clock
        Returns the time in seconds; it never jumps back.
    """

    def __init__(
        self, tally: Tally, reporter: Reporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tally = tally
        self._reporter = reporter
        self._clock = clock
        self._interval = 0.5 if reporter.is_live else HEARTBEAT_SECONDS
        self._next = clock()

    def is_due(self) -> bool:
        """Tell whether it is time to show the tally again."""
        return self._clock() >= self._next

    def update(self, num_running: int) -> None:
        """Show the tally."""
        self._next = self._clock() + self._interval
        self._reporter.show(self._tally.line(num_running))

    def finish(self, remark: str) -> None:
        """Show the tally a last time and say how it ended."""
        self._reporter.show(self._tally.line(0))
        self._reporter.say(remark)
