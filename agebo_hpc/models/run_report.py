"""The report of searches with the models that were made of them.

The tables and figures of a search need neither TensorFlow nor data. Where a run has a retrained
model, and TensorFlow and the data are there, the report also says how that model predicts.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agebo_hpc.analysis.reported_model import ReportedModel
from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import best_first
from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.models.description import DESCRIPTION_NAME, ModelDescription, read_description

if TYPE_CHECKING:
    from agebo_hpc.models.bundle import Model

Load = Callable[[Path], "Model"]
"""Loads a model, after whatever TensorFlow needs before."""


def models_of(
    runs: Mapping[str, Run], wanted: Path | None, load: Load
) -> dict[str, ReportedModel]:
    """Return what is reported of a model of each run, by its label; of runs without one, nothing.

    Parameters
    ----------
    runs
        Runs by label.
    wanted
        A model of one of them; None: the one in the run directory that `model_in` chooses.
    load
        Loads a model.

    Raises
    ------
    InputMissingError
        If there is no such model.
    DataError
        If it is damaged.
    UsageError
        If it is of none of the runs.
    """
    if wanted is None:
        found = {label: model_in(run) for label, run in runs.items()}
        return {
            label: reported_model(runs[label], path, load) for label, path in found.items() if path
        }
    fingerprint = read_description(wanted).data.get("fingerprint")
    labels = [
        label
        for label, run in runs.items()
        if run.section("problem").get("data_fingerprint") == fingerprint
    ]
    if not labels:
        raise UsageError(
            f"--model {wanted} was trained on other data than the searches; give a model that "
            "`agebo-hpc retrain` made of one of them."
        )
    return {label: reported_model(runs[label], wanted, load) for label in labels}


def model_in(run: Run) -> Path | None:
    """Return the model in a run directory that its report is about; None: there is none.

    That of the best evaluation of which there is one, and of several the youngest; an ensemble
    counts as its first member.
    """
    places = {int(k): place for place, k in enumerate(best_first(run.history)["evaluation_id"])}
    found = []
    for file in sorted((run.path / "models").glob(f"*/{DESCRIPTION_NAME}")):
        try:
            description = read_description(file.parent)
        except AgeboError:
            continue
        place = places.get(description.provenance.get("evaluation_id", -1), len(places))
        found.append((-place, str(description.provenance.get("created")), file.parent))
    return max(found)[-1] if found else None


def reported_model(run: Run, path: Path, load: Load) -> ReportedModel:
    """Return what a report says of a model; where it cannot be run here, what its file says."""
    description = read_description(path)
    told = ReportedModel(str(path), asdict(description))
    try:
        dataset = _data_of(run, description)
        if importlib.util.find_spec("tensorflow") is None:
            return _without(told, "TensorFlow is not installed here, which runs the model.")
        # First: what comes with it must not load TensorFlow before it is set up.
        model = load(path)
        from agebo_hpc.models.explanation import explain

        return ReportedModel(told.path, told.description, explain(model, dataset, run.metric))
    except AgeboError as error:
        return _without(told, str(error))


def _without(told: ReportedModel, why: str) -> ReportedModel:
    return ReportedModel(told.path, told.description, missing=why)


def _data_of(run: Run, description: ModelDescription) -> DataSet:
    """Return the data set of a model, where the search or the retraining found it."""
    places = [run.section("problem").get("data"), description.data.get("path")]
    known = [str(place) for place in dict.fromkeys(places) if place]
    there = next((place for place in known if Path(place).is_file()), None)
    if there is None:
        where = known[0] if known else "nowhere"
        raise UsageError(f"The data that the model was trained on are not here any more: {where}.")
    dataset = open_dataset(there)
    if dataset.fingerprint != description.data.get("fingerprint"):
        raise UsageError(f"{there} is not the data that the model was trained on any more.")
    return dataset
