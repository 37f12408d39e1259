"""A run directory as an object: what a search found, and what is done with it next."""

from __future__ import annotations

from dataclasses import replace
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agebo_hpc.interface.reports import report_of_run
from agebo_hpc.interface.retraining import retrained
from agebo_hpc.interface.searching import run_resumed
from agebo_hpc.run.keywords import with_options
from agebo_hpc.run.option import OnResume
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.storage.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

    from agebo_hpc.models.bundle import Model
    from agebo_hpc.space.configuration import Result


CHANGES = {
    name: replace(record, default=None, unset="as before")
    for name, record in OPTIONS.items()
    if record.on_resume is not OnResume.NEVER
}
"""Options that a later session may set."""
FIRST = (
    Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
    Parameter("force", Parameter.KEYWORD_ONLY, default=False),
    Parameter("trust", Parameter.KEYWORD_ONLY, default=False),
    Parameter("verbose", Parameter.KEYWORD_ONLY, default=True),
)


class Run:
    """A search in its run directory, be it complete, stopped or running.

    Everything is read from the directory when it is asked for, so a search that another process
    runs can be watched. `agebo_hpc.search` and `agebo_hpc.open_run` return it.

    Parameters
    ----------
    path
        The run directory.

    Attributes
    ----------
    path
        The run directory.

    Raises
    ------
    InputMissingError
        If there is no such directory or it holds no search.
    DataError
        If its configuration is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._directory()

    def _directory(self) -> RunDirectory:
        return RunDirectory.open(self.path)

    def __repr__(self) -> str:
        best = self.best
        found = "nothing yet" if best is None else f"best {best.objective:.5g}"
        return f"Run({str(self.path)!r}: {self.state}, {found})"

    @property
    def config(self) -> dict[str, Any]:
        """All that was asked and what followed from it: the content of ``config.toml``."""
        return self._directory().config

    @property
    def status(self) -> dict[str, Any]:
        """How the search stands, as ``agebo-hpc status --json`` tells it."""
        from agebo_hpc.analysis.runs import read_run
        from agebo_hpc.analysis.standing import standing

        return standing(read_run(self.path))

    @property
    def state(self) -> str:
        """``"complete"``, ``"stopped"``, ``"failed"``, ``"running"`` or what else `status` has."""
        return str(self.status["state"])

    @property
    def is_complete(self) -> bool:
        """Whether it reached its goal; else `resume` goes on with it."""
        return self.state == "complete"

    @property
    def history(self) -> pd.DataFrame:
        """One row for each finished evaluation, see `agebo_hpc.read_history`."""
        from agebo_hpc.storage.reader import read_history

        return read_history(self.path)

    @property
    def best(self) -> Result | None:
        """The evaluation with the largest objective; of equal ones the loss decides."""
        from agebo_hpc.storage.reader import read_replay

        scored = [r for r in read_replay(self.path).results if r.status.has_value]
        return min(scored, key=lambda result: result.place, default=None)

    @property
    def best_score(self) -> float | None:
        """Objective of the best evaluation: the metric on the validation part."""
        return None if self.best is None else self.best.objective

    @property
    def baselines(self) -> dict[str, float]:
        """What simple models reach on the same rows with the same metric, by name."""
        from agebo_hpc.baselines.record import baselines_of

        found = baselines_of(self.path, self.config.get("problem", {}))
        return {} if found is None else found.scores

    @with_options(CHANGES, FIRST)
    def resume(
        self, *, force: bool = False, trust: bool = False, verbose: bool = True, **options: Any
    ) -> Run:
        """Go on with the search and return it. Collective over the world under ``mpirun``.

        What is not given stays as it was. What is given holds from then on; what would make
        later evaluations differ from earlier ones may be given where the table in
        ``docs/options.rst`` says so, and is noted in the log.

        Parameters
        ----------
        force
            Go on although the data have changed.
        trust
            Go on although the problem file, which is run, is another user's.
        verbose
            Tell of the progress on the standard error.
        <options>

        Raises
        ------
        AgeboError
            As `agebo_hpc.search` does.
        """
        run_resumed(self.path, options, may_change=True, force=force, trust=trust, verbose=verbose)
        return self

    def retrain(
        self,
        out: str | Path | None = None,
        *,
        size: int = 1,
        threads: int | None = None,
        force: bool = False,
        **options: Any,
    ) -> Model:
        """Train one of the best configurations again and return the model, with its scores.

        Collective over the world under ``mpirun``; every rank has the model then.

        Parameters
        ----------
        out
            Directory to save it in; None: it is not saved.
        size
            Number of the best configurations; more than 1: an ensemble chosen among them.
        threads
            Cores of the training; None: those there are, divided by the ranks that share them.
        force
            Whether a model that is at `out` is replaced.
        **options
            What `agebo_hpc.models.choice.RetrainOptions` has: ``rank``, ``epochs``,
            ``include_validation``, ``seed``, ``seeds``, ``data``, ``data_parallel``.

        Raises
        ------
        AgeboError
            For whatever the command ``retrain`` says no to.
        """
        return retrained(self.path, out, size, threads, force, options)

    def report(self, out: str | Path) -> Path:
        """Write what ``agebo-hpc analyze`` does into a directory; return the page's path.

        Where a model lies in the run directory, and the data set is there, the report says how
        it predicts.

        Raises
        ------
        UsageError
            If the directory cannot be written.
        """
        return report_of_run(self.path, out)


def open_run(path: str | Path) -> Run:
    """Open a run directory; see `Run` for what is raised."""
    return Run(path)
