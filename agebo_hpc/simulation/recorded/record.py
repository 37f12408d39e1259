"""From run directories to a table of recorded trainings, which simulated searches replay."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agebo_hpc import __version__
from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.errors import ConfigurationError, DataError
from agebo_hpc.files import write_file, writing
from agebo_hpc.simulation.recorded.replay import problem_of
from agebo_hpc.simulation.recorded.surrogate import NUM_FOLDS, TrainingFeatures, cross_validate
from agebo_hpc.simulation.recorded.table import RecordedTable, RecordedTraining, to_bytes
from agebo_hpc.space.configuration import Result, Status
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.replay import Replay
from agebo_hpc.storage.run_directory import RunDirectory

SHARED = ("architecture", "hyperparameters", "recipe", "objective", "metric")
"""Fields of a problem that must be equal in all recorded runs; the table takes them over."""

MIN_TRAININGS = NUM_FOLDS
"""Least number of trainings in a table: nothing can be predicted from fewer."""


@dataclass(frozen=True)
class Remarks:
    """What the runs do not tell.

    Attributes
    ----------
    source
        Origin of the data, and its licence.
    note
        What else ran on the machine, and what else matters.
    """

    source: str = ""
    note: str = ""


def record(paths: Sequence[str | Path], remarks: Remarks) -> RecordedTable:
    """Collect all trainings of some runs that were done, and judge what is predicted from them.

    Raises
    ------
    InputMissingError
        If a run directory or its data set is not there.
    DataError
        If one is damaged, the runs differ in their problem, or too few trainings are done.
    ConfigurationError
        If the trainings are not all of the same length, or trained nothing.
    """
    runs = [(RunDirectory.open(path), read_replay(path)) for path in dict.fromkeys(paths)]
    first = runs[0][0]
    for run, _ in runs:
        _check(run, first)
    trainings = [
        _training(number, result)
        for number, (_, replay) in enumerate(runs)
        for result in replay.results
        if result.status is Status.DONE
    ]
    if len(trainings) < MIN_TRAININGS:
        raise DataError(
            f"{len(trainings)} trainings are done; a table needs {MIN_TRAININGS} at least. Give "
            "more runs, or let these go on."
        )
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "agebo_hpc": __version__,
        "source": remarks.source,
        "note": remarks.note,
        "data": _described(_open_data(first)),
        **{name: first.config["problem"][name] for name in SHARED},
        "searches": [_search_facts(run, replay) for run, replay in runs],
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "architecture": platform.machine(),
            "versions": first.config["versions"],
        },
    }
    features = TrainingFeatures(problem_of(facts), *facts["data"]["shape"])
    errors = cross_validate(*features.arrays(trainings))
    return RecordedTable({**facts, "prediction_error": errors}, trainings)


def write_table(table: RecordedTable, path: str | Path) -> int:
    """Write a table in one step, over an older one too, and return the number of bytes. Local.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    content = to_bytes(table)
    with writing("--out", path):
        write_file(path, content)
    return len(content)


def _check(run: RunDirectory, first: RunDirectory) -> None:
    problem, expected = run.config["problem"], first.config["problem"]
    if problem.get("trainer") == "simulated" or "data_fingerprint" not in problem:
        raise ConfigurationError(
            f"{str(run.path)!r} trained no data set; record real searches only."
        )
    if problem["recipe"]["early_stopping_patience"]:
        raise ConfigurationError(
            f"{str(run.path)!r} has early stopping, so its trainings differ in length; record "
            "searches with --early-stopping 0."
        )
    for name in (*SHARED, "data_fingerprint"):
        if problem.get(name) != expected.get(name):
            raise DataError(
                f"{str(run.path)!r} and {str(first.path)!r} differ in the problem's {name}; "
                "record them in two tables."
            )


def _open_data(run: RunDirectory) -> DataSet:
    problem = run.config["problem"]
    data = open_dataset(problem["data"])
    if data.fingerprint != problem["data_fingerprint"]:
        raise DataError(
            f"{problem['data']} has changed since {str(run.path)!r} was searched on it; "
            "restore the data set."
        )
    return data


def _described(data: DataSet) -> dict[str, Any]:
    return {
        "name": data.name,
        "task": data.task,
        "target": data.target,
        "rows": dict(data.num_rows),
        "shape": [data.num_features, data.num_outputs],
        "fingerprint": data.fingerprint,
    }


def _search_facts(run: RunDirectory, replay: Replay) -> dict[str, Any]:
    """Return what a search was asked to do, on how many slots, and how its evaluations ended."""
    return {
        **run.config["search"],
        "slots": [session.num_slots for session in replay.sessions],
        "ended": dict(Counter(str(result.status) for result in replay.results)),
    }


def _training(number: int, result: Result) -> RecordedTraining:
    seconds = tuple(float(entry["seconds"]) for entry in result.curve)
    return RecordedTraining(
        search=number,
        evaluation_id=result.id,
        configuration=result.evaluation.configuration,
        num_parameters=result.num_parameters,
        # Another clock than that of the epochs, and one that may be set.
        seconds_before=max(0.001, result.ended - result.started - sum(seconds)),
        metric=tuple(float(entry["validation_metric"]) for entry in result.curve),
        seconds=seconds,
    )
