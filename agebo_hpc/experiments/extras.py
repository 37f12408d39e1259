"""What some experiments do and show besides their searches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.experiments.backing import Backing
from agebo_hpc.experiments.findings import ABOVE, Finding, evaluate, quartiles
from agebo_hpc.experiments.measures import Searched
from agebo_hpc.experiments.plan import PROGRAM, Planned
from agebo_hpc.experiments.runner import Job
from agebo_hpc.experiments.separation import (
    best_of_problems,
    hyperparameters_of_best,
    plane_of_best,
    separation,
)
from agebo_hpc.models.description import DESCRIPTION_NAME, read_description
from agebo_hpc.processes.own_program import own_program

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NETWORK = "one network"


@dataclass(frozen=True)
class Shown:
    """What is added to an experiment's summary.

    Attributes
    ----------
    tables
        Tables by the name of the file.
    figures
        Figures by the name of the file.
    findings
        What `agebo_hpc.experiments.findings.evaluate` gives; None: there are no further findings.
    remarks
        Sentences that stand below.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    findings: pd.DataFrame | None = None
    remarks: Sequence[str] = ()


class Extra(Protocol):
    """What an experiment does besides its searches."""

    def jobs(self, planned: Sequence[Planned], backings: Sequence[Backing]) -> list[Job]:
        """Return what is to be done when the searches are complete."""
        ...

    def show(self, searches: Sequence[Searched]) -> Shown:
        """Return tables, figures and findings of what was done."""
        ...


@dataclass(frozen=True)
class Retrained:
    """The best network of a search, trained again and scored on the test rows."""

    planned: Planned

    @property
    def name(self) -> str:
        """What it is called in progress lines."""
        return f"best network of {self.planned.name}"

    @property
    def model(self) -> Path:
        """Directory of the model."""
        return self.planned.path.with_name(f"{self.planned.path.name}.model")

    @property
    def log(self) -> Path:
        """File that its output goes to."""
        return self.model.with_suffix(".model.log")

    @property
    def is_complete(self) -> bool:
        """Whether the model is there."""
        return (self.model / DESCRIPTION_NAME).is_file()

    @property
    def command(self) -> list[str]:
        """The words that train it."""
        return [*PROGRAM, "retrain", str(self.planned.path), "--out", str(self.model)]


@dataclass(frozen=True)
class Boosted:
    """Gradient boosting on the data set of a search, with its seed."""

    planned: Planned
    data: str

    @property
    def name(self) -> str:
        """What it is called in progress lines."""
        return f"gradient boosting on {self.planned.problem}, seed {self.planned.seed}"

    @property
    def scores(self) -> Path:
        """File with the scores."""
        return self.planned.path.with_name(f"{self.planned.path.name}.boosting.json")

    @property
    def log(self) -> Path:
        """File that its output goes to."""
        return self.scores.with_suffix(".log")

    @property
    def is_complete(self) -> bool:
        """Whether the scores are there."""
        return self.scores.is_file()

    @property
    def command(self) -> list[str]:
        """The words that train it."""
        program = own_program("agebo_hpc.experiments.boosting")
        return [*program, self.data, "--seed", str(self.planned.seed), "--out", str(self.scores)]


