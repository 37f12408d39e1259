"""From a search to a model: `retrain` and `ensemble` train data-parallel under mpirun."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agebo_hpc.cli.model_output import FORCE, JSON, THREADS, remark
from agebo_hpc.cli.options import Costs, GroupedCommand, Integers, grouped, record_options
from agebo_hpc.cli.training_output import report_training
from agebo_hpc.run.option import OptionGroup
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.space.configuration import said_of
from agebo_hpc.training.ways import NAMES as WAYS

if TYPE_CHECKING:
    from agebo_hpc.baselines.record import Baselines
    from agebo_hpc.data.dataset import DataSet
    from agebo_hpc.execution.mpi.rank_group import RankGroup
    from agebo_hpc.models.bundle import Model
    from agebo_hpc.models.choice import Chosen, RetrainOptions

MODEL, TRAINING, DECISION = "Model", OptionGroup.TRAINING.value, "Decision"
"""Headings of the options of `retrain`; decision: what is made of a network's probabilities."""

_EPOCHS = grouped(
    "--epochs",
    group=TRAINING,
    type=click.IntRange(min=1),
    help="Epochs of the training; the warm-up keeps its length.  [default: as in the search]",
)
_SEED = grouped(
    "--seed",
    group=TRAINING,
    type=click.IntRange(min=0),
    help="Seed of weights and shuffles.  [default: the search's]",
)
_THRESHOLD = grouped(
    "--threshold",
    group=DECISION,
    usual=False,
    metavar="NAME|X",
    help="Of two classes, predict the second from the probability X on, or from where the metric "
    "NAME, such as f1, is best on the validation rows.  [default: 0.5]",
)
_COST = grouped(
    "--cost",
    group=DECISION,
    usual=False,
    type=Costs(),
    metavar="FALSE,MISSED",
    help="Choose the threshold by what it costs to predict the second class wrongly, and to miss "
    "it, as in 1,20.",
)
_DATA = grouped(
    "--data",
    group=MODEL,
    type=click.Path(path_type=Path),
    metavar="DATA.h5",
    help="The search's prepared data set, where it was moved.  [default: where it was]",
)


