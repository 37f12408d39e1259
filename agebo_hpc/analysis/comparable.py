"""Which runs may be held against each other: those of one data set, with its split, and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from agebo_hpc.analysis.runs import Run
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics.own import is_own
from agebo_hpc.metrics.table import find

DIGITS = 8
"""How many of a fingerprint's digits are shown."""


@dataclass(frozen=True)
class Ground:
    """What two objectives must have in common to mean the same.

    Attributes
    ----------
    metric
        Name of the metric; empty: not known.
    fingerprint
        Of the prepared data set: of its rows, its target, its task and its split.
    trained_by
        What trains, and where no data set says it, on what: a table of trainings with its
        options, or a problem file.
    metric_source
        What the content of the file of a metric of the user's own is known by; empty: there is
        none, or an earlier version did not say it.
    """

    metric: str
    fingerprint: str
    trained_by: str
    metric_source: str = ""

    @classmethod
    def of(cls, run: Run) -> Ground:
        """Return that of a run."""
        problem, asked = run.section("problem"), run.section("request")
        trainer = str(problem.get("trainer", "tensorflow"))
        source = {"simulated": "simulate", "of the problem file": "problem"}.get(trainer, "")
        return cls(
            _canonical(str(problem.get("metric", ""))),
            str(problem.get("data_fingerprint", "")),
            str(asked.get(source) or ""),
            str(problem.get("metric_source", "")),
        )


WORDS = {
    "metric": "metric",
    "fingerprint": "data set or split",
    "trained_by": "what trains them",
    "metric_source": "the content of the file of their metric",
}
"""What runs differ in, by the field of `Ground`."""


def comparable(runs: Mapping[str, Run]) -> dict[str, list[str]]:
    """Group runs whose objectives mean the same.

    Parameters
    ----------
    runs
        Runs by label.

    Returns
    -------
    dict
        Labels of the runs of each group, by what they have in common, in words. A run that does
        not say its data set or metric, as earlier versions wrote, is with its like alone.
    """
    groups: dict[Ground, list[str]] = {}
    for label, ground in zip(runs, _grounds(list(runs.values())), strict=True):
        groups.setdefault(ground, []).append(label)
    named: dict[str, list[str]] = {}
    for ground, labels in groups.items():
        name = _name(ground, runs[labels[0]])
        # Two groups may look alike in few words.
        number = sum(other == name or other.startswith(f"{name}, no. ") for other in named)
        named[f"{name}, no. {number + 1}" if number else name] = labels
    return named


def file_of_group(path: str | Path, number: int, groups: int) -> Path:
    """Return the file for one of some groups, from 1: one of several has a name of its own."""
    path = Path(path)
    return path if groups == 1 else path.with_stem(f"{path.stem}_{number}")


def why_not(groups: Mapping[str, Sequence[str]], runs: Mapping[str, Run] | None = None) -> str:
    """Return in a line why runs are not ranked together; empty where they are.

    Parameters
    ----------
    groups
        What `comparable` gives.
    runs
        The runs, so that it is said in what they differ; None: in what they may.
    """
    if len(groups) < 2:
        return ""
    differ = list(WORDS.values()) if runs is None else _differences(list(runs.values()))
    told = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in groups.items())
    return (
        f"The runs differ in {_listed(differ)}, so that their objectives cannot be compared; each "
        f"group is shown by itself. {told}."
    )


def _grounds(runs: Sequence[Run]) -> list[Ground]:
    """Return what each run stands on; where a file's content was not told, the only one known."""
    grounds = [Ground.of(run) for run in runs]
    known: dict[Ground, set[str]] = {}
    for ground in grounds:
        sources = known.setdefault(replace(ground, metric_source=""), set())
        sources |= {ground.metric_source} - {""}
    return [
        replace(ground, metric_source=next(iter(known[ground])))
        if len(known.get(ground, ())) == 1
        else ground
        for ground in grounds
    ]


def _differences(runs: Sequence[Run]) -> list[str]:
    grounds = _grounds(runs)
    names = [field.name for field in fields(Ground)]
    found = [n for n in names if len({getattr(ground, n) for ground in grounds}) > 1]
    # Other metrics may be of other files.
    return [WORDS[n] for n in found if n != "metric_source" or "metric" not in found]


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _canonical(metric: str) -> str:
    """Return a metric's own name, whatever alias was stored."""
    if is_own(metric):
        # Whoever looks at runs runs none of their code.
        return metric
    try:
        return find(metric).name if metric else ""
    except ConfigurationError:
        return metric


def _name(ground: Ground, run: Run) -> str:
    # Of one of the user's own only its file's name and its own.
    metric = Path(ground.metric).name or "objective"
    by = f", {Path(ground.trained_by).name}" if ground.trained_by else ""
    if not ground.fingerprint:
        return f"{metric} without a data set{by}"
    data = Path(str(run.section("problem").get("data", "data"))).name
    split = run.section("data").get("split")
    told = ground.fingerprint[:DIGITS] + (f", split {split}" if split else "")
    return f"{metric} on {data} ({told}){by}"