class AgainstBoosting:
    """One network of each search beside gradient boosting, on the test rows."""

    FINDINGS = (
        Finding(
            "one network is as accurate as boosted trees, or more so",
            *("score", NETWORK, "HistGradientBoosting", ABOVE),
            paper="0.963 and AutoGluon's 0.961 on Covertype, 0.652 and 0.641 on Airlines",
        ),
        Finding(
            "one network is as accurate as boosted trees, or more so",
            *("score", NETWORK, "LightGBM", ABOVE),
        ),
        Finding(
            "and predicts faster",
            *("rows_per_second", NETWORK, "HistGradientBoosting", ABOVE),
            paper="4.3 s and AutoGluon's 907 s on Covertype",
        ),
        Finding(
            "and predicts faster",
            *("rows_per_second", NETWORK, "LightGBM", ABOVE),
        ),
    )

    def jobs(self, planned: Sequence[Planned], backings: Sequence[Backing]) -> list[Job]:
        """Train the best network of each search, and the trees."""
        data = {backing.label: backing.data for backing in backings}
        found: list[Job] = []
        for search in planned:
            file = data[search.problem]
            if file is None:
                raise UsageError(
                    f"vs-automl trains trees on the rows of a data set; {search.problem} is a "
                    "table of trainings. Give --backing DATA.h5."
                )
            _check_test_part(file)
            found += [Retrained(search), Boosted(search, file)]
        return found

    def show(self, searches: Sequence[Searched]) -> Shown:
        """Return a row for each model and seed."""
        table = pd.DataFrame([row for search in searches for row in self._rows(search.planned)])
        middle = table.groupby(["problem", "method", "metric"], sort=False)
        medians = middle[["score", "seconds", "rows_per_second"]].median().reset_index()
        return Shown(
            {"models": medians, "models_of_seeds": table},
            findings=evaluate(self.FINDINGS, table),
            remarks=[
                "`score` is of the test rows, which no search has seen; the trees train on "
                "training and validation rows, the network on training rows alone.",
            ],
        )

    @staticmethod
    def _rows(planned: Planned) -> list[dict[str, object]]:
        described = read_description(Retrained(planned).model)
        boosted = json.loads(Boosted(planned, "").scores.read_text())
        origin = {"problem": planned.problem, "seed": planned.seed}
        metric = boosted[0]["metric"]
        network = {
            **origin,
            "method": NETWORK,
            "metric": metric,
            "score": described.scores["test"][metric],
            "seconds": float("nan"),
            "rows_per_second": described.scores["rows_per_second"],
        }
        others = [{**origin, "method": row.pop("model"), **row} for row in boosted]
        return [network, *others]


def _check_test_part(file: str) -> None:
    from agebo_hpc.data.dataset import open_dataset

    if not open_dataset(file, verify=False).has_test:
        raise DataError(
            f"vs-automl compares on test rows, and {file} has no test part; prepare it with one."
        )


class ByProblem:
    """The best of each problem: their hyperparameters, and whether problems can be told apart."""

    def jobs(self, planned: Sequence[Planned], backings: Sequence[Backing]) -> list[Job]:
        """Do nothing besides the searches, which are of one space.

        Raises
        ------
        UsageError
            If there are not two problems of one space.
        """
        spaces = {backing.space_text for backing in backings}
        if len(backings) < 2 or len(spaces) > 1:
            raise UsageError(
                f"hyperparameters compares problems of one space; --backing gives "
                f"{len(backings)} with {len(spaces)} spaces. Give several data sets of one kind."
            )
        return []

    def show(self, searches: Sequence[Searched]) -> Shown:
        """Return the best five, a summary of the best per cent, the plane and the separation."""
        from agebo_hpc.analysis.figures.findings import map_figure

        found = separation(searches)
        low, middle, high = quartiles(found.shares["same_problem"].to_numpy(dtype=float))
        plane = plane_of_best(searches)
        figures = {} if plane.empty else {"map": map_figure(plane, searches[0].run.metric)}
        return Shown(
            {
                "best": best_of_problems(searches),
                "hyperparameters_of_best": hyperparameters_of_best(searches),
                "separation": found.shares,
            },
            figures,
            remarks=[
                "Published: in the plane of two principal components the best per cent of "
                "different data sets lie apart.",
                f"Of a search's best, the nearest neighbour among the best of all other searches "
                f"is of the same data set in {middle:.0%} of cases (quartiles {low:.0%} to "
                f"{high:.0%} over searches; by chance {found.chance:.0%}; permutation test "
                f"p = {found.p:.2g}).",
            ],
        )


EXTRAS: Mapping[str, Extra] = {"boosting": AgainstBoosting(), "separation": ByProblem()}
"""The extras that an experiment may name."""
