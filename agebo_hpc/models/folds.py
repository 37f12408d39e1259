"""K networks of one configuration, each scored on a fold of rows that it was not trained on.

The folds divide the training and the validation rows; the test rows are untouched. The schedule
is fixed, as where validation rows are trained on: no epoch is chosen by the rows of a fold, so
that its score is of rows that nothing of this training has seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.data.dataset import DataSet, Part
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.data.splitting.by_group import classes_of, divide_groups
from agebo_hpc.errors import AgeboError, DataError, NonFiniteLossError, UsageError
from agebo_hpc.intervals.interval import Interval, interval_of_mean, plain
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.ensemble import join_models
from agebo_hpc.models.evaluation import metrics_of, score
from agebo_hpc.models.retraining import Training, make_plan, unscored, with_scores
from agebo_hpc.models.uncertainty import score_intervals
from agebo_hpc.training.data_parallel import start_group
from agebo_hpc.training.engine import train_network
from agebo_hpc.training.rows import Rows

DIVIDED = ("train", "validation")


@dataclass(frozen=True)
class Folds:
    """Which fold each training and validation row is in.

    Attributes
    ----------
    dataset
        Whose rows these are.
    of_row
        Fold of each row, from 0: shape (training rows + validation rows,), in this order.
    count
        K.
    """

    dataset: DataSet
    of_row: NDArray[np.int64]
    count: int

    def rows_of(self, fold: int, inside: bool) -> Part:
        """Return the rows of a fold, or all others."""
        taken = (self.of_row == fold) == inside
        parts = [getattr(self.dataset, name) for name in DIVIDED]
        marks = np.split(taken, [len(parts[0].y)])
        found: dict[str, Any] = {}
        for name in (field.name for field in fields(Part)):
            arrays = [getattr(part, name) for part in parts]
            if arrays[0] is not None:
                kept = [array[mark] for array, mark in zip(arrays, marks, strict=True)]
                found[name] = np.concatenate(kept)
        return Part(**found)


def make_folds(dataset: DataSet, count: int, seed: int) -> Folds:
    """Divide the training and the validation rows.

    The rows of each class are dealt one fold after the other, and groups of rows as a whole.

    Parameters
    ----------
    dataset
        The data set.
    count
        K, >= 2.
    seed
        Of the order in which rows are dealt, >= 0.

    Raises
    ------
    UsageError
        If the rows are split by time, as none of theirs is kept.
    DataError
        If there are too few rows or groups.
    """
    if dataset.split.first:
        column = f" (column {dataset.split.time!r})" if dataset.split.time else ""
        raise UsageError(
            f"--folds is {count}, but {dataset.path} is split by time{column}: each fold would be "
            f"predicted from newer rows. Use --seeds, or prepare the data set without --time."
        )
    parts = [getattr(dataset, name) for name in DIVIDED]
    classes = classes_of(np.concatenate([part.y for part in parts]))
    if len(classes) < 2 * count:
        raise DataError(
            f"--folds is {count}, but there are {len(classes)} training and validation rows; give "
            f"{len(classes) // 2} at most."
        )
    if parts[0].groups is None:
        return Folds(dataset, _deal(classes, count, seed), count)
    names, groups = np.unique(np.concatenate([p.groups for p in parts]), return_inverse=True)
    if len(names) < count:
        raise DataError(
            f"--folds is {count}, but the training and validation rows are in {len(names)} groups "
            f"and no group may be on two sides; give {len(names)} at most."
        )
    shares = [1 / count] * count
    of_group = divide_groups(groups.reshape(-1), classes, shares, seed, False)
    return Folds(dataset, of_group[groups.reshape(-1)], count)


def _deal(classes: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    order = np.random.default_rng(seed).permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    of_row = np.empty(len(classes), np.int64)
    of_row[order] = np.arange(len(classes)) % count
    return of_row


def train_folds(
    chosen: Chosen, folds: Folds, options: RetrainOptions, comm: Any | None = None
) -> list[Training]:
    """Train a configuration without the rows of each fold in turn. Collective over `comm`.

    Parameters
    ----------
    chosen, options
        See `agebo_hpc.models.retraining.retrain`.
    folds
        Rows of each fold.
    comm
        mpi4py communicator of the ranks that share the rows, one fold after the other; None: this
        process alone.

    Returns
    -------
    list
        One for each fold, the same on every rank.

    Raises
    ------
    AgeboError
        On all ranks alike, if the loss of one becomes infinite or not a number.
    """
    plan = make_plan(chosen, folds.dataset, fixed(options))
    trainings = []
    for fold in range(folds.count):
        rows, held = folds.rows_of(fold, False), folds.rows_of(fold, True)
        labels = folds.dataset.class_labels
        counts = None if labels is None else np.bincount(rows.y, minlength=len(labels)).tolist()
        own = replace(plan, class_weights=plan.recipe.weights_of(labels, counts))
        with_codes = bool(plan.graph.num_codes)
        group = start_group(comm, options.data_parallel or "mpi")
        try:
            trained = train_network(own, _rows(rows, with_codes), _rows(held, with_codes), group)
        except NonFiniteLossError as error:
            raise AgeboError(
                f"Evaluation {chosen.result.id} cannot be trained on the rows outside of fold "
                f"{fold + 1} of {folds.count}: {str(error).rstrip('.')}; choose another --rank or "
                f"--seed."
            ) from error
        finally:
            group.stop()
        trainings.append(Training(own, trained))
    return trainings


def fixed(options: RetrainOptions) -> RetrainOptions:
    """Return the options of a training that no rows watch."""
    return replace(options, include_validation=True, folds=None)


def _rows(part: Part, with_codes: bool) -> Rows:
    return Rows.of(**part.arrays(with_codes))


def make_model_of_folds(
    chosen: Chosen,
    folds: Folds,
    options: RetrainOptions,
    trainings: Sequence[Training],
    num_ranks: int = 1,
) -> Model:
    """Return the networks of all folds as one ensemble with its scores. Local.

    Parameters
    ----------
    chosen, folds, options
        See `train_folds`.
    trainings
        What it gave.
    num_ranks
        Number of processes that trained, to be noted.

    Returns
    -------
    Model
        The mean of the K networks. ``scores["folds"]`` has the mean of the folds' scores, its
        intervals, the deviation over folds, and the scores of each.
    """
    dataset = folds.dataset
    models = [unscored(chosen, dataset, fixed(options), t, num_ranks) for t in trainings]
    each = [_scores_of(model, folds.rows_of(fold, True)) for fold, model in enumerate(models)]
    noted = {"include_validation": True, "folds": folds.count}
    ensemble = with_scores(join_models([(model, 1) for model in models], noted), dataset)
    scores = {**ensemble.description.scores, "folds": summary(each)}
    return Model(ensemble.network, replace(ensemble.description, scores=scores))


def _scores_of(model: Model, held: Part) -> dict[str, Any]:
    outputs = model.outputs(network_rows(held, model.takes_codes))
    scores = score(model, outputs, held.y, metrics_of(model.description), held.weights)
    names = list(scores)
    intervals = score_intervals(model, outputs, held.y, names, held.groups, held.weights)
    return {"rows": len(held.y), "scores": scores, "intervals": plain(intervals)}


def summary(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean scores of folds, with their intervals and deviations; see `Folds`.

    A score that a fold lacks has no mean; an interval that one lacks leaves the mean without.
    """
    names = [n for n in each[0]["scores"] if all(f["scores"][n] is not None for f in each)]
    values = {name: [fold["scores"][name] for fold in each] for name in names}
    ends: dict[str, list[Interval]] = {
        name: [fold["intervals"][name] for fold in each]
        for name in names
        if all(name in fold["intervals"] for fold in each)
    }
    return {
        "count": len(each),
        "rows": sum(fold["rows"] for fold in each),
        "scores": {name: float(np.mean(values[name])) for name in names},
        "intervals": plain({n: interval_of_mean(values[n], ends[n]) for n in ends}),
        "deviations": {name: float(np.std(values[name], ddof=1)) for name in names},
        "each": [dict(fold) for fold in each],
    }
