"""What follows from a request and its problem before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agebo_hpc.errors import UsageError
from agebo_hpc.metrics.own import is_own, source_digest
from agebo_hpc.metrics.predictions import Classes, Numbers
from agebo_hpc.metrics.record import Metric
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.search.affordable import affordable
from agebo_hpc.search.settings import SearchSettings
from agebo_hpc.simulation.registry import with_whole_path
from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.configuration import Configuration
from agebo_hpc.space.cost import tell_shape
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem
from agebo_hpc.versions import installed_versions

if TYPE_CHECKING:
    from agebo_hpc.data.dataset import DataSet

if TYPE_CHECKING:
    from agebo_hpc.data.dataset import DataSet

LEAST_INITIAL_POINTS = 5
"""Least number of random points: with fewer, some searches stay where nothing trains."""


def data_identity(problem: Problem) -> dict[str, str]:
    """Return content hash and metric of a problem's data set; empty where it has none. Local.

    Of a metric of the user's own also what the content of its file is known by.

    Raises
    ------
    ConfigurationError
        If the data set is not what the problem is for, or its target cannot be transformed so.
    """
    if problem.data is None:
        return {}
    from agebo_hpc.data.dataset import open_dataset

    dataset = open_dataset(problem.data)
    if problem.trainer is None:
        problem.check_data(dataset.task, dataset.input_widths, dataset.class_labels)
        # Whoever trains does so for itself; here is told what cannot be.
        dataset.recoded(problem.recipe.coding)
    metric = problem.recipe.metric_of(dataset.task, dataset.num_outputs, dataset.is_weighted)
    if dataset.task == "regression" and np.isfinite(metric.least):
        metric.check_targets(dataset.least_target(), dataset.target)
    if is_own(metric.name):
        _try(metric, dataset)
    told = {"data_fingerprint": dataset.fingerprint, "metric": metric.name}
    return told | ({"metric_source": source_digest(metric.name)} if is_own(metric.name) else {})


def _try(metric: Metric, dataset: DataSet) -> None:
    """Call a user's own metric with one prediction for all validation rows, as a trial."""
    y, weights = np.asarray(dataset.target_of("validation")), None
    if dataset.is_weighted:
        weights = np.asarray(dataset.validation.weights, np.float64)
    if dataset.task == "regression":
        numbers = dataset.decode(y)
        metric.score(Numbers(np.full(len(y), numbers.mean()), numbers, weights))
        return
    shares = np.bincount(y, minlength=dataset.num_outputs) / len(y)
    same = np.tile(shares, (len(y), 1))
    metric.score(Classes(same, y, weights, decode=dataset.decode))


def parameter_counter(problem: Problem) -> Callable[[Configuration], int]:
    """Return what counts the parameters of a configuration's network; 1 where none is known."""
    decode = network_decoder(problem)
    if decode is None:
        return lambda configuration: 1
    return lambda configuration: max(1, decode(configuration.architecture).num_parameters)


def network_decoder(problem: Problem) -> Callable[[Architecture], Graph] | None:
    """Return what makes architectures networks for the problem's data; None where it has none."""
    if problem.data is None or problem.trainer is not None:
        return None
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.data.numbers import network_shape

    shape = network_shape(open_dataset(problem.data), problem.architecture)
    return lambda architecture: problem.architecture.decode(architecture, *shape)


def _shape(problem: Problem) -> dict[str, Any] | None:
    """Return what of the data decides what networks cost, so that an analysis needs no data."""
    if problem.data is None or problem.trainer is not None:
        return None
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.data.numbers import network_shape

    return tell_shape(*network_shape(open_dataset(problem.data), problem.architecture))


def _first(problem: Problem) -> list[list[int]]:
    """Return the architectures that a search begins with, those of equal networks once."""
    decode = network_decoder(problem)
    if decode is None:
        return [list(architecture) for architecture in problem.first]
    different: dict[str, list[int]] = {}
    for architecture in problem.first:
        text = json.dumps(decode(architecture).to_dict())
        different.setdefault(text, list(architecture))
    return list(different.values())


def proposed_architectures(
    request: SearchRequest, problem: Problem, speed: float
) -> ArchitectureSpace:
    """Return the space that a search draws from: what keeps to the bounds on cost.

    Raises
    ------
    UsageError
        If there are bounds, and nothing that they could be on.
    ConfigurationError
        If no network keeps to them.
    """
    bounds, decode = request.bounds(speed), network_decoder(problem)
    if bounds.are_none:
        return problem.architecture
    if decode is None:
        raise UsageError(
            f"{bounds.told()} is for networks that are trained here on a data set; leave it out."
        )
    return affordable(problem.architecture, decode, bounds)


