"""The whole way of `fit`, from a table to a model: prepare, search, train the best again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from agebo_hpc.errors import DataError, TooManyFailuresError
from agebo_hpc.interface.archive import pack
from agebo_hpc.interface.tensorflow import start_tensorflow
from agebo_hpc.reporter import Reporter

if TYPE_CHECKING:
    from agebo_hpc.data.dataset import DataSet
    from agebo_hpc.data.splitting.arrays import SplitArrays
    from agebo_hpc.execution.mpi.rank_group import RankGroup
    from agebo_hpc.models.bundle import Model
    from agebo_hpc.run.request import SearchRequest

TARGET = "target of the estimator"
WEIGHT = "sample_weight of the estimator"
USUAL_EVALS = 20
"""Trainings where neither their number nor a time is given."""
SPLITS, FEW_ROWS = 50, 200
"""How many splits are tried of a table of few rows, and how many rows are few."""


@dataclass(frozen=True)
class Wanted:
    """What `fit` is asked for.

    Attributes
    ----------
    table
        Features, the target as the column `TARGET`, and what rows count as `WEIGHT`, if there.
    task
        ``"classification"`` or ``"regression"``.
    options
        Options of the search, checked.
    validation_fraction
        Share of the rows that networks are compared on.
    include_validation
        Whether the best configuration is trained on these rows too.
    ensemble_size
        Configurations that are trained again.
    reporter
        Tells how it goes.
    arrays
        What decides which rows networks are compared on; None: chance.
    decision
        ``threshold`` and ``cost`` of `agebo_hpc.models.choice.RetrainOptions`; none: the most
        probable class is predicted.
    """

    table: pd.DataFrame
    task: str
    options: Mapping[str, Any]
    validation_fraction: float
    include_validation: bool
    ensemble_size: int
    reporter: Reporter
    arrays: SplitArrays | None = None
    decision: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What `fit` gives, the same on every rank.

    Attributes
    ----------
    model
        The model, with its scores.
    history
        One row for each finished evaluation.
    best_score
        Objective of the best evaluation of the search.
    baselines
        What simple models reach on the same rows, by name.
    run
        The run directory, packed.
    """

    model: Model
    history: pd.DataFrame
    best_score: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    run: bytes = b""


def fit(wanted: Wanted, home: Path, seed: int, rank_group: RankGroup) -> Found:
    """Do the whole way. Collective over the ranks of `rank_group`.

    Parameters
    ----------
    wanted
        What is asked for.
    home
        Directory for the files of the search, the same for all ranks.
    seed
        Seed of split and search, >= 0.
    rank_group
        All ranks.

    Raises
    ------
    AgeboError
        On all ranks alike.
    """
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.models.decision import check_decision

    data, run = home / "data.h5", home / "run"
    rank_group.first(lambda: prepare(wanted, data, seed))
    if wanted.decision:
        rank_group.agree(lambda: check_decision(**wanted.decision, data=open_dataset(data)))
    _search(_request(wanted, data, run, seed, rank_group), wanted.reporter, rank_group)
    # The rank that managed has not loaded it, those that trained have.
    rank_group.agree(lambda: _load_tensorflow(_threads(wanted), rank_group))
    dataset = rank_group.agree(lambda: open_dataset(data))
    model = _train(wanted, run, dataset, rank_group)
    return rank_group.first(lambda: _found(model, run))


def prepare(wanted: Wanted, data: Path, seed: int) -> None:
    """Write the prepared data set; of few rows a split may leave a part without variety."""
    from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset

    task: Any = wanted.task
    rows, share = len(wanted.table), wanted.validation_fraction
    reason = DataError("The validation rows have the same target in every split; give more.")
    # Nothing looks at a test part here.
    split = (1 - share, share, 0.0)
    weight = WEIGHT if WEIGHT in wanted.table else ""
    asked = PrepareOptions(name="fit", task=task, split=split, weight=weight, force=True)
    for attempt in range(SPLITS):
        options = replace(asked, seed=(seed + attempt) % 2**31)
        try:
            made = prepare_dataset(wanted.table, TARGET, data, options, arrays=wanted.arrays)
        except DataError as error:
            reason = error
            if rows > FEW_ROWS or wanted.arrays is not None:
                break
            continue
        if made.validation.y.min() < made.validation.y.max():
            return
    raise reason


