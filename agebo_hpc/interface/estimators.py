"""The scikit-learn estimators: a table in, a network that was searched for it out."""

from __future__ import annotations

from inspect import Parameter, signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from agebo_hpc.data.splitting.arrays import SplitArrays
from agebo_hpc.errors import (
    ConfigurationError,
    DataError,
    InputMissingError,
    LaunchError,
    TooManyFailuresError,
    UsageError,
)
from agebo_hpc.interface.archive import unpacked
from agebo_hpc.interface.class_weights import coded_weights
from agebo_hpc.interface.decisions import decision_of
from agebo_hpc.interface.fitting import TARGET, WEIGHT, Wanted, fit
from agebo_hpc.interface.own_words import in_own_words
from agebo_hpc.interface.parameters import SPELLINGS, options_of_search, with_parameters
from agebo_hpc.interface.problems import problem_reference
from agebo_hpc.interface.reports import report_of_fit
from agebo_hpc.interface.splits import split_arrays
from agebo_hpc.interface.tables import frame_of, target_of, weights_of
from agebo_hpc.models.best_of_many import interval_of_search
from agebo_hpc.models.rare_classes import repeat_rare
from agebo_hpc.reporter import WarningReporter, on_standard_error
from agebo_hpc.run.keywords import read_keywords
from agebo_hpc.run.options import OPTIONS


