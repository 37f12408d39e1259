"""The scores of the simple models, and the file in which they lie beside a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.data.stored import is_number
from agebo_hpc.files import read_file, write_atomically
from agebo_hpc.metrics.table import shown
from agebo_hpc.storage.seal import seal, unseal

FILE_NAME = "baselines.json"
NAMES = ("constant", "linear", "boosting")
"""The baselines in the order in which they are measured, the fastest first."""


@dataclass(frozen=True)
class Baseline:
    """One simple model.

    Attributes
    ----------
    name
        One of `NAMES`.
    score
        The metric of the search on the validation rows; None: it has none.
    seconds
        Processor time that it took.
    remark
        What was bounded, or why there is no score; empty: nothing.
    """

    name: str
    score: float | None
    seconds: float
    remark: str = ""

    def __post_init__(self) -> None:
        is_score = self.score is None or is_number(self.score)
        if self.name not in NAMES or not is_score or not isinstance(self.remark, str):
            raise ValueError(f"{self!r:.200} is no baseline")


@dataclass(frozen=True)
class Baselines:
    """The simple models of one data set and metric.

    Attributes
    ----------
    data_fingerprint, metric
        What they belong to.
    found
        Those that were tried so far.
    """

    data_fingerprint: str
    metric: str
    found: tuple[Baseline, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether each was tried."""
        return not self.missing

    @property
    def missing(self) -> list[str]:
        """The names of those that were not tried yet."""
        tried = {baseline.name for baseline in self.found}
        return [name for name in NAMES if name not in tried]

    @property
    def scores(self) -> dict[str, float]:
        """The scores by name, of those that have one."""
        return {b.name: b.score for b in self.found if b.score is not None}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row for each that was tried: the score as users know it, and as an objective."""
        return [
            {
                "baseline": baseline.name,
                "metric": self.shown_metric,
                "score": None if baseline.score is None else shown(self.metric, baseline.score)[1],
                "objective": baseline.score,
                "seconds": baseline.seconds,
                "remark": baseline.remark,
            }
            for baseline in self.found
        ]

    @property
    def text(self) -> str:
        """The scores in a few words, as users know them; empty where there are none."""
        return ", ".join(f"{name} {self._shown(score)}" for name, score in self.scores.items())

    def _shown(self, score: float) -> str:
        return f"{shown(self.metric, score)[1]:.5g}"

    @property
    def shown_metric(self) -> str:
        """The name of the metric as users know it."""
        return shown(self.metric, 0.0)[0]

    @property
    def remarks(self) -> str:
        """What has to be known of them; empty where there is nothing."""
        return "; ".join(f"{b.name}: {b.remark}" for b in self.found if b.remark)

    def belongs_to(self, data_fingerprint: str, metric: str) -> bool:
        """Tell whether they were measured for this data set and metric."""
        return (self.data_fingerprint, self.metric) == (data_fingerprint, metric)

    def above(self, objective: float) -> str:
        """Return those that are at least as good as a network, in a few words; empty: none."""
        better = {name: score for name, score in self.scores.items() if score >= objective}
        return ", ".join(f"{name} ({self._shown(score)})" for name, score in better.items())

    def write(self, run: Path) -> None:
        """Write the file in a run directory as a whole."""
        write_atomically(run / FILE_NAME, seal(asdict(self)))


def read_baselines(run: Path) -> Baselines | None:
    """Return what lies in a run directory; None where there is nothing that can be read."""
    try:
        stored: dict[str, Any] = unseal(read_file(run / FILE_NAME))
        found = tuple(Baseline(**entry) for entry in stored.pop("found"))
        known = Baselines(**stored, found=found)
        is_named = isinstance(known.metric, str) and isinstance(known.data_fingerprint, str)
        return known if is_named else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def baselines_of(run: Path, problem: Mapping[str, Any]) -> Baselines | None:
    """Return what lies in a run directory and belongs to its problem; else None.

    Parameters
    ----------
    run
        The run directory.
    problem
        ``[problem]`` of its configuration.
    """
    found = read_baselines(run)
    wanted = problem.get("data_fingerprint", ""), problem.get("metric", "")
    return found if found is not None and found.belongs_to(*wanted) else None
