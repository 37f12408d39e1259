"""What is known of the data of a run: told by its model, its data file, or its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agebo_hpc.analysis.reported_model import ReportedModel
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.search_metric import SearchMetric
from agebo_hpc.errors import AgeboError
from agebo_hpc.metrics.record import REGRESSION


@dataclass(frozen=True)
class DataFacts:
    """The data of a run.

    Attributes
    ----------
    name, fingerprint
        For people, and of the content; empty: not known.
    task
        ``"classification"``, ``"regression"``, or empty.
    target
        Name of the target; empty: not known.
    rows
        Part -> rows; empty: not known.
    num_columns, num_classes
        Columns that are used, and classes (0: a regression); None: not known.
    split
        How the rows were divided, in words; empty: not known.
    """

    name: str = ""
    fingerprint: str = ""
    task: str = ""
    target: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    num_columns: int | None = None
    num_classes: int | None = None
    split: str = ""

    @property
    def task_text(self) -> str:
        """The task in a few words; empty where it is not known."""
        if not self.task:
            return ""
        classes = f", {self.num_classes} classes" if self.num_classes else ""
        return f"{self.task}{classes}"

    @property
    def rows_text(self) -> str:
        """The rows of each part; empty where they are not known."""
        return " / ".join(f"{count:,}" for count in self.rows.values())


def data_facts(run: Run, model: ReportedModel | None = None) -> DataFacts:
    """Return what is known of the data of a run.

    Parameters
    ----------
    run
        The run.
    model
        A model of it.
    """
    problem = run.section("problem")
    fingerprint = str(problem.get("data_fingerprint", ""))
    if model is not None and model.description:
        return _of_model(model)
    stored = run.section("data")
    if stored:
        return _of_config(stored, fingerprint)
    place = problem.get("data")
    found = _of_file(str(place), fingerprint) if place else None
    return found or _of_problem(problem, fingerprint)


def _of_model(model: ReportedModel) -> DataFacts:
    data, schema = model.part("data"), model.part("schema")
    labels = schema.get("class_labels")
    return DataFacts(
        str(data.get("name", "")),
        str(data.get("fingerprint", "")),
        "regression" if labels is None else "classification",
        str(schema.get("target", "")),
        dict(data.get("rows", {})),
        len(schema.get("columns", ())) or None,
        len(labels or ()),
        str(data.get("split_text", "")),
    )


def _of_config(stored: Mapping[str, Any], fingerprint: str) -> DataFacts:
    return DataFacts(
        str(stored.get("name", "")),
        fingerprint,
        str(stored.get("task", "")),
        str(stored.get("target", "")),
        dict(stored.get("rows", {})),
        stored.get("num_columns"),
        stored.get("num_classes"),
        str(stored.get("split", "")),
    )


def _of_file(place: str, fingerprint: str) -> DataFacts | None:
    """Return what a data file says of itself; None unless it is there and the same."""
    if not Path(place).is_file():
        return None
    from agebo_hpc.data.dataset import open_dataset

    try:
        data = open_dataset(place, verify=False)
    except AgeboError:
        return None
    if fingerprint and data.fingerprint != fingerprint:
        return None
    return DataFacts(
        data.name,
        data.fingerprint,
        data.task,
        data.target,
        dict(data.num_rows),
        len(data.preprocessing.columns),
        len(data.class_labels or ()),
        data.split_text,
    )


def _of_problem(problem: Mapping[str, Any], fingerprint: str) -> DataFacts:
    """Return the little that configurations of every version say."""
    place, metric = problem.get("data"), problem.get("metric")
    task = _task_of(str(metric or ""))
    outputs = problem.get("shape", {}).get("num_outputs")
    classes = outputs if task == "classification" and outputs else None
    name = Path(str(place)).stem if place else ""
    return DataFacts(name, fingerprint, task, num_classes=classes)


def _task_of(metric: str) -> str:
    """Return the task that a metric is for; empty where it is not known."""
    record = SearchMetric(metric).record
    if record is None:
        return ""
    return "regression" if REGRESSION in record.kinds else "classification"
