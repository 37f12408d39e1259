"""K networks of one configuration, each scored on a fold of rows that it was not trained on.

The folds divide the training and the validation rows; the test rows are untouched. The schedule
is fixed, as where validation rows are trained on: no epoch is chosen by the rows of a fold, so
that its score is of rows that nothing of this training has seen.

Where rows have times, the folds follow each other: of K + 1 blocks in the order of time each but
the first is a fold, predicted by a network that was trained on the blocks before it.
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
from agebo_hpc.data.splitting.by_time import divide_times
from agebo_hpc.data.splitting.by_time_and_group import keep_groups_whole
from agebo_hpc.errors import AgeboError, DataError, NonFiniteLossError
from agebo_hpc.intervals.interval import Interval, interval_of_mean, plain
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.choice import Chosen, RetrainOptions
from agebo_hpc.models.ensemble import join_models
from agebo_hpc.models.evaluation import metrics_of, score
from agebo_hpc.models.retraining import Training, compared, make_plan, unscored, with_scores
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
        Fold of each row, from 0: shape (training rows + validation rows,), in this order. In the
        order of time, -1 is the block that is no fold.
    count
        K.
    in_time
        Whether the rows of a fold are newer than those that it is predicted from.
    seed
        Which of its rows a group keeps that is on both sides of a border in time, >= 0.
    """

    dataset: DataSet
    of_row: NDArray[np.int64]
    count: int
    in_time: bool = False
    seed: int = 0

    def rows_of(self, fold: int, inside: bool) -> Part:
        """Return the rows of a fold, or those that it is predicted from."""
        trains, held = self.sides(fold)
        taken = held if inside else trains
        marks = np.split(taken, [len(self.dataset.train.y)])
        found: dict[str, Any] = {}
        for name in (field.name for field in fields(Part)):
            arrays = [getattr(part, name) for part in self._parts]
            if arrays[0] is not None:
                kept = [array[mark] for array, mark in zip(arrays, marks, strict=True)]
                found[name] = np.concatenate(kept)
        return Part(**found)

    def weight_of(self, fold: int) -> int:
        """Return how much a network counts: in time, as many blocks as it was trained on."""
        return fold + 1 if self.in_time else 1

    def sides(self, fold: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows train, and which are held."""
        held = self.of_row == fold
        if not self.in_time:
            return ~held, held
        trains = self.of_row < fold
        if self._parts[0].groups is not None:
            trains, held = self._of_other_groups(trains, held)
        return trains, held

    def _of_other_groups(
        self, trains: NDArray[np.bool_], held: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Leave out rows of groups that are on both sides."""
        used = np.flatnonzero(trains | held)
        found = _joined(self._parts, "groups")[used]
        _, groups = np.unique(found, return_inverse=True)
        classes = classes_of(_joined(self._parts, "y"))[used]
        spans = held[used].astype(np.int64)
        shares = (1 - spans.mean(), spans.mean())
        kept = keep_groups_whole(spans, groups.reshape(-1), classes, shares, self.seed)
        sides = [np.zeros(len(held), bool) for _ in shares]
        for number, side in enumerate(sides):
            side[used[kept == number]] = True
        return sides[0], sides[1]

    @property
    def _parts(self) -> list[Part]:
        return [getattr(self.dataset, name) for name in DIVIDED]


def _joined(parts: Sequence[Part], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(part, name) for part in parts])


def make_folds(dataset: DataSet, count: int, seed: int) -> Folds:
    """Divide the training and the validation rows.

    The rows of each class are dealt one fold after the other, and groups of rows as a whole. Where
    rows have times, folds follow each other in time; a group then is on one side of each border.

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
    DataError
        If there are too few rows, groups or times, or the file keeps no times.
    """
    parts = [getattr(dataset, name) for name in DIVIDED]
    classes = classes_of(_joined(parts, "y"))
    if len(classes) < 2 * count:
        raise DataError(
            f"--folds is {count}, but there are {len(classes)} training and validation rows; give "
            f"{len(classes) // 2} at most."
        )
    if dataset.split.first:
        return _in_time(dataset, count, seed)
    if parts[0].groups is None:
        return Folds(dataset, _deal(classes, count, seed), count)
    names, groups = np.unique(_joined(parts, "groups"), return_inverse=True)
    if len(names) < count:
        raise DataError(
            f"--folds is {count}, but the training and validation rows are in {len(names)} groups "
            f"and no group may be on two sides; give {len(names)} at most."
        )
    shares = [1 / count] * count
    of_group = divide_groups(groups.reshape(-1), classes, shares, seed, False)
    return Folds(dataset, of_group[groups.reshape(-1)], count)


def _in_time(dataset: DataSet, count: int, seed: int) -> Folds:
    """Return folds that follow each other in time."""
    parts = [getattr(dataset, name) for name in DIVIDED]
    if parts[0].times is None:
        raise DataError(
            f"--folds is {count}, but {dataset.path} is split by time and does not keep the times "
            f"of its rows: prepare it again with this version, or use --seeds."
        )
    times = _joined(parts, "times")
    number = len(np.unique(times))
    if number <= count:
        raise DataError(
            f"--folds is {count}, but the training and validation rows have {number} different "
            f"times, and a block of rows comes before the first fold; give {number - 1} at most."
        )
    blocks = divide_times(times, [1 / (count + 1)] * (count + 1), "--folds")
    folds = Folds(dataset, blocks - 1, count, True, seed)
    for fold in range(count):
        trains, held = map(np.count_nonzero, folds.sides(fold))
        if min(trains, held) < 2:
            raise DataError(
                f"--folds is {count}, but fold {fold + 1} would have {held} rows and {trains} "
                f"older rows of other groups to train on; give a smaller number of folds, or use "
                f"--seeds."
            )
    return folds


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
        The mean of the K networks, in time weighted by the blocks that they were trained on.
        ``scores["folds"]`` has the mean of the folds' scores, its intervals, the deviation over
        folds, and the scores of each.
    """
    dataset = folds.dataset
    models = [unscored(chosen, dataset, fixed(options), t, num_ranks) for t in trainings]
    each = [_scores_of(model, folds.rows_of(fold, True)) for fold, model in enumerate(models)]
    noted = {"include_validation": True, "folds": folds.count}
    kept = [(model, folds.weight_of(fold)) for fold, model in enumerate(models)]
    joined = with_scores(join_models(kept, noted), dataset)
    ensemble = compared(joined, dataset, chosen)
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