def _load_tensorflow(threads: int | None, rank_group: RankGroup) -> None:
    """Set TensorFlow up where it is not loaded yet. Local."""
    if "tensorflow" not in sys.modules:
        start_tensorflow(threads, rank_group)


def _threads(wanted: Wanted) -> int | None:
    threads: int | None = wanted.options.get("threads_per_slot")
    return threads


def _request(
    wanted: Wanted, data: Path, run: Path, seed: int, rank_group: RankGroup
) -> SearchRequest:
    from agebo_hpc.run.request import SearchRequest

    options = dict(wanted.options)
    if not {"max_evals", "max_time"} & set(options):
        options["max_evals"] = USUAL_EVALS
    executor = "mpi" if rank_group.size > 1 else "serial"
    return rank_group.agree(
        lambda: SearchRequest(
            **{**options, "data": str(data), "out": str(run)}, executor=executor, seed=seed
        )
    )


def _search(request: SearchRequest, reporter: Reporter, rank_group: RankGroup) -> None:
    """Search, until one evaluation at least is done."""
    from agebo_hpc.interface.searching import run_session
    from agebo_hpc.run.resumption import stored_request
    from agebo_hpc.run.session import Session
    from agebo_hpc.space.configuration import Status
    from agebo_hpc.storage.reader import read_replay
    from agebo_hpc.storage.run_directory import RunDirectory

    if rank_group.size == 1:
        start_tensorflow(request.threads_per_slot, rank_group)
    # Where all fail, one more is tried below before that is the end.
    with suppress(TooManyFailuresError):
        run_session(rank_group, lambda: Session(request, reporter))
    run = Path(request.out)
    ends = rank_group.first(lambda: [result.status for result in read_replay(run).results])
    if Status.DONE in ends:
        return
    # The time was too short for one training, or all diverged: one more, in its time.
    epochs = rank_group.first(lambda: stored_request(RunDirectory.open(run)).epochs)
    one = replace(request, max_evals=1 + len(ends), max_time=None, epochs=epochs)
    run_session(rank_group, lambda: Session(one, reporter, RunDirectory.open(run)))


def _train(wanted: Wanted, run: Path, dataset: DataSet, rank_group: RankGroup) -> Model:
    from agebo_hpc.models.against_baselines import measure_missing
    from agebo_hpc.models.choice import RetrainOptions, choose_best, recoded
    from agebo_hpc.models.ensemble import make_ensemble, train_candidates
    from agebo_hpc.models.retraining import compared, with_scores
    from agebo_hpc.versions import installed_versions

    options = RetrainOptions(
        include_validation=wanted.include_validation,
        versions=installed_versions(),
        data_parallel=rank_group.way(wanted.options.get("data_parallel", "auto")).name,
    )
    size = wanted.ensemble_size
    found = rank_group.first(lambda: choose_best(run, size, "ensemble_size"))
    decision = replace(options, **wanted.decision)
    # An ensemble decides as a whole.
    each = decision if size == 1 else options
    dataset = recoded(found[0], dataset)
    rank_group.first(lambda: measure_missing(found[0], dataset))
    models = train_candidates(found, dataset, each, rank_group.comm, rank_group.size, score=False)

    def finish() -> Model:
        if size > 1:
            return make_ensemble(models, dataset, found[0], decision)
        return compared(with_scores(models[0], dataset), dataset, found[0])

    return rank_group.first(finish)


def _found(model: Model, run: Path) -> Found:
    from agebo_hpc.baselines.record import read_baselines
    from agebo_hpc.models.choice import choose
    from agebo_hpc.storage.reader import read_history

    measured = read_baselines(run)
    return Found(
        model,
        read_history(run),
        float(choose(run).result.objective or 0.0),
        {} if measured is None else measured.scores,
        pack(run),
    )