class _AgEBO(BaseEstimator):  # type: ignore[misc]
    """What both estimators do: prepare, search, train again, keep the model."""

    _task = ""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = False
        return tags

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a pickled state; parameters that are younger than it have their defaults."""
        names = signature(type(self).__init__).parameters.values()
        defaults = {p.name: p.default for p in names if p.default is not Parameter.empty}
        super().__setstate__({**defaults, **state})

    def _fit(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any],
        weights: NDArray[np.float64] | None,
        arrays: SplitArrays | None,
        **options: Any,
    ) -> None:
        """Do it all; `options` go before those of the parameters."""
        from agebo_hpc.execution.mpi.rank_group import join_rank_group

        try:
            self._check_parameters()
            decision = self._decision()
            frame = self._with_values(frame)
            rank_group = join_rank_group()
            seed = rank_group.first(
                lambda: int(check_random_state(self.random_state).randint(2**31 - 1))
            )
            with TemporaryDirectory(prefix="agebo_hpc_", dir=self.directory) as own:
                # All ranks work in the directory of the first.
                home = Path(rank_group.first(lambda: own))
                asked = {**options_of_search(self.get_params(deep=False)), **options}
                asked["problem"] = problem_reference(asked["problem"], home / "problem.json")
                more = {TARGET: y} if weights is None else {TARGET: y, WEIGHT: weights}
                wanted = Wanted(
                    frame.assign(**more),
                    self._task,
                    read_keywords(asked, OPTIONS, SPELLINGS),
                    self.validation_fraction,
                    self.include_validation,
                    self.ensemble_size,
                    on_standard_error() if self.verbose else WarningReporter(),
                    arrays,
                    decision,
                )
                found = fit(wanted, home, seed, rank_group)
                rank_group.agree(lambda: None)  # nobody leaves while another one reads
        except (DataError, UsageError, ConfigurationError, InputMissingError) as error:
            raise ValueError(in_own_words(str(error), TARGET)) from error
        except (LaunchError, TooManyFailuresError) as error:
            raise type(error)(in_own_words(str(error), TARGET)) from error
        self.model_, self.history_ = found.model, found.history
        self.best_score_, self.baselines_ = found.best_score, dict(found.baselines)
        self.score_interval_ = interval_of_search(found.model.description)
        self._run = found.run

    def _split_of(self, y: NDArray[Any], groups: Any, times: Any) -> SplitArrays | None:
        try:
            return split_arrays(self.cv, groups, times, y, self._task == "classification")
        except (DataError, UsageError) as error:
            raise ValueError(in_own_words(str(error), TARGET)) from error

    def _with_values(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Leave out columns without any value: one may be empty in one fold of several."""
        self._columns = tuple(frame.columns)
        some = frame.notna().any(axis=0)
        if not some.any():
            raise UsageError("X has no value in any column; give at least one that varies.")
        return frame.loc[:, some]

    def _check_parameters(self) -> None:
        if not 0 < self.validation_fraction < 1:
            raise UsageError(
                f"validation_fraction is {self.validation_fraction}; give more than 0 and less "
                "than 1."
            )
        if self.ensemble_size < 1:
            raise UsageError(f"ensemble_size is {self.ensemble_size}; give 1 or more.")
        if self.ensemble_size > 1 and self.include_validation:
            raise UsageError(
                "An ensemble is chosen on the validation rows; give ensemble_size=1 or "
                "include_validation=False."
            )

    def _decision(self) -> dict[str, Any]:
        """Return how the model decides between classes; nothing: there are none."""
        return {}

    def report(self, directory: str | Path) -> Path:
        """Write the report of the search into a directory; return the path of its page.

        Parameters
        ----------
        directory
            Directory for ``report.html``, figures and tables; made where needed.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        with unpacked(self._run, type(self).__name__) as run:
            return report_of_fit(run, self.model_, directory)

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        frame = frame_of(self, X, reset=False)
        try:
            return self.model_.outputs(self.model_.preprocessing.transform(frame))
        except DataError as error:
            raise ValueError(in_own_words(str(error), TARGET)) from error


@with_parameters
class AgEBOClassifier(ClassifierMixin, _AgEBO):  # type: ignore[misc]
    """A classifier whose network and training are searched together.

    `fit` prepares the rows, searches, trains the best configuration again and keeps the model.
    In a program that was started with ``mpirun -n N``, every rank calls `fit` with the same
    rows, the ranks search together, and every rank has the model then.

    The search ends after `max_evals` trainings or `time_budget` seconds, whichever of the two is
    given; of both, whichever comes first; without either, after 20 trainings. One training at
    least is finished in any case, and training the best one again comes after.

    Parameters
    ----------
    <options>
    cv
        What divides the rows into those that train and those that networks are compared on, as in
        scikit-learn: a splitter (such as ``TimeSeriesSplit()``), a number of folds, or
        ``[(train, validation)]`` with positions of rows. Of several splits the last counts: a
        search compares on one. None: `groups` and `times` of `fit`, or chance.
    validation_fraction
        Share of the rows that the search compares networks on, between 0 and 1; not used with
        `cv`.
    include_validation
        Train the best configuration on these rows too.
    ensemble_size
        1: one network; more: an ensemble chosen among so many of the best.
    threshold
        Of two classes, predict the second, in the order of `classes_`, from this probability on,
        or from where the metric of this name, such as ``"f1"``, is best on the validation rows.
        None: the most probable class is predicted.
    cost
        What it costs to predict the second class wrongly, and to miss it, such as ``(1, 20)``: the
        threshold is where the mean cost of the validation rows is least. None: see `threshold`.
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
        The `Model`, with its scores on the validation rows; `agebo_hpc.save_model` writes it to
        a directory.
    best_score_
        The metric of the best evaluation of the search, on the validation rows.
    score_interval_
        Lower and upper end of the 95 % interval of this metric for `model_`, on the same rows and
        the larger the better; None: it has none, as where it was trained on these rows.
    history_
        One row for each finished evaluation, a pandas data frame; see `agebo_hpc.read_history`.
    baselines_
        What simple models reach on the same rows with the same metric, by name (``constant``,
        ``linear``, ``boosting``); those that were measured.
    classes_
        Labels, ndarray of shape (classes,).
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    The parameters of a search are those of the command line, by their names there, so that
    ``docs/options.rst`` describes them too. `class_weight` may also be a dictionary from labels to
    numbers, those that it lacks have 1, and `problem` a `Problem`.

    Arrays hold numbers; a pandas data frame may hold text, dates and missing cells too. The rows
    of a class with fewer than two are repeated until it has two, where chance divides the rows.
    """

    _task = "classification"
    _own_parameters: ClassVar[dict[str, Any]] = {"threshold": None, "cost": None}

    def _decision(self) -> dict[str, Any]:
        from agebo_hpc.models.choice import RetrainOptions

        found = decision_of(self.threshold, self.cost)
        # It refuses what contradicts itself, before anything is searched.
        RetrainOptions(include_validation=self.include_validation, **found)
        return found

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, times: Any = None
    ) -> AgEBOClassifier:
        """Search a network for a table. Collective over the world under ``mpirun``.

        Parameters
        ----------
        X
            Data frame or array, shape (rows, columns).
        y
            Labels, shape (rows,).
        sample_weight
            What each row counts in training and in scores, shape (rows,), >= 0; None: all alike.
        groups
            Group of each row, shape (rows,): no group is in the training and in the validation
            rows. It goes to the splitter of `cv` too. None: rows do not belong together.
        times
            Time of each row: dates, numbers or text that is read as such, shape (rows,); or
            several columns, shape (rows, columns) or a data frame, of which the first counts
            most. The oldest rows train, the newest compare networks, and rows of one time stay
            together. With `groups`, one that has rows on both sides keeps those of one. With
            `cv`, rows that train must be older than those that compare. None: rows have no times.

        Raises
        ------
        ValueError
            If the table or a parameter cannot be used.
        """
        frame = frame_of(self, X, reset=True)
        y = target_of(y, len(frame), numeric=False)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_[0]!r}; at least 2 are needed.")
        weights = coded_weights(self.class_weight, self.classes_)
        counts = weights_of(sample_weight, frame)
        arrays = self._split_of(y, groups, times)
        # A row that is there twice must not be on both sides of a split that was asked for.
        rows = repeat_rare(codes) if arrays is None else np.arange(len(y))
        table = frame.iloc[rows].reset_index(drop=True)
        counts = None if counts is None else counts[rows]
        self._fit(table, codes[rows], counts, arrays, class_weights=weights)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return probabilities of shape (rows, classes), float32, in the order of `classes_`."""
        probabilities: NDArray[np.float32] = self._outputs(X).probabilities
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row, shape (rows,), as `model_` decides.

        That is the most probable one, or of two classes the second from the threshold of `model_`
        on, see `Model.with_threshold`.
        """
        predicted = self._outputs(X).predicted
        labels: NDArray[Any] = self.classes_[predicted]
        return labels


@with_parameters
class AgEBORegressor(RegressorMixin, _AgEBO):  # type: ignore[misc]
    """A regressor whose network and training are searched together; see `AgEBOClassifier`.

    Parameters
    ----------
    <options>
    cv, validation_fraction, include_validation, ensemble_size, directory, random_state, verbose
        See `AgEBOClassifier`, as for the attributes.
    """

    _task = "regression"

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, times: Any = None
    ) -> AgEBORegressor:
        """Search a network for a table with numbers y; see `AgEBOClassifier.fit`."""
        frame = frame_of(self, X, reset=True)
        y = target_of(y, len(frame), numeric=True)
        weights, arrays = weights_of(sample_weight, frame), self._split_of(y, groups, times)
        self._fit(frame, np.asarray(y, np.float64), weights, arrays)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted target of each row, shape (rows,), float64."""
        raw = self._outputs(X).raw[:, 0]
        values: NDArray[np.float64] = self.model_.preprocessing.predicted_target(raw)
        return values
