"""What a report says of a model: handed in by whoever can load it. Plain data and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Explanation:
    """How a model does on rows that it was not trained on, and which columns it lives by.

    Attributes
    ----------
    part, rows
        Which rows, and how many were looked at.
    metric
        Name of what the importance of columns is told in.
    importance
        ``column``, ``importance`` (what the metric loses when the column is shuffled, mean over
        the repeats), ``deviation`` (over the repeats; NaN for one), largest first.
    importance_of
        Which rows, how often and with which seed they were shuffled, and what was left out: a
        sentence.
    confusion
        Rows of each true class (index) that were predicted as each class (columns); None for a
        regression.
    reliability
        ``lower``, ``upper``, ``rows``, ``confidence``, ``accuracy`` of parts of the largest
        probability; None for a regression.
    calibration_error
        Expected calibration error; None for a regression.
    residuals
        ``true`` and ``predicted`` in the target's own unit, some rows; None for classes.
    """

    part: str
    rows: int
    metric: str
    importance: pd.DataFrame
    importance_of: str = ""
    confusion: pd.DataFrame | None = None
    reliability: pd.DataFrame | None = None
    calibration_error: float | None = None
    residuals: pd.DataFrame | None = None


@dataclass(frozen=True)
class ReportedModel:
    """A retrained network, or an ensemble, of a run.

    Attributes
    ----------
    path
        Where it lies.
    description
        ``graph``, ``configuration``, ``training``, ``schema``, ``data``, ``provenance`` and
        ``scores`` of its ``model.json``.
    explanation
        None: there is none.
    missing
        Why there is none; empty: there is.
    """

    path: str
    description: Mapping[str, Any] = field(default_factory=dict)
    explanation: Explanation | None = None
    missing: str = ""

    def part(self, name: str) -> Mapping[str, Any]:
        """Return a table of the description; empty where it has none."""
        found = self.description.get(name)
        return found if isinstance(found, Mapping) else {}

    @property
    def evaluation_id(self) -> int | None:
        """The evaluation that was trained again; None for an ensemble."""
        return self.part("provenance").get("evaluation_id")

    @property
    def num_networks(self) -> int:
        """Number of networks: 1, or those of an ensemble."""
        return len(self.part("graph").get("members", ())) or 1

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 for a regression."""
        return len(self.part("schema").get("class_labels") or ())

    @property
    def network(self) -> dict[str, Any]:
        """The network as plain data; of an ensemble the one with the largest weight."""
        members = self.part("graph").get("members")
        graph = max(members, key=lambda m: m["weight"]) if members else self.part("graph")
        return {"operations": graph["operations"]}