@click.command(cls=GroupedCommand)
@click.argument("run", type=click.Path(path_type=Path))
@grouped(
    "--out",
    group=MODEL,
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Directory to make.  [default: evaluation_<id> in RUN/models, and _folds_<K>]",
)
@grouped(
    "--rank",
    group=MODEL,
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Which of the best evaluations: 1 is the best.",
)
@_EPOCHS
@grouped(
    "--include-validation",
    group=TRAINING,
    is_flag=True,
    help="Train on the validation rows too: no validation score then, a fixed schedule (no "
    "reduction on a plateau, no early stopping).",
)
@grouped(
    "--all-rows",
    group=TRAINING,
    is_flag=True,
    help="Train on the validation and the test rows too, in the same way: no score is left, and "
    "the model has none.",
)
@_SEED
@grouped(
    "--seeds",
    group=TRAINING,
    type=Integers(),
    help="Train once with each of these, such as 1,2,3, print the scores of all, and keep the "
    "one that is best on the validation part (the first, with --include-validation). The scores "
    "of the others, on the test part too, are for comparison and choose nothing.",
)
@grouped(
    "--folds",
    group=TRAINING,
    type=click.IntRange(min=2),
    metavar="K",
    help="Train K networks, each on the training and validation rows without those of one of K "
    "folds, print the scores on the folds and their mean, and keep the mean of the networks. "
    "Where rows have times, each fold is predicted from older rows. The schedule is fixed, as "
    "with --include-validation.  [default: one network]",
)
@grouped(
    "--calibrate",
    group=DECISION,
    usual=False,
    is_flag=True,
    help="Divide the logits by one temperature that makes the cross-entropy of the validation "
    "rows small, and say what it made of the probabilities.",
)
@_THRESHOLD
@_COST
@_DATA
@THREADS
@record_options([OPTIONS["data_parallel"]])
@FORCE
@JSON
def retrain(
    run: Path,
    out: Path | None,
    threads: int | None,
    force: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train one of the best configurations of the search in RUN again and save the model.

    Prints its scores on the validation and the test part; the test part is used here only, and
    nothing is trained on it without --all-rows.
    Under mpirun all ranks train together: mpirun -n 4 agebo-hpc retrain RUN
    """
    from agebo_hpc.execution.mpi.rank_group import join_rank_group
    from agebo_hpc.models.choice import RetrainOptions, choose
    from agebo_hpc.versions import installed_versions

    changes["seeds"] = changes["seeds"] or ()
    options = RetrainOptions(**changes, versions=installed_versions())
    rank_group = join_rank_group()
    name = "evaluation_{id}" + (f"_folds_{options.folds}" if options.folds else "")
    [chosen], place = rank_group.first(
        lambda: _with_place([choose(run, options.rank)], out, name, force)
    )
    dataset, options = _get_ready(rank_group, chosen, options, threads)
    from agebo_hpc.models.bundle import save_model

    if not as_json and not rank_group.rank:
        click.echo(
            f"Training evaluation {chosen.result.id} (rank {chosen.rank}, "
            f"{_objective(chosen)} in the search) on "
            f"{dataset.name}{_together(rank_group, options)} ..."
        )
    _warn_of_choice(chosen, rank_group.rank)
    began = time.perf_counter()
    model = (_train_folds if options.folds else _train)(chosen, dataset, options, rank_group)
    if model is None:
        return
    save_model(model, place, force)
    report_training(model, place, time.perf_counter() - began, as_json, _baselines(chosen))


def _train(
    chosen: Chosen, dataset: DataSet, options: RetrainOptions, rank_group: RankGroup
) -> Model | None:
    """Return the model on the first rank, None on the others. Collective over the group."""
    from agebo_hpc.models.retraining import make_model, train_seeds

    trainings = train_seeds(chosen, dataset, options, rank_group.comm)
    if rank_group.rank:
        return None
    return make_model(chosen, dataset, options, trainings, rank_group.size)


def _train_folds(
    chosen: Chosen, dataset: DataSet, options: RetrainOptions, rank_group: RankGroup
) -> Model | None:
    """Return the model of all folds as `_train` does. Collective over the group."""
    from agebo_hpc.models.folds import make_folds, make_model_of_folds, train_folds

    seed = chosen.seed if options.seed is None else options.seed
    folds = rank_group.agree(lambda: make_folds(dataset, int(options.folds or 0), seed))
    trainings = train_folds(chosen, folds, options, rank_group.comm)
    if rank_group.rank:
        return None
    return make_model_of_folds(chosen, folds, options, trainings, rank_group.size)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Directory to make.  [default: RUN/models/ensemble_<size>]",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many of the best configurations are trained to choose from.",
)
@_EPOCHS
@_SEED
@_THRESHOLD
@_COST
@_DATA
@THREADS
@record_options([OPTIONS["data_parallel"]])
@FORCE
@JSON
def ensemble(
    run: Path,
    out: Path | None,
    size: int,
    threads: int | None,
    force: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train the best configurations of the search in RUN and save an ensemble of them.

    The members are chosen greedily, with replacement, on the validation part. Prints the scores
    and the speed of the ensemble beside those of its best single network. Under mpirun all ranks
    train together.
    """
    from agebo_hpc.execution.mpi.rank_group import join_rank_group
    from agebo_hpc.models.choice import RetrainOptions, choose_best
    from agebo_hpc.versions import installed_versions

    options = RetrainOptions(**changes, versions=installed_versions())
    rank_group = join_rank_group()
    found, place = rank_group.first(
        lambda: _with_place(choose_best(run, size, "--size"), out, f"ensemble_{size}", force)
    )
    dataset, options = _get_ready(rank_group, found[0], options, threads)
    from agebo_hpc.models.bundle import save_model
    from agebo_hpc.models.ensemble import make_ensemble, train_candidates

    began = time.perf_counter()
    if not as_json and not rank_group.rank:
        click.echo(
            f"Training {size} networks on {dataset.name}{_together(rank_group, options)} ..."
        )
    # The ensemble decides as a whole.
    each = replace(options, threshold=None, cost=None)
    candidates = train_candidates(
        found, dataset, each, rank_group.comm, rank_group.size, score=False
    )
    if rank_group.rank:
        return
    model = make_ensemble(candidates, dataset, found[0], options)
    save_model(model, place, force)
    measured = _baselines(found[0])
    report_training(model, place, time.perf_counter() - began, as_json, measured)


def _objective(chosen: Chosen) -> str:
    from agebo_hpc.metrics.table import said

    told = said(str(chosen.problem.get("metric", "")), float(chosen.result.objective or 0.0))
    return told if " " in told else f"objective {told}"


def _warn_of_choice(chosen: Chosen, rank: int) -> None:
    said = said_of(chosen.result.predicts_one)
    if said and not rank:
        which = f"evaluation {chosen.result.id} (rank {chosen.rank})"
        click.echo(f"warning: in the search {which} {said} of the validation part", err=True)


def _baselines(chosen: Chosen) -> Baselines | None:
    from agebo_hpc.baselines.record import baselines_of

    return baselines_of(chosen.run, chosen.problem)


def _with_place(
    found: list[Chosen], out: Path | None, name: str, force: bool
) -> tuple[list[Chosen], Path]:
    """Return what is trained, and where its model goes, which is checked before the training."""
    from agebo_hpc.models.places import check_model_place, place_in_run

    first = found[0]
    place = out or place_in_run(first.run, name.format(id=first.result.id))
    check_model_place(place, force)
    return found, place


def _get_ready(
    rank_group: RankGroup, chosen: Chosen, options: RetrainOptions, threads: int | None
) -> tuple[DataSet, RetrainOptions]:
    """Open the data and set TensorFlow up on all ranks; options say how gradients are summed."""
    from agebo_hpc.models.choice import check_calibration, open_data

    dataset = rank_group.agree(lambda: open_data(chosen, options.data, rank_group.local_rank == 0))
    rank_group.agree(lambda: check_calibration(options, dataset))
    remark(dataset, rank_group.rank)
    from agebo_hpc.training.environment import prepare_environment
    from agebo_hpc.training.preload import load_for_models
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    threads = threads or rank_group.cores
    prepare_environment(threads)
    load_for_models()
    configure_tensorflow(Slot(threads, rank_group.local_rank, rank_group.size > 1))
    from agebo_hpc.models.against_baselines import measure_missing

    rank_group.first(lambda: measure_missing(chosen, dataset))
    way = rank_group.way(options.data_parallel or "auto").name
    return dataset, replace(options, data_parallel=way)


def _together(rank_group: RankGroup, options: RetrainOptions) -> str:
    way = WAYS[str(options.data_parallel)]
    return f" with {rank_group.size} ranks, by {way}" if rank_group.size > 1 else ""
