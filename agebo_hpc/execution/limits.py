"""When a search ends: the number of evaluations, the wall time, signals and failures."""

from __future__ import annotations

import math
import re
import shlex
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agebo_hpc.errors import TooManyFailuresError
from agebo_hpc.execution.durations import Durations
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.execution.stop_file import StopFile
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.text import counted

CONSECUTIVE_FAILURES = 20
"""Number of failed evaluations in a row that ends the search: something is wrong with all."""

UNLIMITED = 2**62
"""More evaluations than any search has."""


@dataclass
class Limits:
    """What ends a search.

    Attributes
    ----------
    max_evals
        Evaluations over all sessions of the search; None: no limit.
    walltime
        Seconds of this session, from its start; None: no limit.
    interrupt
        Tells whether a signal came.
    clock
        Returns the time in seconds; it never jumps back.
    stop_file
        Looked for now and then; None: nowhere.
    size_of
        Number of trainable parameters of a configuration's network, > 0; helps to predict how
        long its training takes.
    drain
        Tells why nothing more is to be started in this session; empty: no reason. It counts once
        an evaluation has ended, so that every session of the search gets on.
    """

    max_evals: int | None = None
    walltime: float | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    clock: Callable[[], float] = time.monotonic
    stop_file: StopFile | None = None
    size_of: Callable[[Configuration], int] = lambda configuration: 1
    drain: Callable[[], str] = lambda: ""

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._durations = Durations()
        self._recent_failures: deque[str] = deque()
        self._has_results = False
        self._too_long = math.inf

    @property
    def elapsed(self) -> float:
        """Seconds of this session so far."""
        return self.clock() - self.began

    @property
    def remaining(self) -> float:
        """Seconds of this session left; infinite without a wall time."""
        return math.inf if self.walltime is None else self.walltime - self.elapsed

    @property
    def order(self) -> str:
        """What ordered the search to stop, a signal or the stop file; empty: nothing has."""
        if self.interrupt.received is not None:
            return self.interrupt.received.name
        if self.stop_file is not None and self.stop_file.is_there():
            return f"the file {self.stop_file.path}"
        return ""

    @property
    def drain_reason(self) -> str:
        """Why nothing is started after the running evaluations; empty if there is no reason."""
        return self.drain() if self._has_results else ""

    def must_stop(self) -> bool:
        """Tell whether running evaluations must end now."""
        return bool(self.order) or self.remaining <= 0

    def may_ask(self) -> bool:
        """Tell whether this session has use for a proposal: nothing ends it, and there is time."""
        if self.must_stop() or self.drain_reason:
            return False
        return self._fits(self._durations.shortest)

    def num_missing(self, num_begun: int) -> int:
        """Return how many evaluations are missing to the number that was asked for.

        Parameters
        ----------
        num_begun
            Evaluations over all sessions that are finished, run, or are proposed already.
        """
        return UNLIMITED if self.max_evals is None else max(0, self.max_evals - num_begun)

    def may_start(self, evaluation: Evaluation, share: float = 1.0) -> bool:
        """Tell whether an evaluation, or a share of it, is likely to end within the wall time.

        Its duration is predicted from those that have ended; without any, it may start.
        """
        if self.must_stop() or self.drain_reason:
            return False
        if self.walltime is None:
            return True
        return self._fits(self._durations.predict(self._features(evaluation, share)))

    def _fits(self, seconds: float) -> bool:
        """Tell whether so many seconds are left; the fewest that are not are remembered."""
        if seconds <= self.remaining:
            return True
        self._too_long = min(self._too_long, seconds)
        return False

    def end_reason(self, is_reached: bool) -> str:
        """Return what ended the search, for people; empty where an order or a drain did.

        Parameters
        ----------
        is_reached
            Whether the number of evaluations that was asked for is.
        """
        if is_reached:
            return f"{counted(self.max_evals or 0, 'evaluation')}, as asked for"
        if self.order or self.drain_reason or self.walltime is None:
            return ""
        if self.remaining <= 0:
            return f"the {self.walltime:,.0f} s that it had are used up"
        if self._too_long < math.inf:
            return (
                f"no evaluation fits into the {self.remaining:.0f} s left, for the shortest to "
                f"come takes about {self._too_long:.0f} s"
            )
        return ""

    def _features(self, evaluation: Evaluation, share: float) -> tuple[float, ...]:
        chosen = evaluation.configuration
        batch_size = chosen.hyperparameters.get("batch_size", 1)
        return chosen.num_processes, batch_size, self.size_of(chosen), share

    def note_duration(self, result: Result, share: float = 1.0) -> None:
        """Learn how long an evaluation, or a share of it, took, also of an earlier session."""
        if result.status.has_value and self.walltime is not None:
            seconds = result.ended - result.started
            self._durations.observe(self._features(result.evaluation, share), seconds)

    def observe(self, result: Result, share: float = 1.0) -> None:
        """Count an evaluation that has ended, or that was paused after a share of it.

        Raises
        ------
        TooManyFailuresError
            If too many in a row failed by an exception or for memory.
        """
        self._has_results = True
        if result.status in (Status.FAILED, Status.OUT_OF_MEMORY):
            self._recent_failures.append(result.traceback)
        elif result.status is not Status.LOST:
            self._recent_failures.clear()
        self.note_duration(result, share)
        if len(self._recent_failures) >= CONSECUTIVE_FAILURES:
            causes = [_cause(traceback) for traceback in self._recent_failures]
            most_frequent, count = Counter(causes).most_common(1)[0]
            example = self._recent_failures[causes.index(most_frequent)]
            raise TooManyFailuresError(
                f"The last {CONSECUTIVE_FAILURES} evaluations failed, {count} of them with:\n"
                f"{example.strip()}\nMend the cause and go on with `agebo-hpc resume`."
            )


def check_success(results: Sequence[Result], run: RunDirectory) -> None:
    """Refuse to call a search complete of which every evaluation failed.

    Parameters
    ----------
    results
        Results of all sessions.
    run
        The run directory, for the message.

    Raises
    ------
    TooManyFailuresError
        If there are evaluations that ended, and none of them well.
    """
    failures = [result for result in results if result.status.is_final]
    if not failures or any(result.status.has_value for result in failures):
        return
    causes = [_last_line(result) for result in failures]
    kinds = [_cause(cause) for cause in causes]
    most_frequent, count = Counter(kinds).most_common(1)[0]
    number = f"All {len(failures)} evaluations" if len(failures) > 1 else "The only evaluation"
    raise TooManyFailuresError(
        f"{number} failed, {count} of them with: {causes[kinds.index(most_frequent)]}. "
        f"{run.log_path} has the tracebacks. Mend the cause, then start anew, or go on with "
        f"`agebo-hpc resume {shlex.quote(str(run.path))} --max-evals N`."
    )


def _last_line(result: Result) -> str:
    """Return what an evaluation failed with, in one line."""
    lines = result.traceback.strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else f"the status {result.status}"


def _cause(traceback: str) -> str:
    """Return what tracebacks of one cause share: they name evaluations, ranks and shapes."""
    return re.sub(r"\d+", "0", traceback)
