"""The whole way, from a table to a model, as scikit-learn estimators."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from agebo_hpc.errors import (
    ConfigurationError,
    DataError,
    LaunchError,
    TooManyFailuresError,
    UsageError,
)
from agebo_hpc.models.own_words import in_own_words
from agebo_hpc.models.rare_classes import repeat_rare
from agebo_hpc.reporter import WarningReporter, on_standard_error

if TYPE_CHECKING:
    from agebo_hpc.execution.mpi.rank_group import RankGroup
    from agebo_hpc.models.bundle import Model

TARGET = "target of the estimator"
MIN_ROWS = 2
SPLITS, FEW_ROWS = 50, 200
"""How many splits are tried of a table of few rows, and how many rows are few."""


class _AgEBO(BaseEstimator):  # type: ignore[misc]
    """What both estimators do: prepare, search, train again, keep the model."""

    _task = ""

    def __init__(
        self,
        *,
        max_evals: int | None = 20,
        time_budget: float | None = None,
        epochs: int = 20,
        processes: tuple[int, ...] | None = None,
        preset: str = "v1",
        method: str = "agebo",
        validation_fraction: float = 0.25,
        include_validation: bool = False,
        ensemble_size: int = 1,
        threads: int | None = None,
        data_parallel: str = "auto",
        baselines: bool = True,
        directory: str | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.max_evals = max_evals
        self.time_budget = time_budget
        self.epochs = epochs
        self.processes = processes
        self.preset = preset
        self.method = method
        self.validation_fraction = validation_fraction
        self.include_validation = include_validation
        self.ensemble_size = ensemble_size
        self.threads = threads
        self.data_parallel = data_parallel
        self.baselines = baselines
        self.directory = directory
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = False
        return tags

    def _fit(self, frame: pd.DataFrame, y: NDArray[Any]) -> None:
        from agebo_hpc.execution.mpi.rank_group import join_rank_group

        self._check_parameters()
        frame = self._with_values(frame)
        rank_group = join_rank_group()
        seed = rank_group.first(
            lambda: int(check_random_state(self.random_state).randint(2**31 - 1))
        )
        try:
            with TemporaryDirectory(prefix="agebo_hpc_", dir=self.directory) as own:
                # All ranks work in the directory of the first.
                home = Path(rank_group.first(lambda: own))
                self._search_and_train(frame.assign(**{TARGET: y}), home, seed, rank_group)
                rank_group.agree(lambda: None)  # nobody leaves while another one reads
        except (DataError, UsageError) as error:
            raise ValueError(in_own_words(str(error), TARGET)) from error
        except (LaunchError, TooManyFailuresError) as error:
            raise type(error)(in_own_words(str(error), TARGET)) from error

    def _with_values(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Leave out columns without any value: one may be empty in one fold of several."""
        self._columns = tuple(frame.columns)
        some = frame.notna().any(axis=0)
        if not some.any():
            raise ValueError("X has no value in any column; give at least one that varies.")
        return frame.loc[:, some]

    def _check_parameters(self) -> None:
        if self.max_evals is None and self.time_budget is None:
            raise ValueError("max_evals and time_budget are both None; give one of them.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction is {self.validation_fraction}; give more than 0 and less "
                "than 1."
            )
        if self.ensemble_size < 1:
            raise ValueError(f"ensemble_size is {self.ensemble_size}; give 1 or more.")
        if self.ensemble_size > 1 and self.include_validation:
            raise ValueError(
                "An ensemble is chosen on the validation rows; give ensemble_size=1 or "
                "include_validation=False."
            )

    def _search_and_train(
        self, table: pd.DataFrame, home: Path, seed: int, rank_group: RankGroup
    ) -> None:
        from agebo_hpc.baselines.record import read_baselines
        from agebo_hpc.data.dataset import open_dataset
        from agebo_hpc.run.compose import run_search
        from agebo_hpc.run.request import SearchRequest
        from agebo_hpc.run.session import Session
        from agebo_hpc.space.configuration import Status
        from agebo_hpc.storage.reader import read_replay
        from agebo_hpc.storage.run_directory import RunDirectory

        data, run = home / "data.h5", home / "run"
        rank_group.first(lambda: self._prepare(table, data, seed))
        request = SearchRequest(
            data=str(data),
            out=str(run),
            method=self.method,
            preset=self.preset,
            executor="mpi" if rank_group.size > 1 else "serial",
            max_evals=self.max_evals,
            max_time=self.time_budget,
            epochs=self.epochs,
            processes=None if self.processes is None else tuple(self.processes),
            threads_per_slot=self.threads,
            data_parallel=self.data_parallel,
            baselines=self.baselines,
            seed=seed,
        )
        if rank_group.size == 1:
            _start_tensorflow(self.threads or rank_group.cores, rank_group)
        reporter = on_standard_error() if self.verbose else WarningReporter()
        # Where all fail, one more is tried below before that is the end.
        with suppress(TooManyFailuresError):
            rank_group.agree(lambda: run_search(Session(request, reporter)))
        ends = rank_group.first(lambda: [result.status for result in read_replay(run).results])
        if Status.DONE not in ends:
            # The time was too short for one training, or all diverged: one more, in its time.
            one = replace(request, max_evals=1 + len(ends), max_time=None)
            rank_group.agree(lambda: run_search(Session(one, reporter, RunDirectory.open(run))))
        if "tensorflow" not in sys.modules:
            _start_tensorflow(self.threads or rank_group.cores, rank_group)
        dataset = rank_group.agree(lambda: open_dataset(data))
        found = rank_group.first(lambda: read_baselines(run))
        self.baselines_ = {} if found is None else found.scores
        self.model_ = self._train(run, dataset, rank_group)

    def _prepare(self, table: pd.DataFrame, data: Path, seed: int) -> None:
        """Write the prepared data set; of few rows a split may leave a part without variety."""
        from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset

        task: Any = self._task
        reason = DataError("The validation rows have the same target in every split; give more.")
        for attempt in range(SPLITS):
            split, number = self._split(len(table)), (seed + attempt) % 2**31
            options = PrepareOptions(name="fit", task=task, split=split, seed=number, force=True)
            try:
                y = prepare_dataset(table, TARGET, data, options).validation.y
            except DataError as error:
                reason = error
                if len(table) > FEW_ROWS:
                    break
                continue
            if y.min() < y.max():
                return
        raise reason

    def _train(self, run: Path, dataset: Any, rank_group: RankGroup) -> Model:
        from agebo_hpc.models.choice import RetrainOptions, choose_best
        from agebo_hpc.models.ensemble import make_ensemble, train_candidates
        from agebo_hpc.versions import installed_versions

        options = RetrainOptions(
            include_validation=self.include_validation,
            versions=installed_versions(),
            data_parallel=rank_group.way(self.data_parallel).name,
        )
        size = self.ensemble_size
        found = rank_group.first(lambda: choose_best(run, size, "ensemble_size"))
        models = train_candidates(
            found, dataset, options, rank_group.comm, rank_group.size, score=False
        )

        def finish() -> Model:
            return models[0] if size == 1 else make_ensemble(models, dataset)

        return rank_group.first(finish)

    def _split(self, rows: int) -> tuple[float, float, float]:
        # Nothing looks at a test part here: it is as small as a prepared data set allows.
        test = max(0.002, 2.5 / rows)
        validation = self.validation_fraction * (1 - test)
        return 1 - test - validation, validation, test

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """Return the features as a table with names; tables hold anything, and so do arrays then.

        An array that is predicted after `fit` to a table has the table's columns in their order.
        """
        if reset:
            self._was_table = isinstance(X, pd.DataFrame)
        if isinstance(X, pd.DataFrame):
            if not len(X) or not len(X.columns):
                raise ValueError(
                    f"Found array with {len(X)} sample(s) and {len(X.columns)} feature(s) "
                    f"(shape={X.shape}) while a minimum of 1 is required."
                )
            validate_data(self, X, reset=reset, skip_check_array=True)
            named = X.rename(columns=str).reset_index(drop=True)
            if reset or set(self._names) <= set(named.columns):
                return named
            # Fitted to an array, or under names that are no text: places count.
            return named.set_axis(self._names, axis=1)
        array = validate_data(
            self,
            X,
            reset=reset,
            dtype="numeric" if reset or not getattr(self, "_was_table", False) else None,
            ensure_all_finite="allow-nan",
            ensure_min_samples=MIN_ROWS if reset else 1,
        )
        names = [f"x{i}" for i in range(array.shape[1])] if reset else self._names
        return pd.DataFrame(array, columns=names).infer_objects()

    @property
    def _names(self) -> list[str]:
        """Names of the columns of the table that was prepared; estimators of before kept none."""
        usual = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return list(getattr(self, "_columns", usual))

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        try:
            return self.model_.outputs(self.model_.preprocessing.transform(frame))
        except DataError as error:
            raise ValueError(in_own_words(str(error), TARGET)) from error


