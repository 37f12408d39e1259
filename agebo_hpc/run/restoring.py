"""A search as its history left it."""

from __future__ import annotations

from agebo_hpc.errors import DataError
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
