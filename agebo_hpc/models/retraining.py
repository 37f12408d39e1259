"""Training a configuration that a search found once more, as a model to keep.

The problem's own recipe in one process: a configuration found with n processes keeps its global
batch and its scaled learning rate. Same data, epochs and seed as the search give the same network
where n is 1.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.errors import AgeboError, ConfigurationError, NonFiniteLossError
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.evaluation import evaluate_model
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import SingleProcess
from agebo_hpc.training.engine import Rows, TrainedNetwork, TrainingPlan, train_network
from agebo_hpc.training.network import keras_model


def retrain(chosen: Chosen, dataset: DataSet, options: RetrainOptions) -> Model:
    """Train a configuration in this process and score the network on the test part, once.

    Parameters
    ----------
    chosen
        The configuration, see `agebo_hpc.models.choice.choose`.
    dataset
        See `agebo_hpc.models.choice.open_data`.
    options
        What differs from the search.

    Returns
    -------
    Model
        With scores of the test part and, unless it was trained on, of the validation part.

    Raises
    ------
    AgeboError
        If the loss becomes infinite or not a number.
    """
    plan = make_plan(chosen, dataset, options)
    trained = _train(plan, dataset, options, chosen.result.id)
    description = _describe(chosen, dataset, options, plan, trained)
    model = Model(keras_model(plan.graph, trained.parameters, plan.task), description)
    scores: dict[str, Any] = {}
    if not options.include_validation:
        scores["validation"] = evaluate_model(model, dataset, "validation").scores
    test = evaluate_model(model, dataset, "test")
    scores["test"] = test.scores
    scores["rows_per_second"] = test.rows_per_second
    return Model(model.network, replace(description, scores=scores))


def make_plan(chosen: Chosen, dataset: DataSet, options: RetrainOptions) -> TrainingPlan:
    """Return what is trained and how.

    Raises
    ------
    ConfigurationError
        If the run's configuration has fields that this version does not know.
    """
    try:
        recipe = Recipe(**chosen.problem["recipe"])
        space = ArchitectureSpace(**chosen.problem["architecture"])
    except TypeError as error:
        raise ConfigurationError(
            f"{chosen.run}/config.toml cannot be used ({error}); use the version of agebo_hpc "
            f"that wrote it."
        ) from error
    if options.epochs is not None:
        recipe = replace(recipe, epochs=options.epochs)
    if options.include_validation:
        recipe = replace(recipe, plateau_patience=0, early_stopping_patience=0)
    return TrainingPlan(
        graph=space.decode(
            chosen.configuration.architecture, dataset.num_features, dataset.num_outputs
        ),
        task=dataset.task,
        hyperparameters=chosen.configuration.hyperparameters,
        recipe=recipe,
        keep_best=chosen.problem["objective"] == "best" and not options.include_validation,
        seed=chosen.seed if options.seed is None else options.seed,
        evaluation_id=chosen.result.id,
    )


def _train(
    plan: TrainingPlan, dataset: DataSet, options: RetrainOptions, evaluation_id: int
) -> TrainedNetwork:
    parts = [dataset.train, dataset.validation]
    validation = Rows.of(parts[1].x, parts[1].y)
    if options.include_validation:
        x = np.concatenate([part.x for part in parts])
        training = Rows.of(x, np.concatenate([part.y for part in parts]))
    else:
        training = Rows.of(parts[0].x, parts[0].y)
    try:
        return train_network(plan, training, validation, SingleProcess())
    except NonFiniteLossError as error:
        raise AgeboError(
            f"Evaluation {evaluation_id} cannot be trained again: {str(error).rstrip('.')}; "
            f"choose another --rank or --seed."
        ) from error


def _describe(
    chosen: Chosen,
    dataset: DataSet,
    options: RetrainOptions,
    plan: TrainingPlan,
    trained: TrainedNetwork,
) -> ModelDescription:
    return ModelDescription(
        task=plan.task,
        graph=_graph_data(plan.graph),
        configuration={
            **chosen.configuration.to_dict(),
            "architecture_space": dict(chosen.problem["architecture"]),
            "num_parameters": plan.graph.num_parameters,
        },
        training={
            "recipe": asdict(plan.recipe),
            "objective": "best" if plan.keep_best else "last",
            "seed": plan.seed,
            "include_validation": options.include_validation,
            "curve": _curve(trained, options),
            "seconds": trained.times,
        },
        preprocessing=dataset.preprocessing.to_dict(),
        schema={
            "target": dataset.target,
            "columns": list(dataset.preprocessing.columns),
            "feature_names": list(dataset.feature_names),
            "class_labels": None if dataset.class_labels is None else list(dataset.class_labels),
        },
        data={
            "name": dataset.name,
            "path": str(dataset.path),
            "fingerprint": dataset.fingerprint,
            "rows": dict(dataset.num_rows),
            "split": dataset.schema.get("split"),
        },
        provenance={
            "run": str(chosen.run.resolve()),
            "evaluation_id": chosen.result.id,
            "rank": chosen.rank,
            "search_objective": chosen.result.objective,
            "versions": dict(options.versions or {}),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _graph_data(graph: Graph) -> dict[str, Any]:
    operations = graph.to_dict()["operations"]
    return {"operations": [{**op, "inputs": list(op["inputs"])} for op in operations]}


def _curve(trained: TrainedNetwork, options: RetrainOptions) -> list[dict[str, float]]:
    """Return the learning curve; validation rows that were trained on say nothing."""
    hidden = ("validation_loss", "validation_metric") if options.include_validation else ()
    return [
        {name: value for name, value in entry.items() if name not in hidden}
        for entry in trained.curve
    ]
