"""Counts of a search, and how far it is in one line."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agebo_hpc.metrics.table import said
from agebo_hpc.run.notation import format_seconds
from agebo_hpc.space.configuration import Result, Status, said_of
from agebo_hpc.text import noun


@dataclass
class Tally:
    """Counts of a search.

    Attributes
    ----------
    num_slots
        Number of slots of this session.
    max_evals
        Limit over all sessions, or None.
    walltime
        Limit of this session in seconds, or None.
    done, failed
        Evaluations finished over all sessions.
    best
        The result with the largest objective, and of equal ones with the smallest loss; or None.
    known, constant
        Networks of which it is known whether they tell rows apart, and those that do not.
    kind
        What these predict one of, ``"class"`` or ``"number"``.
    baselines
        What simple models reach, in a few words; empty: not known.
    metric
        Name of what the objective is; empty: not known.
    busy_seconds
        Sum over this session's evaluations of n times their duration.
    finished_here, lost
        Evaluations finished, and lost with their ranks, in this session.
    paused
        Ids of evaluations that were trained for a part of their epochs and not stopped; some of
        them may train further.
    clock
        Returns the time in seconds; it never jumps back.
    """

    num_slots: int
    max_evals: int | None = None
    walltime: float | None = None
    done: int = 0
    failed: int = 0
    best: Result | None = None
    known: int = 0
    constant: int = 0
    kind: str = ""
    baselines: str = ""
    metric: str = ""
    busy_seconds: float = 0.0
    finished_here: int = 0
    lost: int = 0
    paused: set[int] = field(default_factory=set)
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.began = self.clock()

    def add(self, result: Result, *, earlier_session: bool = False) -> None:
        """Count a result."""
        if not earlier_session:
            self.busy_seconds += len(result.ranks) * (result.ended - result.started)
            self.finished_here += result.status.is_final
            self.lost += result.status is Status.LOST
        if result.status is Status.PAUSED:
            self.paused.add(result.id)
            return
        if result.status.is_final:
            self.paused.discard(result.id)
        if result.status.has_value:
            self.done += 1
            if self.best is None or result.place < self.best.place:
                self.best = result
            self.known += result.predicts_one is not None
            self.constant += bool(result.predicts_one)
            self.kind = result.predicts_one or self.kind
        elif result.status.is_final:
            self.failed += 1

    @property
    def elapsed(self) -> float:
        """Seconds of this session."""
        return max(1e-9, self.clock() - self.began)

    @property
    def busy_share(self) -> float:
        """Share of the slots' time that finished evaluations took, 0 to 1."""
        return min(1.0, self.busy_seconds / (self.num_slots * self.elapsed))

    @property
    def seconds_left(self) -> float:
        """Predicted seconds to the nearest limit; NaN where nothing can be said."""
        predictions = []
        if self.walltime is not None:
            predictions.append(max(0.0, self.walltime - self.elapsed))
        if self.max_evals is not None and self.finished_here:
            missing = max(0, self.max_evals - self.done - self.failed - len(self.paused))
            predictions.append(missing * self.elapsed / self.finished_here)
        return min(predictions, default=math.nan)

    def line(self, num_running: int) -> str:
        """Return all of it in one line."""
        finished = self.done + self.failed
        target = "" if self.max_evals is None else f"/{self.max_evals}"
        what = "evaluations" if target else noun(finished, "evaluation")
        parts = [f"{finished}{target} {what} ({num_running} running"]
        parts[0] += f", {len(self.paused)} paused" if self.paused else ""
        parts[0] += f", {self.failed} failed" if self.failed else ""
        parts[0] += f", {self.lost} lost)" if self.lost else ")"
        if self.best is not None:
            one = said_of(self.best.predicts_one)
            which = f"evaluation {self.best.id}" + (f", {one}" if one else "")
            value = said(self.metric, float(self.best.objective or 0.0), ".5f")
            parts.append(f"best {value} ({which})")
        if self.baselines:
            parts.append(self.baselines)
        parts.append(f"busy {100 * self.busy_share:.0f} %")
        parts.append(f"{format_seconds(self.elapsed)} elapsed")
        if not math.isnan(self.seconds_left):
            parts.append(f"about {format_seconds(self.seconds_left)} left")
        return " | ".join(parts)