class AgEBOClassifier(ClassifierMixin, _AgEBO):  # type: ignore[misc]
    """A classifier whose network and training are searched together.

    `fit` prepares the rows, searches, trains the best configuration again and keeps the model.
    In a program that was started with ``mpirun -n N``, every rank calls `fit` with the same
    rows, the ranks search together, and every rank has the model then.

    Parameters
    ----------
    max_evals
        Configurations to train, >= 1; None: as many as `time_budget` allows.
    time_budget
        Seconds of the search, of which one training at least is finished; training the best one
        again comes after. None: no limit.
    epochs
        Epochs of each training, >= 1.
    processes
        Choices of n, the number of ranks of one training; None: those that the ranks can hold.
        Without mpirun only (1,) is possible.
    preset, method
        See ``agebo-hpc search``.
    validation_fraction
        Share of the rows that the search compares networks on, between 0 and 1.
    include_validation
        Train the best configuration on these rows too.
    ensemble_size
        1: one network; more: an ensemble chosen among so many of the best.
    threads
        Cores of a training; None: those there are, divided by the ranks that share them.
    data_parallel
        What sums the gradients of a training on several ranks: ``horovod``, ``mpi`` or ``auto``.
    baselines
        Whether `fit` also measures what a constant, a linear model and boosted trees reach.
    directory
        Directory where files of a search are put while `fit` runs; None: the system's place for
        temporary files. With ranks on several nodes it must be one that all see.
    random_state
        int, NumPy ``RandomState`` or None, as in scikit-learn.
    verbose
        Whether the search tells of its progress on the standard error. Otherwise it only warns,
        by `agebo_hpc.errors.AgeboWarning`, of what may be other than it was meant to be.

    Attributes
    ----------
    model_
        The `Model`; ``agebo_hpc.models.bundle.save_model`` writes it to a directory.
    baselines_
        What simple models reach on the validation rows, by name (``constant``, ``linear``,
        ``boosting``): accuracy, or R^2 of a regression; those that were measured.
    classes_
        Labels, ndarray of shape (classes,).
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Arrays hold numbers; a pandas data frame may hold text, dates and missing cells too. The rows
    of a class with fewer than three are repeated until it has three.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any) -> AgEBOClassifier:
        """Search a network for rows X of shape (rows, columns) with labels y of shape (rows,)."""
        frame, y = _with_target(self, X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_[0]!r}; at least 2 are needed.")
        rows = repeat_rare(codes)
        self._fit(frame.iloc[rows].reset_index(drop=True), codes[rows])
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return probabilities of shape (rows, classes), float32, in the order of `classes_`."""
        probabilities: NDArray[np.float32] = self._outputs(X).probabilities
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row, shape (rows,)."""
        number = self._outputs(X).raw.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[number]
        return labels


class AgEBORegressor(RegressorMixin, _AgEBO):  # type: ignore[misc]
    """A regressor whose network and training are searched together; see `AgEBOClassifier`.

    Parameters
    ----------
    max_evals, time_budget, epochs, processes, preset, method, validation_fraction, \
