"""How much time a session of a search has."""

from __future__ import annotations

import logging
import time

from agebo_hpc.execution.budget import Budget, smallest_budget
from agebo_hpc.reporter import Reporter, tell
from agebo_hpc.run.deadline import find_deadline, seconds_left
from agebo_hpc.run.notation import format_seconds
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.storage.history import History

logger = logging.getLogger(__name__)


def session_budget(
    request: SearchRequest, history: History, has_new_limit: bool, reporter: Reporter | None
) -> Budget:
    """Return the time of a session: what was asked, or what the batch system leaves.

    A search that was complete goes on for a limit that is given anew, and only then.

    Parameters
    ----------
    request
        Has the limits.
    history
        History of the sessions before this one.
    has_new_limit
        Whether a limit was given anew for this session.
    reporter
        Says that the batch system tells no limit; None: the search is simulated and no batch
        system is asked.
    """
    asked, in_all = request.walltime, request.max_time
    ended = history.sessions[-1].end if history.sessions else None
    if not has_new_limit and ended is not None and ended.get("reason") == "complete":
        return Budget(0.0, completes=True)
    has_goal = request.max_evals is not None or in_all is not None
    return smallest_budget(
        Budget(asked, completes=not has_goal),
        Budget(None if in_all is None else max(0.0, in_all - history.elapsed), completes=True),
        Budget(None if reporter is None else _job_seconds(asked, reporter)),
    )


def _job_seconds(asked: float | None, reporter: Reporter) -> float | None:
    """Return the seconds that the batch system leaves for a search; None without a limit.

    Where nobody tells and no wall time was ``asked`` for, that is said in the output and the log.
    """
    deadline, warning = find_deadline()
    if deadline is None:
        if warning and asked is None:
            logger.warning("%s", warning.removeprefix("warning: "))
            tell(reporter, [warning])
        return None
    left = seconds_left(deadline, time.time())
    logger.info("%s leaves %s for the search", deadline.source, format_seconds(left))
    return left
