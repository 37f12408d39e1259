"""Which runs repeat each other with another seed, and what their method is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agebo_hpc.analysis.runs import Run

_APART = ("search.seed", "search.max_evals", "search.ahead")
"""Settings in which repeated searches may differ: the comparison ends where all of them got."""


def by_method(runs: Mapping[str, Run]) -> dict[str, list[str]]:
    """Group the runs that differ in nothing but seed and limits.

    Parameters
    ----------
    runs
        Runs by label.

    Returns
    -------
    dict
        Labels of the runs of each method. A method is called as on the command line; where
        several have that name, what they differ in stands behind it.
    """
    settings = {label: _settings(run) for label, run in runs.items()}
    alike: dict[str, list[str]] = {}
    for label, values in settings.items():
        alike.setdefault(json.dumps(values, sort_keys=True), []).append(label)
    named: dict[str, list[str]] = {}
    for labels in alike.values():
        name = _method(runs[labels[0]])
        rivals = [settings[ls[0]] for ls in alike.values() if _method(runs[ls[0]]) == name]
        name = ", ".join([name, *_differences(settings[labels[0]], rivals)])
        named.setdefault(name, []).extend(labels)
    return named


def _method(run: Run) -> str:
    return str(run.section("search").get("method", "search"))


def _settings(run: Run) -> dict[str, Any]:
    """Return what a search was asked to do as one flat table."""
    tables = {name: run.section(name) for name in ("search", "problem")}
    apart = set(_APART)
    if tables["problem"].get("data_fingerprint"):
        # The same data set may lie elsewhere.
        apart.add("problem.data")
    return {name: value for name, value in _flatten(tables, "") if name not in apart}


def _flatten(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        inner = [_flatten(v, f"{path}.{k}" if path else str(k)) for k, v in value.items()]
        return [pair for pairs in inner for pair in pairs]
    if value and isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
        named = {str(entry.get("name", i)): entry for i, entry in enumerate(value)}
        return _flatten(named, path)
    return [(path, value)]


def _differences(mine: Mapping[str, Any], rivals: list[dict[str, Any]]) -> list[str]:
    """Return the settings that are not the same in all, by the last part of their names."""
    names = sorted({name for rival in rivals for name in rival})
    return [
        f"{'.'.join(name.split('.')[-2:])}={mine[name]}"
        for name in names
        if name in mine and any(rival.get(name) != mine[name] for rival in rivals)
    ]