include_validation, ensemble_size, threads, data_parallel, baselines, directory, random_state, \
verbose
        See `AgEBOClassifier`.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any) -> AgEBORegressor:
        """Search a network for rows X of shape (rows, columns) with numbers y of shape (rows,)."""
        frame, y = _with_target(self, X, y)
        self._fit(frame, np.asarray(y, np.float64))
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted target of each row, shape (rows,), float64."""
        raw = self._outputs(X).raw[:, 0]
        values: NDArray[np.float64] = self.model_.preprocessing.decode_target(raw)
        return values


def _with_target(estimator: _AgEBO, X: Any, y: Any) -> tuple[pd.DataFrame, NDArray[Any]]:
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None.")
    frame = estimator._frame(X, reset=True)
    kind = "numeric" if isinstance(estimator, RegressorMixin) else None
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=kind, input_name="y"), warn=True)
    if len(y) != len(frame):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{len(frame)}, {len(y)}]"
        )
    return frame, y


def _start_tensorflow(threads: int, rank_group: RankGroup) -> None:
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    try:
        configure_tensorflow(Slot(threads, rank_group.local_rank, rank_group.size > 1))
    except RuntimeError as error:
        raise ConfigurationError(
            "TensorFlow already uses other devices in this process; fit before TensorFlow is used."
        ) from error
