"""Training a configuration that a search found once more, as a model to keep.

The problem's own recipe: a configuration found with n processes keeps its global batch and its
scaled learning rate, whatever the number of ranks that train it now. Same data, epochs and seed
as the search on as many ranks give the same network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from agebo_hpc.data.dataset import DataSet, Part
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.data.numbers import network_shape
from agebo_hpc.errors import AgeboError, ConfigurationError, NonFiniteLossError
from agebo_hpc.intervals.interval import plain
from agebo_hpc.metrics.predictions import Classes
from agebo_hpc.models.against_baselines import against_baselines
from agebo_hpc.models.best_of_many import optimism
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.calibration import Calibration, calibrate
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.decision import Decision, decide
from agebo_hpc.models.description import ModelDescription, trained_parts
from agebo_hpc.models.evaluation import evaluate_model, run_timed
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import start_group
from agebo_hpc.training.engine import TrainedNetwork, TrainingPlan, train_network
from agebo_hpc.training.network import keras_model
from agebo_hpc.training.rows import Rows
from agebo_hpc.training.trainer import Outcome


@dataclass(frozen=True)
class Training:
    """One training that came to its end: what was asked, and what it gave."""

    plan: TrainingPlan
    trained: TrainedNetwork
    calibration: Calibration | None = None


def retrain(chosen: Chosen, dataset: DataSet, options: RetrainOptions) -> Model:
    """Train a configuration in this process and score the network on the test part, if any.

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
        The model, with scores of the test part and, unless it was trained on, of the validation
        part. With several seeds it is the network that is best on the validation part; the others'
        scores are told beside its own, those on the test part too, and choose nothing.

    Raises
    ------
    AgeboError
        If the loss becomes infinite or not a number, with every seed.
    """
    return make_model(chosen, dataset, options, train_seeds(chosen, dataset, options))


def train_seeds(
    chosen: Chosen, dataset: DataSet, options: RetrainOptions, comm: Any | None = None
) -> list[Training]:
    """Train a configuration once with each seed. Collective over `comm`.

    Parameters
    ----------
    chosen, dataset, options
        See `retrain`.
    comm
        mpi4py communicator of the ranks that share the rows; None: this process alone.

    Returns
    -------
    list
        Those that did not diverge, in the order of the seeds; the same on every rank.

    Raises
    ------
    AgeboError
        On all ranks alike, if the loss becomes infinite or not a number, with every seed.
    """
    seeds = [replace(options, seeds=(), seed=seed) for seed in options.seeds or (options.seed,)]
    plans = [make_plan(chosen, dataset, one) for one in seeds]
    training, validation = _rows(dataset, options, bool(plans[0].graph.num_codes))
    ends: list[Training] = []
    reason = ""
    for plan in plans:
        group = start_group(comm, options.data_parallel or "mpi")
        try:
            ends.append(Training(plan, train_network(plan, training, validation, group)))
        except NonFiniteLossError as error:
            reason = str(error).rstrip(".")
        finally:
            group.stop()
    if not ends:
        raise AgeboError(
            f"Evaluation {chosen.result.id} cannot be trained again: {reason}; "
            f"choose another --rank or --seed."
        )
    return ends


def make_model(
    chosen: Chosen,
    dataset: DataSet,
    options: RetrainOptions,
    trainings: Sequence[Training],
    num_ranks: int = 1,
    score: bool = True,
) -> Model:
    """Return the best of some trainings as a model with its scores. Local.

    The validation part decides; where it was trained on, the first training is kept. All
    networks are scored on the test part after that, to show how much a seed matters: whoever
    picks a seed by these scores has no test part left.

    Parameters
    ----------
    chosen, dataset, options
        See `retrain`.
    trainings
        What `train_seeds` gives.
    num_ranks
        Number of processes that trained, to be noted.
    score
        Whether the model gets its scores.
    """
    if options.calibrate:
        trainings = [_calibrated(training, dataset) for training in trainings]
    best = trainings[0]
    if "validation" not in options.trained_parts:
        best = max(trainings, key=_validation_metric)
    if not score:
        return unscored(chosen, dataset, options, best, num_ranks)
    scored = {
        training.plan.seed: with_scores(
            unscored(chosen, dataset, options, training, num_ranks), dataset
        )
        for training in [best, *(t for t in trainings if t is not best)]
    }
    model = compared(scored[best.plan.seed], dataset, chosen)
    if not options.seeds:
        return model
    seeds = [{"seed": t.plan.seed, **scored[t.plan.seed].description.scores} for t in trainings]
    noted = {**model.description.training, "seeds": seeds}
    return Model(model.network, replace(model.description, training=noted))


def _calibrated(training: Training, dataset: DataSet) -> Training:
    plan, trained = training.plan, training.trained
    parameters, calibration = calibrate(plan.graph, trained.parameters, dataset.validation)
    return Training(plan, trained._replace(parameters=parameters), calibration)


def _validation_metric(training: Training) -> float:
    metric = training.trained.outcome.objective
    # Nothing stops these trainings.
    assert metric is not None
    return metric


def unscored(
    chosen: Chosen,
    dataset: DataSet,
    options: RetrainOptions,
    training: Training,
    num_ranks: int,
) -> Model:
    """Return the network of one training as a model without scores; see `make_model`."""
    plan, trained = training.plan, training.trained
    description = _describe(chosen, dataset, options, plan, trained.outcome)
    noted = {**description.training, "num_ranks": num_ranks}
    if training.calibration is not None:
        noted["calibration"] = training.calibration.to_dict()
    network = keras_model(plan.graph, trained.parameters, plan.task)
    return decided(Model(network, replace(description, training=noted)), dataset, options)


def decided(model: Model, dataset: DataSet, options: RetrainOptions) -> Model:
    """Return a model that decides between two classes as `options` say; see `decide`."""
    if options.threshold is None and options.cost is None:
        return model
    decision = _decision(model, dataset, options).to_dict()
    noted = {**model.description.training, "decision": decision}
    return Model(model.network, replace(model.description, training=noted))


def _decision(model: Model, dataset: DataSet, options: RetrainOptions) -> Decision:
    part = dataset.validation
    outputs = model.outputs(network_rows(part, model.takes_codes))
    # As predictions have them, float32, so that a row at the threshold is decided alike.
    given = Classes(
        outputs.probabilities.astype(np.float64),
        np.asarray(part.y),
        None if part.weights is None else np.asarray(part.weights, np.float64),
        decode=dataset.decode,
    )
    return decide(given, options.threshold, options.cost)


def with_scores(model: Model, dataset: DataSet) -> Model:
    """Return a model that knows its scores on the parts that it was not trained on."""
    seen = trained_parts(model.description)
    parts = [p for p in ("validation", "test") if p not in seen and dataset.num_rows[p]]
    found = {part: evaluate_model(model, dataset, part) for part in parts}
    scores: dict[str, Any] = {part: done.scores for part, done in found.items()}
    for done in found.values():
        scores["rows_per_second"] = done.rows_per_second
    if found:
        scores["intervals"] = {part: plain(done.intervals) for part, done in found.items()}
    else:
        rows = network_rows(dataset.validation, model.takes_codes)
        scores["rows_per_second"] = run_timed(model, rows)[1]
    return Model(model.network, replace(model.description, scores=scores))


def compared(model: Model, dataset: DataSet, chosen: Chosen) -> Model:
    """Return a model that tells more of its scores.

    It tells what that on the validation part owes to the choice, and how the model stands against
    the simple models of its search.
    """
    told = optimism(model.description, chosen.objectives)
    scores = {**model.description.scores, **({} if told is None else {"optimism": told})}
    told = against_baselines(model, dataset, chosen.run, chosen.problem)
    scores |= {} if told is None else {"baselines": told}
    return Model(model.network, replace(model.description, scores=scores))


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
    recipe = recipe.of_configuration(chosen.configuration.hyperparameters)
    if epochs := options.epochs or chosen.problem.get("full_epochs"):
        recipe = replace(recipe, epochs=epochs)
    if "validation" in options.trained_parts:
        recipe = replace(recipe, plateau_patience=0, early_stopping_patience=0)
    return TrainingPlan(
        graph=space.decode(chosen.configuration.architecture, *network_shape(dataset, space)),
        task=dataset.task,
        hyperparameters=chosen.configuration.hyperparameters,
        recipe=recipe,
        keep_best=(
            chosen.problem["objective"] == "best" and "validation" not in options.trained_parts
        ),
        seed=chosen.seed if options.seed is None else options.seed,
        evaluation_id=chosen.result.id,
        class_weights=recipe.weights_of(dataset.class_labels, dataset.class_counts("train")),
        decode=dataset.decode,
        is_weighted=dataset.is_weighted,
        recoded=dataset.recoding,
    )


def _rows(dataset: DataSet, options: RetrainOptions, with_codes: bool) -> tuple[Rows, Rows]:
    def arrays(name: str) -> dict[str, Any]:
        part: Part = getattr(dataset, name)
        return part.arrays(with_codes)

    validation = Rows.of(**arrays("validation"))
    trained = [arrays(name) for name in options.trained_parts]
    if len(trained) == 1:
        return Rows.of(**trained[0]), validation
    joined = {name: np.concatenate([part[name] for part in trained]) for name in trained[0]}
    return Rows.of(**joined), validation


def _describe(
    chosen: Chosen,
    dataset: DataSet,
    options: RetrainOptions,
    plan: TrainingPlan,
    outcome: Outcome,
) -> ModelDescription:
    # A network that takes no codes needs not know how they are made.
    codes = dataset.preprocessing.codes if plan.graph.num_codes else ()
    preprocessing = replace(dataset.preprocessing, codes=codes)
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
            "include_validation": "validation" in options.trained_parts,
            **({"all_rows": True} if options.all_rows else {}),
            "curve": _curve(outcome.curve, options),
            "seconds": outcome.times,
            **({"predicts_one": outcome.predicts_one} if outcome.predicts_one else {}),
        },
        preprocessing=preprocessing.to_dict(),
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
            "split_text": dataset.split_text,
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


def _curve(
    curve: Sequence[Mapping[str, float]], options: RetrainOptions
) -> list[dict[str, float]]:
    """Return the learning curve; validation rows that were trained on say nothing."""
    is_seen = "validation" in options.trained_parts
    hidden = ("validation_loss", "validation_metric") if is_seen else ()
    return [
        {name: value for name, value in entry.items() if name not in hidden} for entry in curve
    ]
