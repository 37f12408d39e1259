"""X and y of scikit-learn as tables of named columns, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

MIN_ROWS = 2


def frame_of(estimator: Any, X: Any, reset: bool) -> pd.DataFrame:
    """Return the features as a table with names; tables hold anything, and so do arrays then.

    An array that is predicted after `fit` to a table has the table's columns in their order.

    Parameters
    ----------
    estimator
        The estimator; with ``reset`` it learns the columns.
    X
        Data frame or array of shape (rows, columns).
    reset
        Whether it is fitted.

    Raises
    ------
    ValueError
        In scikit-learn's words, if X is no table, or another one than was fitted to.
    """
    if reset:
        estimator._was_table = isinstance(X, pd.DataFrame)
    if isinstance(X, pd.DataFrame):
        return _named(estimator, X, reset)
    was_table = getattr(estimator, "_was_table", False)
    array = validate_data(
        estimator,
        X,
        reset=reset,
        dtype="numeric" if reset or not was_table else None,
        ensure_all_finite="allow-nan",
        ensure_min_samples=MIN_ROWS if reset else 1,
    )
    names = [f"x{i}" for i in range(array.shape[1])] if reset else names_of(estimator)
    return pd.DataFrame(array, columns=names).infer_objects()


def _named(estimator: Any, X: pd.DataFrame, reset: bool) -> pd.DataFrame:
    if not len(X) or not len(X.columns):
        raise ValueError(
            f"Found array with {len(X)} sample(s) and {len(X.columns)} feature(s) "
            f"(shape={X.shape}) while a minimum of 1 is required."
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    named = X.rename(columns=str).reset_index(drop=True)
    if reset or set(names_of(estimator)) <= set(named.columns):
        return named
    # Fitted to an array, or under names that are no text: places count.
    return named.set_axis(names_of(estimator), axis=1)


def names_of(estimator: Any) -> list[str]:
    """Return the columns of the table that was prepared; estimators of before kept none."""
    places = [f"x{i}" for i in range(estimator.n_features_in_)]
    usual = getattr(estimator, "feature_names_in_", places)
    return list(getattr(estimator, "_columns", usual))


def target_of(y: Any, rows: int, numeric: bool) -> NDArray[Any]:
    """Return y as an array of shape (rows,).

    Raises
    ------
    ValueError
        In scikit-learn's words, if it is none, or has another length.
    """
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None.")
    kind = "numeric" if numeric else None
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=kind, input_name="y"), warn=True)
    if len(y) != rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{rows}, {len(y)}]"
        )
    return np.asarray(y)


def weights_of(sample_weight: Any, frame: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return what each row counts, shape (rows,); None: all count alike.

    Raises
    ------
    ValueError
        In scikit-learn's words, if there is not one number of 0 or more for each row, or all are
        0.
    """
    if sample_weight is None:
        return None
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight, frame, dtype=np.float64, ensure_non_negative=True
    )
    return weights
