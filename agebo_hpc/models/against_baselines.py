"""A model against the simple models that were measured beside its search, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from agebo_hpc.baselines.comparison import compare
from agebo_hpc.baselines.kept import Kept, read_kept
from agebo_hpc.baselines.process import BaselineProcess
from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.data.target import RealCoding
from agebo_hpc.errors import AgeboError
from agebo_hpc.metrics.predictions import Classes, Numbers, Predictions
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.choice import Chosen
from agebo_hpc.models.description import trained_parts

PATIENCE = 300.0
"""Seconds that simple models are waited for at most."""


def measure_missing(chosen: Chosen, dataset: DataSet) -> None:
    """Measure the simple models that a search had no time left for; waits for them.

    Parameters
    ----------
    chosen
        A configuration of the search.
    dataset
        What it was found on.
    """
    metric = chosen.problem.get("metric")
    if chosen.wants_baselines and metric:
        facts = str(dataset.path), dataset.fingerprint, str(metric)
        process = BaselineProcess(chosen.run, *facts, chosen.seed)
        try:
            process.wait(PATIENCE, lambda: False)
        finally:
            process.close()


def against_baselines(
    model: Model, dataset: DataSet, run: Path, problem: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return how a model stands against the simple models of its search, on the same rows.

    Parameters
    ----------
    model
        The model.
    dataset
        What it was trained on.
    run, problem
        The run directory of its search, and ``[problem]`` of its configuration.

    Returns
    -------
    dict or None
        ``metric``; ``part``, ``rows`` that were looked at ``of_rows``; ``scores`` of the simple
        models there, the larger the better; and what
        `agebo_hpc.baselines.comparison.Comparison` has as ``boosting``, None where it is not
        known. None: nothing was measured, or the model has learnt from those rows.
    """
    dataset = dataset.as_stored
    kept = read_kept(run, dataset.fingerprint, str(problem.get("metric", "")))
    if kept is None or kept.part in trained_parts(model.description):
        return None
    if kept.of_rows != dataset.num_rows[kept.part]:
        return None
    told: dict[str, Any] = {"metric": kept.metric, "part": kept.part, "rows": len(kept.chosen)}
    told |= {"of_rows": kept.of_rows, "scores": dict(kept.scores), "boosting": None}
    if "boosting" not in kept.outputs:
        return told
    try:
        found = compare(_predictions(model, dataset, kept), kept, dataset)
    except AgeboError:
        # Such as a metric whose file is gone: the scores of the simple models stay.
        return told
    if found is not None:
        told["boosting"] = {**asdict(found), "interval": found.interval and list(found.interval)}
    return told


def _predictions(model: Model, dataset: DataSet, kept: Kept) -> Predictions:
    part, rows = getattr(dataset, kept.part), kept.chosen
    outputs = model.outputs(np.asarray(network_rows(part, model.takes_codes)[rows], np.float32))
    y = np.asarray(part.y[rows])
    weights = None if part.weights is None else np.asarray(part.weights[rows], np.float64)
    if dataset.task == "regression":
        coding = model.preprocessing.target
        assert isinstance(coding, RealCoding)
        numbers = coding.predicted(outputs.raw[:, 0])
        return Numbers(numbers, dataset.decode(y), weights, float(dataset.decode(np.zeros(1))[0]))
    found = Classes.of_logits(outputs.raw, y, weights)
    return replace(found, decode=dataset.decode, chosen=outputs.predicted)
