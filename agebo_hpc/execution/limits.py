"""When a search ends: the number of evaluations, the wall time, signals and failures."""

from __future__ import annotations

import math
import signal
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agebo_hpc.errors import TooManyFailuresError
from agebo_hpc.space.configuration import Evaluation, Result, Status

CONSECUTIVE_FAILURES = 20
"""So many failed evaluations in a row end the search: something is wrong with all of them."""

RECENT = 100
"""So many durations, for each number of processes, predict the next one."""


class Interrupt:
    """Remembers that a signal asked the search to stop. The handler does nothing else."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupt:
        for number in self.SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: object) -> None:
        again = self.received is not None and number == signal.SIGINT
        self.received = signal.Signals(number)
        if again:
            raise KeyboardInterrupt


@dataclass
class Limits:
    """What ends a search.

    Attributes
    ----------
    max_evals
        Evaluations over all lives of the search; None: no limit.
    walltime
        Seconds of this life, from its start; None: no limit.
    interrupt
        Tells whether a signal came.
    clock
        Seconds, rising.
    """

    max_evals: int | None = None
    walltime: float | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._durations: dict[int, deque[float]] = {}
        self._recent_failures: deque[str] = deque()

    @property
    def elapsed(self) -> float:
        """Seconds of this life so far."""
        return self.clock() - self.began

    @property
    def remaining(self) -> float:
        """Seconds of this life left; infinite without a wall time."""
        return math.inf if self.walltime is None else self.walltime - self.elapsed

    def must_stop(self) -> bool:
        """Tell whether running evaluations must end now."""
        return self.interrupt.received is not None or self.remaining <= 0

    def may_ask(self, num_told: int, num_running: int) -> bool:
        """Tell whether a further evaluation may be proposed."""
        if self.must_stop():
            return False
        if self.max_evals is not None and num_told + num_running >= self.max_evals:
            return False
        everything = [seconds for n in self._durations.values() for seconds in n]
        return not everything or min(everything) <= self.remaining

    def may_start(self, evaluation: Evaluation) -> bool:
        """Tell whether an evaluation is likely to end within the wall time.

        The median duration of the latest with as many processes is the prediction; without any,
        it may start.
        """
        if self.must_stop():
            return False
        done = self._durations.get(evaluation.configuration.num_processes)
        return not done or statistics.median(done) <= self.remaining

    def observe(self, result: Result) -> None:
        """Take note of a finished evaluation.

        Raises
        ------
        TooManyFailuresError
            If too many in a row failed by an exception or for memory.
        """
        if result.status in (Status.FAILED, Status.OUT_OF_MEMORY):
            self._recent_failures.append(result.traceback)
        else:
            self._recent_failures.clear()
        if result.status is Status.DONE:
            n = result.evaluation.configuration.num_processes
            self._durations.setdefault(n, deque(maxlen=RECENT)).append(
                result.ended - result.started
            )
        if len(self._recent_failures) >= CONSECUTIVE_FAILURES:
            most_frequent, count = Counter(self._recent_failures).most_common(1)[0]
            raise TooManyFailuresError(
                f"The last {CONSECUTIVE_FAILURES} evaluations failed, {count} of them with:\n"
                f"{most_frequent.strip()}\nMend the cause and go on with `agebo-hpc resume`."
            )
