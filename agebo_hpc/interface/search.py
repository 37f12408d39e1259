"""`agebo_hpc.search`: the command `search` as a function."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import Any

from agebo_hpc.errors import UsageError
from agebo_hpc.interface.run import Run
from agebo_hpc.interface.searching import run_new, run_resumed
from agebo_hpc.run.keywords import with_options
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.storage.run_directory import holds_search

RECORDS = {name: record for name, record in OPTIONS.items() if name not in ("data", "out")}
FIRST = (
    Parameter("data", Parameter.POSITIONAL_OR_KEYWORD, default=None),
    Parameter("out", Parameter.KEYWORD_ONLY),
    Parameter("resume", Parameter.KEYWORD_ONLY, default=False),
    Parameter("force", Parameter.KEYWORD_ONLY, default=False),
    Parameter("trust", Parameter.KEYWORD_ONLY, default=False),
    Parameter("verbose", Parameter.KEYWORD_ONLY, default=True),
)


@with_options(RECORDS, FIRST)
def search(
    data: Any = None,
    *,
    out: str | Path,
    resume: bool = False,
    force: bool = False,
    trust: bool = False,
    verbose: bool = True,
    **options: Any,
) -> Run:
    """Search architecture and training hyperparameters together; return the run.

    Does what the command ``agebo-hpc search`` does, with the same options. Collective over the
    world of a program that ``mpirun`` started: every rank calls it with the same arguments, the
    first one manages and the others train, and all have the run then. Without ``mpirun`` it
    searches in this process. A signal, Ctrl-C too, ends the search in order; the run then says
    "stopped".

    Parameters
    ----------
    data
        Prepared data set, a path or what `agebo_hpc.prepare_dataset` returns; None: that of the
        problem.
    out
        Run directory; must not exist, unless `resume`.
    resume
        Go on if the run directory holds a search.
    force
        When resuming: go on although the data have changed.
    trust
        When resuming: go on although the problem file, which is run, is another user's.
    verbose
        Tell of the progress on the standard error; otherwise only warn, by
        `agebo_hpc.errors.AgeboWarning`.
    <options>

    Returns
    -------
    Run
        The search in its run directory. ``problem`` may be a `Problem` too, unless it has a
        trainer of its own; it is kept in ``OUT.problem.json``.

    Raises
    ------
    UsageError
        If an option is unknown or wrong, or `out` is taken.
    DataError, InputMissingError
        If the data cannot be used, or are not there.
    ConfigurationError
        If the problem, or what is stored of a resumed search, is wrong.
    LaunchError
        If the ranks do not fit what is asked.
    TooManyFailuresError
        If so many evaluations failed that the search was ended.
    """
    path = Path(out)
    if options.get("data") is not None:
        raise UsageError("data is given twice; give it once.")
    given = {"data": getattr(data, "path", data), **options}
    if resume and holds_search(path):
        run_resumed(path, given, may_change=False, force=force, trust=trust, verbose=verbose)
    else:
        run_new({**given, "out": path}, verbose)
    return Run(path)
