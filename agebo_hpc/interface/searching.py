"""Searches that Python starts: what the commands `search` and `resume` do, as calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import AgeboError, ConfigurationError, RankDiedError
from agebo_hpc.interface.problems import is_same_problem, problem_reference
from agebo_hpc.reporter import WarningReporter, on_standard_error
from agebo_hpc.run.keywords import read_keywords, with_names
from agebo_hpc.run.options import OPTIONS, START_OPTIONS
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.problem import Problem
from agebo_hpc.storage.run_directory import RunDirectory, check_free

if TYPE_CHECKING:
    from agebo_hpc.execution.mpi.rank_group import RankGroup
    from agebo_hpc.run.session import Session


SPELLINGS = {record.spelling: name for name, record in (OPTIONS | START_OPTIONS).items()}


@contextmanager
def in_names_of_python() -> Iterator[None]:
    """Let errors name options as they are in Python."""
    try:
        yield
    except RankDiedError:
        raise
    except AgeboError as error:
        raise type(error)(with_names(str(error), SPELLINGS)) from error


@in_names_of_python()
def run_new(given: Mapping[str, Any], verbose: bool) -> None:
    """Run a new search. Collective over the world under ``mpirun``.

    Parameters
    ----------
    given
        Options by name, ``out`` among them; ``problem`` may be a `Problem`.
    verbose
        Whether progress is told on the standard error.

    Raises
    ------
    AgeboError
        On all ranks alike.
    """
    from agebo_hpc.execution.mpi.rank_group import join_rank_group
    from agebo_hpc.run.session import Session

    rank_group = join_rank_group()
    problem, asked = _divided(given)
    asked = rank_group.agree(lambda: read_keywords(asked, OPTIONS))
    out = Path(asked["out"])

    def reference() -> Any:
        check_free(out)
        return problem_reference(problem, _problem_file(out))

    if problem is not None:
        asked["problem"] = rank_group.first(reference)
    reporter = on_standard_error() if verbose else WarningReporter()
    run_session(rank_group, lambda: Session(SearchRequest(**{"data": None, **asked}), reporter))


@in_names_of_python()
def run_resumed(
    path: Path,
    given: Mapping[str, Any],
    *,
    may_change: bool,
    force: bool,
    trust: bool,
    verbose: bool,
) -> None:
    """Go on with the search in a run directory. Collective over the world under ``mpirun``.

    Parameters
    ----------
    path
        The run directory.
    given
        Options by name.
    may_change
        Whether they are given to be changed.
    force, trust, verbose
        See `agebo_hpc.Run.resume`.

    Raises
    ------
    AgeboError
        On all ranks alike.
    """
    from agebo_hpc.execution.mpi.rank_group import join_rank_group
    from agebo_hpc.run.resumption import LIMITS, resume_request
    from agebo_hpc.run.session import Session

    rank_group = join_rank_group()
    problem, asked = _divided(given)
    changes = rank_group.agree(lambda: read_keywords(asked, OPTIONS))
    reporter = on_standard_error() if verbose else WarningReporter()

    def session() -> Session:
        directory = RunDirectory.open(path)
        if problem is not None and not is_same_problem(problem, _problem_file(path)):
            raise ConfigurationError(
                f"The search in {path} has another problem than the one that is given. That "
                "cannot change; leave problem out, or start a new search with another out."
            )
        request = resume_request(directory, changes, force, changes if may_change else ())
        has_new_limit = any(changes.get(name) is not None for name in LIMITS)
        return Session(request, reporter, directory, force, has_new_limit, trust)

    run_session(rank_group, session)


def run_session(rank_group: RankGroup, make: Any) -> int:
    """Run a session of a search on all ranks and return its exit code. Collective.

    Parameters
    ----------
    rank_group
        All ranks.
    make
        Returns the `Session`; called on every rank.

    Raises
    ------
    AgeboError
        That of any rank, on all of them. Where a rank died that the search cannot go on without,
        the job is aborted.
    """
    from agebo_hpc.run.compose import run_search

    session = rank_group.agree(make)
    code, error = 0, None
    try:
        code = run_search(session)
    except RankDiedError as reason:
        if rank_group.comm is None:
            raise
        # The others wait for a rank that will never come, and so would this one.
        on_standard_error().say(f"error: {reason}")
        rank_group.comm.Abort(reason.exit_code)
    except AgeboError as reason:
        error = reason
    return rank_group.agree(lambda: _passed_on(code, error))


def _passed_on(code: int, error: AgeboError | None) -> int:
    if error is not None:
        raise error
    return code


def _divided(given: Mapping[str, Any]) -> tuple[Problem | None, dict[str, Any]]:
    """Return the problem, where it is an object, and everything else."""
    problem = given.get("problem")
    if not isinstance(problem, Problem):
        return None, dict(given)
    return problem, {name: value for name, value in given.items() if name != "problem"}


def _problem_file(run: Path) -> Path:
    """Return where the problem of a run lies that Python gave: beside it."""
    return run.absolute().with_name(f"{run.name}.problem.json")
