"""Which runs may be held against each other: those of one data set, with its split, and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agebo_hpc.analysis.runs import Run

DIGITS = 8
"""How many of a fingerprint's digits are shown."""


def comparable(runs: Mapping[str, Run]) -> dict[str, list[str]]:
    """Group runs whose objectives mean the same.

    The fingerprint of a prepared data set covers its rows, its target, its task and its split.

    Parameters
    ----------
    runs
        Runs by label.

    Returns
    -------
    dict
        Labels of the runs of each group, by what they have in common, in words. Runs without a
        data set, as simulations, are a group by themselves.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for label, run in runs.items():
        problem = run.section("problem")
        key = str(problem.get("metric", "")), str(problem.get("data_fingerprint", ""))
        groups.setdefault(key, []).append(label)
    return {_name(*key, runs[labels[0]]): labels for key, labels in groups.items()}


def _name(metric: str, fingerprint: str, run: Run) -> str:
    if not fingerprint:
        return f"{metric or 'objective'} without a data set"
    data = Path(str(run.section("problem").get("data", "data"))).name
    split = run.section("data").get("split")
    told = f"{fingerprint[:DIGITS]}, split {split}" if split else fingerprint[:DIGITS]
    return f"{metric or 'objective'} on {data} ({told})"


def why_not(groups: Mapping[str, Sequence[str]]) -> str:
    """Return why runs are not ranked together; empty where they are.

    Parameters
    ----------
    groups
        What `comparable` gives.
    """
    if len(groups) < 2:
        return ""
    told = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in groups.items())
    return (
        "The runs differ in data set, split or metric, so that their objectives cannot be "
        f"compared; each group is shown by itself. {told}."
    )