def proposals_ahead(request: SearchRequest, num_at_once: int) -> int:
    """Return how many proposals are kept ready for slots that become free.

    Each is made without the results of as many evaluations as are ready: an eighth more of them
    is in flight. With one evaluation at a time every proposal waits for the result before it, and
    in a synchronous search for those of the whole batch.

    Parameters
    ----------
    request
        May say it.
    num_at_once
        Evaluations that can run at once, >= 1.
    """
    if request.ahead is not None:
        return request.ahead
    return 0 if num_at_once == 1 or request.synchronous else max(1, num_at_once // 8)


def initial_points(request: SearchRequest, num_at_once: int) -> int:
    """Return how many random points the optimizer begins with.

    The papers take as many as run at once, 128 or more. Where one does, and its training fails,
    whatever comes next is better, and with a small kappa a search can stay where that was.

    Parameters
    ----------
    request
        May say it.
    num_at_once
        W, evaluations that can run at once, >= 1.
    """
    return request.initial_points or max(num_at_once, LEAST_INITIAL_POINTS)


def run_configuration(
    request: SearchRequest,
    problem: Problem,
    space: HyperparameterSpace,
    settings: SearchSettings,
    num_at_once: int,
    speed: float = 0.0,
    num_rungs: int | None = None,
) -> dict[str, Any]:
    """Return all that was asked and what followed from it, for config.toml. Local.

    Parameters
    ----------
    request, problem
        What was asked.
    space
        The hyperparameter space, with the choices of n that the worker groups can hold.
    settings
        Settings of the search method.
    num_at_once
        W, evaluations that can run at once, >= 1.
    speed
        Floating point operations of products that one core does in a second; 0: not measured.
    num_rungs
        Rungs at which trainings are compared; None: all are trained in full.
    """
    # A resume begins with the same preset, whichever is the usual one by then.
    asked = {**request.to_dict(), "preset": request.preset_name}
    if problem.full_epochs is not None:
        # A resume has another time, and its trainings are as long as those before.
        asked["epochs"] = problem.recipe.epochs
    if request.data is not None:
        asked["data"] = str(Path(request.data).resolve())
    if request.problem is not None:
        path, _, name = request.problem.rpartition(":")
        asked["problem"] = f"{Path(path).resolve()}:{name}"
    if request.simulate is not None:
        asked["simulate"] = with_whole_path(request.simulate)
    return {
        "request": asked,
        "search": {
            "method": request.method,
            "max_evals": request.max_evals,
            "ahead": proposals_ahead(request, num_at_once),
            # Left out where it is the usual: runs of before it are searches of the same kind.
            "synchronous": request.synchronous or None,
            "num_rungs": num_rungs,
            **asdict(settings),
        },
        "problem": {
            "data": asked.get("data", problem.data),
            **data_identity(problem),
            "preset": request.preset_name,
            "objective": problem.objective,
            "trainer": _trainer_name(request, problem),
            "architecture": json.loads(problem.architecture.to_json()),
            "hyperparameters": space.to_dict(),
            "recipe": asdict(problem.recipe),
            "full_epochs": problem.full_epochs,
            "first": _first(problem) or None,
            "shape": _shape(problem),
        },
        "data": _data_told(problem),
        "machine": {"products_per_second": speed or None},
        "versions": installed_versions(),
    }


def _data_told(problem: Problem) -> dict[str, Any] | None:
    """Return what a report says of the data, so that it needs no data set; None: there is none."""
    if problem.data is None:
        return None
    from agebo_hpc.data.dataset import open_dataset

    data = open_dataset(problem.data)
    return {
        "name": data.name,
        "task": data.task,
        "target": data.target,
        "rows": dict(data.num_rows),
        "split": data.split_text,
        "num_columns": len(data.preprocessing.columns),
        "num_classes": len(data.class_labels or ()),
        **_independent(data),
    }


def _independent(data: DataSet) -> dict[str, Any]:
    """Return the validation rows (of each class, of two) where they are independent and alike."""
    if data.split.groups or data.is_weighted:
        return {}
    counts = data.class_counts("validation") or ()
    told: dict[str, Any] = {"independent": data.num_rows["validation"]}
    return {**told, "validation_counts": list(counts)} if len(counts) == 2 else told


def _trainer_name(request: SearchRequest, problem: Problem) -> str:
    if request.simulate is not None:
        return "simulated"
    return "tensorflow" if problem.trainer is None else "of the problem file"
