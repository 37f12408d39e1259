"""Whether the decisions of a journal follow from its events, in the order of its lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agebo_hpc.run.begun_with import rungs_begun_with
from agebo_hpc.run.resumption import other_layout, stored_request
from agebo_hpc.scheduling.scheduler import Decision, Scheduler
from agebo_hpc.scheduling.schedulers import SchedulerSettings, make_scheduler
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation, Result, Status
from agebo_hpc.storage.reader import read_events
from agebo_hpc.storage.replay import Replay, assignment_from_dict, evaluation_from_dict
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.text import counted

Event = Mapping[str, Any]
NOTHING = "nothing"


@dataclass(frozen=True)
class Asked:
    """What a session asks of its scheduler.

    Attributes
    ----------
    settings
        Which scheduler, and what it is told.
    max_evals
        Evaluations after which nothing new is proposed, >= 0; None: no such number.
    """

    settings: SchedulerSettings
    max_evals: int | None


@dataclass(frozen=True)
class Stray:
    """A decision that does not follow from the events before it.

    Attributes
    ----------
    line
        Its line in the journal, from 1.
    recorded, follows
        What is there, and what the scheduler decides.
    """

    line: int
    recorded: str
    follows: str


@dataclass(frozen=True)
class Checked:
    """What came of a check.

    Attributes
    ----------
    scheduler
        Name of the scheduler.
    num_decisions
        Decisions that follow from the events before them.
    num_left
        Assignments that a session left to later ones: too long for the time that it had, or with
        more processes than its worker groups. The journal does not say which were.
    stray
        The first decision that does not follow; None: all do.
    """

    scheduler: str
    num_decisions: int
    num_left: int
    stray: Stray | None = None


def check_run(path: str | Path) -> Checked:
    """Check the decisions of a run; a search may be writing it. Local.

    Raises
    ------
    InputMissingError
        If there is no such run directory.
    ConfigurationError
        If no search of the command line wrote it.
    DataError
        If it is damaged, or has another layout than this version reads.
    """
    run = RunDirectory.open(path)
    # Of a run without a request no scheduler is known.
    stored_request(run)
    events = read_events(path)
    # What no writer writes is told before what no scheduler decides.
    Replay.from_events(events)
    try:
        return check_decisions(events, lambda config: _asked(run, config or run.config))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise other_layout(run, error) from error


def _asked(run: RunDirectory, config: Mapping[str, Any]) -> Asked:
    """Return what a configuration asks of a scheduler."""
    request = stored_request(RunDirectory(run.path, dict(config), run.config_crc32))
    search = config["search"]
    if request.scheduler == "fifo":
        return Asked(SchedulerSettings(), search.get("max_evals"))
    num_epochs = config["problem"]["recipe"]["epochs"]
    settings = request.scheduler_settings(num_epochs, rungs_begun_with(config))
    return Asked(settings, search.get("max_evals"))


def check_decisions(
    events: Sequence[Event], asked_by: Callable[[Mapping[str, Any] | None], Asked]
) -> Checked:
    """Feed events to schedulers, one for each session, and compare what they decide. Pure.

    Parameters
    ----------
    events
        All of a journal, in order.
    asked_by
        Gives what a configuration asks; None: that of a journal that does not hold any.
    """
    follower = _Follower(asked_by, _last_assigned(events))
    stray = next(filter(None, map(follower.follow, events)), None)
    name = follower.asked.settings.name
    return Checked(name, follower.num_decisions, follower.num_left, stray)


def _last_assigned(events: Sequence[Event]) -> dict[tuple[int, int], int]:
    """Return the last line that assigns an evaluation in a session, by number of it and id."""
    session, lines = 0, {}
    for event in events:
        session += event["event"] == "start"
        if event["event"] == "assigned":
            lines[session, event["id"]] = event["line"]
    return lines


class _Follower:
    """Goes through a journal line by line, with a scheduler beside it."""

    def __init__(
        self,
        asked_by: Callable[[Mapping[str, Any] | None], Asked],
        last_assigned: Mapping[tuple[int, int], int],
    ) -> None:
        self._asked_by = asked_by
        self._last_assigned = last_assigned
        self.asked = asked_by(None)
        self._replay = Replay()
        self._session = 0
        self._has_time_limit = True
        # Made where the session first decides something: before, more may be proposed.
        self._scheduler: Scheduler | None = None
        self._proposed: deque[Evaluation] = deque()
        self._num_submitted = 0
        self._running: dict[int, Assignment] = {}
        self.num_decisions = 0
        self.num_left = 0

    def follow(self, event: Event) -> Stray | None:
        """Take a line in; return it if it is a decision that does not follow."""
        stray = None
        if "config" in event:
            self.asked = self._asked_by(event["config"])
        match event["event"]:
            case "start":
                self._session += 1
                self._has_time_limit = event.get("seconds", "not recorded") is not None
                self._scheduler = None
                self._running.clear()
            case "submitted":
                self._take(evaluation_from_dict(event["evaluation"]))
            case "assigned":
                stray = self._assigned(event)
            case "result":
                stray = self._ended(event)
        self._replay.apply(event)
        return stray

    def _take(self, evaluation: Evaluation) -> None:
        # A later session submits what was pending again.
        if evaluation.id not in self._replay.pending:
            self._num_submitted += 1
            self._proposed.append(evaluation)

    def _begin(self) -> Scheduler:
        """Return the session's scheduler, as it is where the lines so far have been taken in."""
        if self._scheduler is None:
            self._proposed.clear()
            pending = sorted(self._replay.pending.values(), key=lambda each: each.id)
            self._scheduler = make_scheduler(self.asked.settings, self._replay.past, pending)
        return self._scheduler

    def _assigned(self, event: Event) -> Stray | None:
        """Compare an assignment with those that the scheduler gives out here."""
        recorded = assignment_from_dict(event, self._replay.pending)
        stray = self._stray_assignment(recorded, int(event["line"]))
        self._running[recorded.id] = recorded
        self.num_decisions += stray is None
        return stray

    def _stray_assignment(self, recorded: Assignment, line: int) -> Stray | None:
        said = _piece_text(recorded)
        try:
            if not self._begin().pauses:
                return Stray(line, said, f"{NOTHING}: fifo trains no pieces")
            left: list[Assignment] = []
            for following in self._following():
                if following == recorded:
                    self.num_left += len(left)
                    return None
                if not self._may_be_left(following, line):
                    return Stray(line, said, _piece_text(following))
                left.append(following)
        except (LookupError, ValueError) as error:
            return Stray(line, said, f"{NOTHING} ({type(error).__name__}: {error})")
        return Stray(line, said, _piece_text(left[0]) if left else NOTHING)

    def _following(self) -> Iterator[Assignment]:
        """Yield what the scheduler gives out, with what was proposed where it needs it."""
        scheduler = self._begin()
        max_evals, has_ended = self.asked.max_evals, False
        while True:
            assignment = scheduler.next()
            if assignment is not None:
                yield assignment
            elif self._proposed:
                scheduler.add(self._proposed.popleft())
            elif has_ended or max_evals is None or self._num_submitted < max_evals:
                return
            else:
                scheduler.end_intake()
                has_ended = True

    def _may_be_left(self, assignment: Assignment, line: int) -> bool:
        """Tell whether a session may have left an assignment to the next one."""
        if self._last_assigned.get((self._session, assignment.id), 0) >= line:
            return False
        return self._has_time_limit or assignment.evaluation.configuration.num_processes > 1

    def _ended(self, event: Event) -> Stray | None:
        """Compare how a piece has ended with what the scheduler decides on it."""
        result, line = Result.from_dict(event["result"]), int(event["line"])
        said = f"evaluation {result.id} {result.status}"
        try:
            scheduler = self._begin()
            piece = self._running.pop(result.id, None)
            if piece is None and scheduler.pauses:
                return Stray(line, said, f"{NOTHING}: it was not in training")
            is_decided = _is_decided(result, piece)
            asked = replace(result, status=Status.PAUSED) if is_decided else result
            decision = scheduler.report(asked)
        except (LookupError, ValueError) as error:
            return Stray(line, said, f"{NOTHING} ({type(error).__name__}: {error})")
        follows = Status.STOPPED if decision is Decision.STOP else Status.PAUSED
        if is_decided and follows is not result.status:
            return Stray(line, said, f"evaluation {result.id} {follows}")
        # Of fifo the decision is that nothing more comes, or that it comes again.
        self.num_decisions += is_decided or piece is None
        return None


