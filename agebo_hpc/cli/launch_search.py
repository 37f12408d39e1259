"""The words of a search that a job will run, checked by what will run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agebo_hpc.cli.options import given
from agebo_hpc.cli.search import search
from agebo_hpc.storage.run_directory import holds_search

if TYPE_CHECKING:
    from agebo_hpc.run.request import SearchRequest
    from agebo_hpc.space.problem import Problem


@dataclass(frozen=True)
class CheckedSearch:
    """A search that a job will run.

    Attributes
    ----------
    request
        What is asked.
    problem
        Problem of the request; None: its data are elsewhere.
    data
        The data set; None: there is none here.
    """

    request: SearchRequest
    problem: Problem | None
    data: Path | None


def check_search(
    words: Sequence[str], run: Path, largest_group: int, elsewhere: bool
) -> CheckedSearch:
    """Parse the words of a search and look at its data, as the job will.

    Parameters
    ----------
    words
        Data set and options, as they stand behind ``agebo-hpc search``.
    run
        Run directory of the job; a search that is in it goes on.
    largest_group
        Trainer ranks of the job's largest worker group, >= 1.
    elsewhere
        Whether data and problem are on another machine, and are not looked at.

    Raises
    ------
    AgeboError, ClickException
        What the job would end with.
    """
    asked, force = _parsed(words, run)
    request = _request(asked, run, largest_group, force)
    if elsewhere:
        return CheckedSearch(request, None, None)
    from agebo_hpc.run.configuration import data_identity

    problem = request.load_problem()
    data_identity(problem)
    if not holds_search(run):
        request.hyperparameters(problem, largest_group)
    return CheckedSearch(request, problem, None if problem.data is None else Path(problem.data))


def _parsed(words: Sequence[str], run: Path) -> tuple[dict[str, Any], bool]:
    """Return the options that were given, and whether force was."""
    with search.make_context("agebo-hpc search", [*words, "--out", str(run)]) as context:
        asked = given(context.params)
        # The job says these itself.
        asked.pop("resume", None)
        asked.pop("trust", None)
        return asked, bool(asked.pop("force", False))


def _request(asked: dict[str, Any], run: Path, largest_group: int, force: bool) -> SearchRequest:
    from agebo_hpc.run.request import SearchRequest
    from agebo_hpc.run.resumption import resume_request
    from agebo_hpc.storage.run_directory import RunDirectory

    if holds_search(run):
        given_now = {name: value for name, value in asked.items() if name != "out"}
        return resume_request(RunDirectory.open(run), given_now, force)
    return SearchRequest(**{"data": None, "max_processes": largest_group, **asked})
