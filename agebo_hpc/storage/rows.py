"""Results as a table: one row for each finished evaluation, the same from every source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.space.configuration import Result

Columns = dict[str, list[Any]]
"""A table as one list of equal length for each column, in order."""

HEAD = ("evaluation_id", "status", "objective", "architecture", "configuration_key")
TAIL = (
    "seconds_total",
    "submitted",
    "started",
    "ended",
    "ranks",
    "host",
    "peak_memory",
    "epochs",
    "predicts_one",
    "curve",
    "traceback",
)
_FIXED = {*HEAD, *TAIL, "num_parameters"}
_DTYPES = {
    **dict.fromkeys(("evaluation_id", "num_parameters", "peak_memory", "epochs"), "int64"),
    **dict.fromkeys(("objective", "submitted", "started", "ended"), "float64"),
    **dict.fromkeys(("status", "configuration_key", "host", "traceback", "predicts_one"), "str"),
    **dict.fromkeys(("architecture", "ranks", "curve"), "object"),
}


def columns_of(results: Sequence[Result]) -> Columns:
    """Arrange results as columns.

    Between ``configuration_key`` and ``num_parameters`` lie the hyperparameters; then come
    ``seconds_<phase>`` for every phase that any result has. A hyperparameter whose name is
    taken is called ``hyperparameter_<name>``. What a result does not have is None, or NaN for
    seconds. The mappings of a curve all have the same keys.
    """
    hyperparameters = _names(r.evaluation.configuration.hyperparameters for r in results)
    phases = [name for name in _names(r.times for r in results) if name != "total"]
    columns: Columns = {
        "evaluation_id": [r.id for r in results],
        "status": [str(r.status) for r in results],
        "objective": [_number(r.objective) for r in results],
        "architecture": [tuple(r.evaluation.configuration.architecture) for r in results],
        "configuration_key": [r.evaluation.configuration.key for r in results],
    }
    for name in hyperparameters:
        columns[_hyperparameter_column(name)] = [
            _value(r.evaluation.configuration.hyperparameters.get(name)) for r in results
        ]
    columns["num_parameters"] = [int(r.num_parameters) for r in results]
    for name in phases:
        columns[f"seconds_{name}"] = [float(r.times.get(name, math.nan)) for r in results]
    columns.update(
        seconds_total=[float(r.ended - r.started) for r in results],
        submitted=[float(r.submitted) for r in results],
        started=[float(r.started) for r in results],
        ended=[float(r.ended) for r in results],
        ranks=[tuple(int(rank) for rank in r.ranks) for r in results],
        host=[_text(r.host) for r in results],
        peak_memory=[int(r.peak_memory) for r in results],
        epochs=[len(r.curve) for r in results],
        predicts_one=[None if r.predicts_one is None else _text(r.predicts_one) for r in results],
        curve=_curves(results),
        traceback=[_text(r.traceback) for r in results],
    )
    return columns


def frame_of(columns: Columns) -> pd.DataFrame:
    """Make a frame of columns; the types of a column do not depend on the rows."""
    return pd.DataFrame(
        {name: pd.Series(values, dtype=_dtype(name)) for name, values in columns.items()}
    )


def _dtype(name: str) -> str | None:
    return "float64" if name.startswith("seconds_") else _DTYPES.get(name)


def _names(mappings: Any) -> list[str]:
    """All keys of some mappings, in order of first appearance."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _hyperparameter_column(name: str) -> str:
    taken = name in _FIXED or name.startswith(("seconds_", "hyperparameter_"))
    return f"hyperparameter_{name}" if taken else name


def _curves(results: Sequence[Result]) -> list[tuple[dict[str, float], ...]]:
    metrics = [
        name for name in _names(entry for r in results for entry in r.curve) if name != "epoch"
    ]
    return [
        tuple(_curve_entry(entry, number, metrics) for number, entry in enumerate(r.curve, 1))
        for r in results
    ]


def _curve_entry(
    entry: Mapping[str, float], number: int, metrics: Sequence[str]
) -> dict[str, float]:
    values = {name: _number(entry.get(name)) for name in metrics}
    return {"epoch": int(entry.get("epoch", number)), **values}


def _number(value: float | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        return math.inf


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Return text that every file format takes: no NUL, no half surrogate."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
