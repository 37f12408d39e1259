"""From an experiment's name to its summary: plan, run what is missing, show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agebo_hpc.errors import EXIT_AGAIN, EXIT_COMPLETE, UsageError
from agebo_hpc.execution.interrupt import Interrupt
from agebo_hpc.experiments.backing import Backing
from agebo_hpc.experiments.catalog import Experiment
from agebo_hpc.experiments.extras import EXTRAS
from agebo_hpc.experiments.measures import read_searches
from agebo_hpc.experiments.plan import Planned, plan
from agebo_hpc.experiments.runner import Job, run_all
from agebo_hpc.experiments.settings import Settings, keep_settings
from agebo_hpc.experiments.summary import Results, results_of, write_results
from agebo_hpc.job.launcher import check_alone

Say = Callable[[str], None]


@dataclass(frozen=True)
class Conduct:
    """An experiment on some problems, with a machine, seeds and a directory.

    Attributes
    ----------
    experiment
        An experiment of the catalog.
    backings
        One for each problem; their labels differ.
    settings
        Settings of all searches.
    seeds
        Seeds of each method on each problem.
    out
        Directory of searches and results; several experiments share one, and their searches.
    """

    experiment: Experiment
    backings: Sequence[Backing]
    settings: Settings
    seeds: Sequence[int]
    out: Path

    def __post_init__(self) -> None:
        labels = [backing.label for backing in self.backings]
        doubled = sorted({label for label in labels if labels.count(label) > 1})
        if doubled:
            raise UsageError(
                f"Two of --backing are called {doubled[0]!r}; rename a file or leave one out."
            )
        simulated = [b.label for b in self.backings if b.simulate is not None]
        if len(simulated) not in (0, len(labels)):
            raise UsageError(
                "--backing mixes tables and data sets; give either, in a directory of its own."
            )
        if self.settings.is_simulated and not simulated:
            raise UsageError(
                "--executor simulated needs a table; for a data set give serial, mpi or steps."
            )

    @property
    def planned(self) -> list[Planned]:
        """All searches."""
        fitted = self._fitted
        return plan(fitted, self.backings, self.settings, self.seeds, self.out)

    @property
    def _fitted(self) -> Experiment:
        return self.experiment.fitted(self.settings.max_processes, self.settings.workers)

    def extra_jobs(self, planned: Sequence[Planned]) -> list[Job]:
        """Return what is to be done besides the searches."""
        extra = self.experiment.extra
        return EXTRAS[extra].jobs(planned, self.backings) if extra else []

    def run(self, num_at_once: int, say: Say) -> int:
        """Run what is missing; return the exit code.

        Parameters
        ----------
        num_at_once
            Searches at the same time, >= 1.
        say
            Called with each line of progress.

        Raises
        ------
        AgeboError
            If a search fails.
        """
        check_alone("experiment")
        planned = self.planned
        extra = self.extra_jobs(planned)
        keep_settings(self.out, self.settings)
        threads = 1 if self.settings.is_simulated else None
        with Interrupt() as interrupt:
            complete = run_all(planned, num_at_once, interrupt, threads, say)
            if complete and extra:
                complete = run_all(extra, 1, interrupt, None, say)
        return EXIT_COMPLETE if complete else EXIT_AGAIN

    def show(self) -> tuple[Results, list[Path]]:
        """Write tables, figures and summary of searches that are complete."""
        fitted = self._fitted
        searches = read_searches(self.planned)
        results = results_of(fitted, searches, self.settings)
        place = self.out / self.experiment.name
        return results, write_results(fitted, searches, self.settings, results, place)
