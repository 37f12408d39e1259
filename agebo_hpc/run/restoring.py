"""A search as its history left it."""

from __future__ import annotations

from agebo_hpc.errors import DataError
from agebo_hpc.scheduling.scheduler import Scheduler
from agebo_hpc.scheduling.schedulers import SchedulerSettings, make_scheduler
from agebo_hpc.search.search import Search
from agebo_hpc.space.configuration import Evaluation, Result
from agebo_hpc.storage.history import History
from agebo_hpc.storage.later_events import Missing


def restore(search: Search, history: History) -> list[tuple[Evaluation, int]]:
    """Bring a new search to where the history left the old one.

    Returns
    -------
    list of (Evaluation, int)
        Proposals that the old one was to make when it was killed, each with the number of
        results that it knows of; they are not in the history yet.

    Raises
    ------
    DataError
        If the stored state has not the layout that this version reads.
    """
    if history.search_state is not None:
        try:
            search.load_state(history.search_state)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"The state of the search in {str(history.run.history_path)!r} has another layout "
                f"than this version of agebo_hpc reads ({type(error).__name__}: {error}). Resume "
                "with the version that wrote it, or move that file away: the state is then made "
                "anew from the journal."
            ) from error
    made_up_for: list[tuple[Evaluation, int]] = []
    for event in history.since_state:
        match event:
            case Evaluation():
                search.restore_pending([event])
            case Missing():
                made_up_for += [(asked, event.told) for asked in search.ask(event.number)]
            case Result():
                search.tell([event])
    return made_up_for


def restored_scheduler(settings: SchedulerSettings, history: History) -> Scheduler:
    """Return a scheduler as the history left it.

    Raises
    ------
    DataError
        If what was trained does not follow from one another, as no search writes it.
    """
    pending = sorted(history.pending.values(), key=lambda evaluation: evaluation.id)
    try:
        return make_scheduler(settings, history.past, pending)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"The pieces of trainings in {str(history.run.journal_path)!r} do not follow from one "
            f"another under --scheduler {settings.name} ({type(error).__name__}: {error}). "
            "Restore the file from a copy."
        ) from error