def _is_decided(result: Result, piece: Assignment | None) -> bool:
    """Tell whether a scheduler decided on a result; an order may have stopped it, too."""
    if result.status is not Status.STOPPED:
        return result.status is Status.PAUSED
    return piece is not None and len(result.curve) in (0, piece.end)


def _piece_text(assignment: Assignment) -> str:
    start, end = assignment.start, assignment.end
    verb = "promoted from" if start else "begun from"
    return (
        f"evaluation {assignment.id} {verb} epoch {start} to {end} (bracket {assignment.bracket})"
    )


def decisions_line(run: str, checked: Checked) -> str:
    """Return in one line what came of a check."""
    count = counted(checked.num_decisions, "decision")
    if checked.stray is not None:
        stray = checked.stray
        return (
            f"{run}: line {stray.line} of the journal does not follow under scheduler "
            f"{checked.scheduler}: recorded is {stray.recorded}, what follows is {stray.follows}; "
            f"{count} before it follow"
        )
    remarks = []
    if checked.num_left:
        remarks.append(
            f"{checked.num_left:,} assignments that a session left to the next cannot be checked"
        )
    if checked.scheduler == "fifo":
        remarks.append("the journal of fifo has no starts, so their order cannot be checked")
    return "; ".join([f"{run}: {count} of scheduler {checked.scheduler}, all follow", *remarks])
