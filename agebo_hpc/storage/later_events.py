"""What a search has to hear again that starts from a stored state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agebo_hpc.errors import DataError
from agebo_hpc.space.configuration import Evaluation, Result, Status
from agebo_hpc.storage.replay import evaluation_from_dict


@dataclass(frozen=True)
class Missing:
    """Proposals that were to be made at this point, before the writer was killed.

    Attributes
    ----------
    number
        Number of evaluations.
    told
        Number of results that the search has been told here.
    """

    number: int
    told: int


LaterEvent = Evaluation | Result | Missing


def later_events(
    events: Sequence[Mapping[str, Any]],
    covered_lines: int,
    results: Sequence[Result],
    covered: int,
) -> list[LaterEvent]:
    """Return what came after a stored state, in the order in which the search saw it.

    Results may be written before proposals that did not know of them; a submission says how many
    results had been told.

    Parameters
    ----------
    events
        All of the journal.
    covered_lines
        Number of them that the state covers, >= 0.
    results
        All results that the search is told.
    covered
        Number of them that the state covers, >= 0.

    Returns
    -------
    list
        Submissions (`Evaluation`), results and `Missing` proposals.

    Raises
    ------
    DataError
        If the state covers more results than there are.
    """
    submitted: dict[int, list[Evaluation]] = {}
    proposed: list[int] = []
    told = covered
    for event in events[covered_lines:]:
        if event["event"] == "submitted":
            evaluation = evaluation_from_dict(event["evaluation"])
            submitted.setdefault(event.get("told", told), []).append(evaluation)
        elif event["event"] == "result" and Status(event["result"]["status"]).is_told:
            proposed.append(event.get("proposed", 0))
            told += 1
    if told > len(results):
        raise DataError(
            "history.h5 holds the state of a search with more results than the journal has. It is "
            "of another search: move it away, then resume; it is made anew from the journal."
        )
    known = {e["evaluation"]["id"] for e in events if e["event"] == "submitted"}
    known -= {evaluation.id for several in submitted.values() for evaluation in several}
    number_known = len(known)
    found: list[LaterEvent] = []
    for number in range(covered, told + 1):
        found += submitted.get(number, [])
        number_known += len({evaluation.id for evaluation in submitted.get(number, [])} - known)
        if number < told:
            missing = proposed[number - covered] - number_known
            if missing > 0:
                found.append(Missing(missing, number))
                number_known += missing
            found.append(results[number])
    return found
