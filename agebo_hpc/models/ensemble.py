"""An ensemble of the best networks of a search, chosen greedily on the validation part.

Caruana et al. (2004), "Ensemble Selection from Libraries of Models": starting from nothing, the
network that helps the mean most is added, again and again, also one that is in already. The best
of all prefixes is kept; how often a network is in it is its weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.metrics.of_numbers import RowLoss, absolute, gamma, pinball, poisson, squared
from agebo_hpc.metrics.own import is_own
from agebo_hpc.metrics.record import kind_of
from agebo_hpc.metrics.table import metric_for
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.models.networks import EnsembleMember, join_networks
from agebo_hpc.models.retraining import (
    compared,
    decided,
    make_model,
    train_seeds,
    with_scores,
)
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.recipe import QUANTILE, Recipe

DEVIANCES: dict[str, RowLoss] = {"poisson": poisson, "gamma": gamma}
ROUNDS = 50
"""Additions of the greedy selection."""


def select(
    outputs: Sequence[NDArray[np.float32]],
    y: NDArray[Any],
    task: str,
    rounds: int = ROUNDS,
    weights: NDArray[np.float32] | None = None,
    of_numbers: RowLoss = squared,
) -> NDArray[np.int64]:
    """Choose members with replacement.

    Parameters
    ----------
    outputs
        Outputs of each candidate on the validation part: probabilities of shape (rows, classes),
        or standardised targets of shape (rows, 1).
    y
        Class indices or standardised targets, shape (rows,).
    task
        ``"classification"``: the mean cross-entropy is made small; ``"regression"``: the mean of
        `of_numbers`.
    rounds
        Additions, >= 1.
    weights
        What each row counts, shape (rows,); None: all count alike.
    of_numbers
        Losses of rows of a regression.

    Returns
    -------
    ndarray of shape (candidates,), int64
        How often each was taken in the best ensemble on the way; the earlier candidate wins a
        tie, and so does the smaller ensemble.
    """
    total = np.zeros(outputs[0].shape, np.float64)
    counts = np.zeros(len(outputs), np.int64)
    best, least = counts, np.inf
    for taken in range(1, rounds + 1):
        losses = [
            _loss((total + output) / taken, y, task, weights, of_numbers) for output in outputs
        ]
        chosen = int(np.argmin(losses))
        total += outputs[chosen]
        counts[chosen] += 1
        if losses[chosen] < least - 1e-12:
            best, least = counts.copy(), losses[chosen]
    return best


def _loss(
    mean: NDArray[np.float64],
    y: NDArray[Any],
    task: str,
    weights: NDArray[np.float32] | None,
    of_numbers: RowLoss,
) -> float:
    if task == "classification":
        own = mean[np.arange(len(y)), y]
        return float(np.average(-np.log(np.maximum(own, 1e-30)), weights=weights))
    return float(np.average(of_numbers(np.asarray(y, np.float64), mean[:, 0]), weights=weights))


def train_candidates(
    found: Sequence[Chosen],
    dataset: DataSet,
    options: RetrainOptions,
    comm: Any | None = None,
    num_ranks: int = 1,
    score: bool = True,
) -> list[Model]:
    """Train configurations to choose an ensemble from. Collective over `comm`.

    Parameters
    ----------
    found, dataset, options
        See `agebo_hpc.models.retraining.retrain`.
    comm
        mpi4py communicator of the ranks that share the rows; None: this process alone.
    num_ranks
        Number of processes.
    score
        Whether the models get their scores; `make_ensemble` does without.

    Returns
    -------
    list
        The models on rank 0, empty on the others.

    Raises
    ------
    AgeboError
        On all ranks alike, if the training of one becomes infinite or not a number.
    """
    models = []
    for chosen in found:
        trainings = train_seeds(chosen, dataset, options, comm)
        if comm is None or comm.Get_rank() == 0:
            models.append(make_model(chosen, dataset, options, trainings, num_ranks, score))
    return models


def make_ensemble(
    models: Sequence[Model],
    dataset: DataSet,
    chosen: Chosen | None = None,
    options: RetrainOptions | None = None,
) -> Model:
    """Return the ensemble of some models with its scores.

    Parameters
    ----------
    models
        Candidates, best first: single networks trained on the training part of `dataset`.
    dataset
        Its validation part chooses among them.
    chosen
        The first of the candidates in the search; None: nothing is told of their choice.
    options
        How the ensemble decides between two classes; None: the most probable one is predicted.

    Returns
    -------
    Model
        The ensemble, of one member at least. ``scores["single"]`` has the scores and the speed of
        the candidate that is best on the validation part, for comparison.

    Raises
    ------
    AgeboError
        If no candidate gives finite numbers.
    UsageError
        If a candidate has seen the validation part.
    """
    if any(model.description.training["include_validation"] for model in models):
        raise UsageError(
            "An ensemble is chosen on the validation part; give networks that were trained "
            "without --include-validation."
        )
    x = network_rows(dataset.validation, models[0].takes_codes)
    y = np.asarray(dataset.validation.y)
    outputs = [model.outputs(x).probabilities for model in models]
    sound = [number for number, output in enumerate(outputs) if np.isfinite(output).all()]
    if not sound:
        raise AgeboError("No network gives finite numbers on the validation part; retrain more.")
    task = dataset.task
    weights = dataset.validation.weights
    own = _losses_of(models[0])
    counts = select([outputs[n] for n in sound], y, task, weights=weights, of_numbers=own)
    kept = [(models[n], int(c)) for n, c in zip(sound, counts, strict=True) if c]
    joined = join_models(kept, {"include_validation": False, "rounds": ROUNDS})
    joined = decided(joined, dataset, options or RetrainOptions())
    ensemble = with_scores(joined, dataset)
    if chosen is not None:
        ensemble = compared(ensemble, dataset, chosen)
    single = with_scores(_best_single(models, dataset), dataset)
    scores = {**ensemble.description.scores, "single": single.description.scores}
    return Model(joined.network, replace(ensemble.description, scores=scores))


def _losses_of(model: Model) -> RowLoss:
    """Return the squared errors, or the losses of the quantile that a model was trained for."""
    recipe = model.description.training.get("recipe", {})
    chosen = {name: recipe[name] for name in ("loss", "metric") if name in recipe}
    if model.description.task != "regression" or is_own(chosen.get("metric", "")):
        return squared
    name, _, quantile = Recipe(**chosen).loss_of("regression").partition(":")
    if name in DEVIANCES:
        # Outputs and targets are logarithms.
        return lambda y, values: DEVIANCES[name](np.exp(y), np.exp(values))
    if name == QUANTILE:
        return pinball(float(quantile))
    return absolute if name == "mae" else squared


def _best_single(models: Sequence[Model], dataset: DataSet) -> Model:
    kind = kind_of(dataset.task, dataset.num_outputs)
    own = models[0].description.metric
    metric = metric_for("auto" if is_own(own) else own, kind)
    sign = -1.0 if metric.is_loss else 1.0

    def standing(model: Model) -> float:
        scores = evaluate_model(model, dataset, "validation", (metric.name,)).scores
        known = (metric.shown_name, *metric.aliases)
        value = next((scores[name] for name in known if name in scores), None)
        return -math.inf if value is None else sign * value

    return max(models, key=standing)


def join_models(kept: Sequence[tuple[Model, int]], noted: Mapping[str, Any]) -> Model:
    """Return the weighted mean of some networks as one model without scores.

    Parameters
    ----------
    kept
        Models of one network each, and how often each counts.
    noted
        What is noted of the training besides that of the members.
    """
    total = sum(count for _, count in kept)
    members = [
        EnsembleMember(Graph.from_dict(dict(model.description.graph)), count / total)
        for model, count in kept
    ]
    first = kept[0][0].description
    network = join_networks(members, [model.network for model, _ in kept], first.task)
    return Model(network, _describe(kept, [member.weight for member in members], noted))


def _describe(
    kept: Sequence[tuple[Model, int]], weights: Sequence[float], noted: Mapping[str, Any]
) -> ModelDescription:
    told = [model.description for model, _ in kept]
    graphs = [
        {**description.graph, "weight": weight}
        for description, weight in zip(told, weights, strict=True)
    ]
    return replace(
        told[0],
        graph={"members": graphs},
        configuration={
            "members": [dict(description.configuration) for description in told],
            "num_parameters": sum(d.configuration["num_parameters"] for d in told),
        },
        training={
            **noted,
            "members": [dict(description.training) for description in told],
        },
        provenance={
            **told[0].provenance,
            "members": [
                {
                    "evaluation_id": description.provenance["evaluation_id"],
                    "rank": description.provenance["rank"],
                    "search_objective": description.provenance["search_objective"],
                    "weight": weight,
                }
                for description, weight in zip(told, weights, strict=True)
            ],
        },
    )
