"""What the events of a journal add up to: results, pending evaluations, sessions, elapsed time.

The writer and the readers share this, so that both see the same history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agebo_hpc.errors import DataError
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.past_session import PastSession
from agebo_hpc.storage.sound import check_event

FORMAT_VERSION = 1


@dataclass
class Replay:
    """The state of a history after some events.

    Attributes
    ----------
    results
        Finished evaluations in order of completion; cut and lost ones are not among them.
    heard
        What the search is told, in order: all of `results`, and those that were paused.
    past
        Every assignment and every result, in order, of a search that trains piece by piece;
        else empty.
    paused
        Of the evaluations that are not finished and do not train further, the last result.
    pending
        Submitted and not finished, by id, in order of submission.
    finished
        Ids of the results.
    sessions
        Every run of the program.
    losses
        How often an evaluation was lost with its ranks, by id.
    told
        Number of results that the search had been told when it proposed an evaluation, by id.
    parents
        Id of each evaluation's parent, or `NO_PARENT`, by its own; those that are known.
    changed
        Names in the configuration that a later session changed, as in ``search.population_size``.
    """

    results: list[Result] = field(default_factory=list)
    heard: list[Result] = field(default_factory=list)
    past: list[Assignment | Result] = field(default_factory=list)
    paused: dict[int, Result] = field(default_factory=dict)
    pending: dict[int, Evaluation] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    sessions: list[PastSession] = field(default_factory=list)
    losses: Counter[int] = field(default_factory=Counter)
    told: dict[int, int] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    @classmethod
    def from_events(cls, events: list[dict[str, Any]]) -> Replay:
        """Apply all events of a journal.

        Raises
        ------
        DataError
            If the journal is of another format or an event contradicts an earlier one.
        """
        replay = cls()
        for event in events:
            try:
                check_event(event)
                replay.apply(event)
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise DataError(
                    f"Line {event['line']} of the journal cannot be used: {error}. "
                    "Restore the file from a copy."
                ) from error
        return replay

    def apply(self, event: Mapping[str, Any]) -> Evaluation | Result | None:
        """Apply one event; return the evaluation or result that it holds, if any.

        What is returned of an assignment is its evaluation.

        Raises
        ------
        ValueError
            If it contradicts what is known.
        """
        held: Evaluation | Result | None = None
        match event["event"]:
            case "journal":
                self._check_format(event["format"])
            case "submitted":
                held = evaluation_from_dict(event["evaluation"])
                self.submit(held)
                # A later session submits what was pending again; it was proposed before.
                self.told.setdefault(held.id, event.get("told", len(self.results)))
                if "parent" in event:
                    self.parents.setdefault(held.id, event["parent"])
            case "result":
                held = Result.from_dict(event["result"])
                self.finish(held)
            case "assigned":
                assignment = assignment_from_dict(event, self.pending)
                self.assign(assignment)
                held = assignment.evaluation
            case "config":
                self.changed |= set(event.get("changes", ()))
            case "start":
                self.sessions.append(PastSession(event["time"], event["time"], event))
            case "end":
                if self.sessions:
                    self.sessions[-1].end = event
            case unknown:
                raise ValueError(f"the event {unknown!r} is unknown")
        if self.sessions:
            self.sessions[-1].last_seen = event["time"]
        return held

    @staticmethod
    def _check_format(version: int) -> None:
        if version != FORMAT_VERSION:
            raise ValueError(
                f"its format is {version} and this program reads {FORMAT_VERSION}; "
                "use the version of agebo_hpc that wrote it"
            )

    def submit(self, evaluation: Evaluation) -> None:
        """Note a submission; one that is pending already may be submitted again."""
        self.check_submission(evaluation)
        self.pending[evaluation.id] = evaluation

    def check_submission(self, evaluation: Evaluation) -> None:
        """Raise ValueError if the id is finished or pending with another configuration."""
        if evaluation.id in self.finished:
            raise ValueError(f"evaluation {evaluation.id} is finished and submitted again")
        known = self.pending.get(evaluation.id)
        if known is not None and known.configuration.key != evaluation.configuration.key:
            raise ValueError(f"evaluation {evaluation.id} is pending with other values")

    def finish(self, result: Result) -> None:
        """Note a result; an evaluation that was cut or lost stays pending."""
        self.check_result(result)
        if result.status is Status.LOST:
            self.losses[result.id] += 1
        if self.past:
            self.past.append(result)
        if result.status.is_told:
            self.heard.append(result)
        if result.status is Status.PAUSED:
            self.paused[result.id] = result
        if not result.status.is_final:
            return
        self.paused.pop(result.id, None)
        del self.pending[result.id]
        self.finished.add(result.id)
        self.results.append(result)

    def assign(self, assignment: Assignment) -> None:
        """Note that a piece of a training has begun."""
        self.paused.pop(assignment.evaluation.id, None)
        self.past.append(assignment)

    def check_result(self, result: Result) -> None:
        """Raise ValueError if the evaluation was never submitted or is finished."""
        if result.id not in self.pending:
            what = "finished twice" if result.id in self.finished else "was never submitted"
            raise ValueError(f"evaluation {result.id} {what}")

    @property
    def latest(self) -> list[Result]:
        """Of every evaluation the last that the search was told, in order; some are paused."""
        # What is told again comes to the end.
        last = {result.id: number for number, result in enumerate(self.heard)}
        return [self.heard[number] for number in sorted(last.values())]

    @property
    def elapsed(self) -> float:
        """Seconds of search time over all sessions."""
        return sum(session.seconds for session in self.sessions)


def evaluation_to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain data for JSON."""
    return {"id": evaluation.id, **evaluation.configuration.to_dict()}


def assignment_to_dict(assignment: Assignment) -> dict[str, Any]:
    """Return an assignment as plain data for JSON; its evaluation is told by the id."""
    return {
        "id": assignment.evaluation.id,
        "epochs": [assignment.start, assignment.end, assignment.full_length],
        "bracket": assignment.bracket,
    }


def assignment_from_dict(
    data: Mapping[str, Any], evaluations: Mapping[int, Evaluation]
) -> Assignment:
    """Read what `assignment_to_dict` gave.

    Raises
    ------
    ValueError
        If there is no such evaluation, or no such piece of a training.
    """
    if data["id"] not in evaluations:
        raise ValueError(f"evaluation {data['id']} is trained and is not pending")
    start, end, full_length = data["epochs"]
    return Assignment(evaluations[data["id"]], start, end, full_length, data["bracket"])


def evaluation_from_dict(data: Mapping[str, Any]) -> Evaluation:
    """Read what `evaluation_to_dict` gave."""
    return Evaluation(int(data["id"]), Configuration.from_dict(data))
