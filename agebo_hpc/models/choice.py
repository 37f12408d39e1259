"""Which configuration of a run is trained again, on which data, and what may be changed.

Knows no TensorFlow: a mistake in what is asked is told before it is loaded.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agebo_hpc.data.dataset import DataSet, open_dataset
from agebo_hpc.data.splits import PARTS
from agebo_hpc.errors import ConfigurationError, DataError, InputMissingError, UsageError
from agebo_hpc.models.decision import check_decision, fixed
from agebo_hpc.space.configuration import Configuration, Result, Status
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.text import counted


@dataclass(frozen=True)
class RetrainOptions:
    """What a retraining may change.

    Attributes
    ----------
    rank
        Place in the table of the best evaluations, from 1.
    epochs
        None: as many as the search trained, or those of a training in full where it had too
        little time for these. The warm-up keeps the length it had in the search.
    include_validation
        Train on the validation rows too. No row is then left to watch, so the rate is not
        reduced on a plateau, training does not stop early, and the last epoch's network is kept.
    all_rows
        Train on the validation and the test rows too, as `include_validation` does: no score is
        left, and the model has none.
    seed
        None: the search's.
    seeds
        Train once with each of these instead, and keep the network that does best on the
        validation part; the first one where that part is trained on. Empty: `seed` alone.
    folds
        K: train on all training and validation rows but those of a fold, for each of K folds,
        and keep the mean of the K networks. None: train once.
    calibrate
        Fit a temperature of the probabilities on the validation rows, see
        `agebo_hpc.models.calibration`.
    threshold, cost
        How the threshold between two classes is chosen on the validation rows, see
        `agebo_hpc.models.decision.decide`. None: the most probable class is predicted.
    data
        The prepared data set; None: where the search found it. It must be the same data.
    versions
        Versions of the installed packages, which the model notes.
    data_parallel
        How several ranks sum their gradients, one of `agebo_hpc.training.ways.CHOICES`; one of
        `WAYS` when it comes to the training. None: ``auto``.
    """

    rank: int = 1
    epochs: int | None = None
    include_validation: bool = False
    all_rows: bool = False
    seed: int | None = None
    seeds: tuple[int, ...] = ()
    folds: int | None = None
    calibrate: bool = False
    threshold: str | None = None
    cost: tuple[float, float] | None = None
    data: str | Path | None = None
    versions: Mapping[str, Any] | None = None
    data_parallel: str | None = None

    def __post_init__(self) -> None:
        for name in ("rank", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} is {value}; give 1 or more.")
        if self.seed is not None and self.seed < 0:
            raise UsageError(f"--seed is {self.seed}; give 0 or more.")
        if any(seed < 0 for seed in self.seeds):
            raise UsageError(f"--seeds has {min(self.seeds)}; give numbers of 0 or more.")
        if self.seeds and self.seed is not None:
            raise UsageError("--seed and --seeds are both given; give one of them.")
        if self.seeds and self.all_rows:
            raise UsageError(
                "--seeds compares networks by scores, and --all-rows leaves none; give --seed."
            )

        self._check_decision()
        if self.folds is not None:
            self._check_folds(self.folds)

    def _check_decision(self) -> None:
        if self.threshold is not None and self.cost is not None:
            raise UsageError("--threshold and --cost are both given; give one of them.")
        if self.cost is not None and not all(math.isfinite(c) and c > 0 for c in self.cost):
            given = ",".join(f"{c:g}" for c in self.cost)
            raise UsageError(f"--cost is {given}; give two numbers above 0, as in 1,20.")
        if self.threshold is not None and self.folds is not None:
            raise UsageError("--threshold and --folds are both given; give one of them.")
        needs = {
            "--calibrate": self.calibrate,
            "--threshold": self.threshold is not None and fixed(self.threshold) is None,
            "--cost": self.cost is not None,
        }
        for name, needs_rows in needs.items():
            if needs_rows:
                self._check_rows_for(name)

    def _check_rows_for(self, option: str) -> None:
        others = {
            "--include-validation": self.include_validation,
            "--all-rows": self.all_rows,
            "--folds": self.folds is not None,
        }
        given = [name for name, is_given in others.items() if is_given]
        if given:
            raise UsageError(
                f"{option} needs validation rows that are not trained on, and {given[0]} "
                "trains on them; leave out one of them."
            )

    def _check_folds(self, folds: int) -> None:
        if folds < 2:
            raise UsageError(f"--folds is {folds}; give 2 or more.")
        others = {
            "--include-validation": self.include_validation,
            "--all-rows": self.all_rows,
            "--seeds": bool(self.seeds),
        }
        given = [name for name, is_given in others.items() if is_given]
        if given:
            raise UsageError(
                f"--folds and {given[0]} are both given; --folds trains on training and "
                f"validation rows with one seed: leave {given[0]} out."
            )

    @property
    def trained_parts(self) -> tuple[str, ...]:
        """Parts whose rows are trained on."""
        if self.all_rows:
            return PARTS
        return PARTS[:2] if self.include_validation else PARTS[:1]


def check_calibration(options: RetrainOptions, dataset: DataSet) -> None:
    """Raise UsageError if something is asked of classes that a data set does not have."""
    check_decision(options.threshold, options.cost, dataset)
    if options.calibrate and dataset.task != "classification":
        raise UsageError(
            f"--calibrate is for probabilities of classes, but {dataset.path} is a regression; "
            "leave it out."
        )


@dataclass(frozen=True)
class Chosen:
    """A configuration of a run, and what it was found for.

    Attributes
    ----------
    run, rank
        Run directory and rank that it is from.
    result
        Its evaluation in the search.
    problem
        ``[problem]`` of the run's configuration.
    seed
        Seed of the search, >= 0.
    objectives
        Objectives of all evaluations that it was chosen among, the largest first.
    wants_baselines
        Whether the search was to measure simple models.
    """

    run: Path
    rank: int
    result: Result
    problem: Mapping[str, Any]
    seed: int
    objectives: tuple[float, ...] = ()
    wants_baselines: bool = False

    @property
    def configuration(self) -> Configuration:
        """Architecture and hyperparameters."""
        return self.result.evaluation.configuration


def choose(run: str | Path, rank: int = 1) -> Chosen:
    """Return the rank-th best finished evaluation of a run; of equal ones the loss decides.

    Works while the search runs.

    Parameters
    ----------
    run
        The run directory.
    rank
        Rank among the evaluations of the run, from 1, the best.

    Raises
    ------
    InputMissingError
        If there is no such run.
    UsageError
        If it has no finished evaluation, or fewer than `rank`.
    ConfigurationError
        If its configuration does not say what was searched, or names a trainer of its own.
    """
    return choose_best(run, rank)[rank - 1]


def choose_best(run: str | Path, count: int, named: str = "--rank") -> list[Chosen]:
    """Return the best finished evaluations of a run, best first; see `choose`.

    Parameters
    ----------
    run
        The run directory.
    count
        Number of networks, >= 1.
    named
        The option that asked for so many.
    """
    directory = RunDirectory.open(run)
    problem = directory.config.get("problem", {})
    if not {"architecture", "recipe", "objective"} <= set(problem):
        raise ConfigurationError(
            f"{directory.path}/config.toml has no complete [problem]; it was not written by "
            f"`agebo-hpc search`."
        )
    trainer = problem.get("trainer", "tensorflow")
    if trainer != "tensorflow":
        raise ConfigurationError(
            f"The run {str(run)!r} trained with the trainer {trainer}; only networks of the "
            "TensorFlow trainer can be trained again as a model."
        )
    done = sorted(
        (r for r in read_replay(run).results if r.status is Status.DONE and _is_scored(r)),
        key=lambda r: r.place,
    )
    if not done:
        raise UsageError(
            f"The run {str(run)!r} has no finished evaluation; wait for the search, or go on with "
            f"`agebo-hpc resume {shlex.quote(str(run))}`."
        )
    if count > len(done):
        raise UsageError(
            f"{named} is {count}, but the run {str(run)!r} has "
            f"{counted(len(done), 'finished evaluation')}; give 1 to {len(done)}."
        )
    seed = int(directory.config.get("search", {}).get("seed", 0))
    objectives = tuple(float(result.objective or 0.0) for result in done)
    asked = directory.config.get("request", {})
    wants = isinstance(asked, Mapping) and asked.get("baselines") is True
    return [
        Chosen(directory.path, rank, result, problem, seed, objectives, wants)
        for rank, result in enumerate(done[:count], start=1)
    ]


def _is_scored(result: Result) -> bool:
    return result.objective is not None and math.isfinite(result.objective)


def open_data(chosen: Chosen, data: str | Path | None = None, verify: bool = True) -> DataSet:
    """Open the data set that a configuration was found on, and check all of it.

    Parameters
    ----------
    chosen
        The chosen configuration.
    data
        Path of the data set now; None: where it was during the search.
    verify
        Whether it is checked; False: another process of this node does so.

    Raises
    ------
    InputMissingError
        If it is not there.
    DataError
        If it is other data, or damaged.
    ConfigurationError
        If the search had no data set.
    """
    path = data or chosen.problem.get("data")
    if path is None:
        raise ConfigurationError(
            f"The search in {str(chosen.run)!r} names no prepared data set; give it with --data."
        )
    try:
        dataset = open_dataset(path, verify)
    except InputMissingError as error:
        if data is not None:
            raise
        raise InputMissingError(
            f"{error} The search used this data set; if it was moved, give it with --data."
        ) from error
    expected = chosen.problem.get("data_fingerprint")
    if expected and dataset.fingerprint != expected:
        raise DataError(
            f"{dataset.path} has the fingerprint {dataset.fingerprint[:12]}..., but the search "
            f"used data with {str(expected)[:12]}...: it was prepared anew or is another set; "
            f"give the file of the search with --data."
        )
    # Now: training may take hours before the last part is used.
    dataset.verify()
    return recoded(chosen, dataset)


def recoded(chosen: Chosen, dataset: DataSet) -> DataSet:
    """Return a search's data set with its target as the networks of the search learn it."""
    stored = chosen.problem.get("recipe", {})
    wanted = {name: stored[name] for name in ("loss", "target_transform") if name in stored}
    return dataset.recoded(Recipe(**wanted).coding)
