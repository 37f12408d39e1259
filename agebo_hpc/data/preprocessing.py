"""The fitted way from a table to arrays; it travels with the data set and with the model.

Everything is fitted on the training part only. The result is plain data (see `encoders`), never
a pickle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from agebo_hpc.data.codes import CodeColumn, CodeFit, Codes
from agebo_hpc.data.column_reading import read_columns
from agebo_hpc.data.cross_fitting import CrossFitting
from agebo_hpc.data.encoders import (
    DateEncoder,
    Encoder,
    NumericEncoder,
    OneHotEncoder,
    TargetMeanEncoder,
    encoder_for,
    encoder_from_dict,
    encoder_to_dict,
)
from agebo_hpc.data.inputs import WHOLE, Division
from agebo_hpc.data.kinds import Wishes
from agebo_hpc.data.reading import Reading
from agebo_hpc.data.scaling import Features
from agebo_hpc.data.stored import check_stored
from agebo_hpc.data.target import ClassCoding, RealCoding, TargetCoding, Task, target_from_dict
from agebo_hpc.data.training_column import TrainingColumn
from agebo_hpc.errors import DataError

ONE_HOT_LEVELS = 16
Notice = Callable[[Encoder, Any], None]
"""Takes an encoder and what it has read of its column."""
BY_CHANCE = CrossFitting()


@dataclass(frozen=True)
class Preprocessing:
    """What was learnt from the training part: an encoder a column, and the target's coding.

    Attributes
    ----------
    encoders
        One for each column that is used, in the order of the features.
    target
        How the target is coded.
    dropped
        Column -> why it is not used.
    codes
        Columns of codes beside the features, in order; none in data of before format 2, and in
        models whose networks take none.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1.0, 3.0, None, 4.0], "late": ["no", "yes", "no", "yes"]})
    >>> p = Preprocessing.fit(table, "late", task="classification")
    >>> p.transform(table).shape, p.feature_names
    ((4, 2), ('size', 'size is missing'))
    >>> p.decode_target([0, 1]).tolist()
    ['no', 'yes']
    """

    encoders: tuple[Encoder, ...]
    target: TargetCoding
    dropped: Mapping[str, str]
    codes: tuple[CodeColumn, ...] = ()

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        target: str,
        *,
        task: Task,
        categorical: Iterable[str] = (),
        one_hot_levels: int = ONE_HOT_LEVELS,
        seed: int = 42,
    ) -> Preprocessing:
        """Fit to the training part; see `fit_crossfitted` for the parameters."""
        fitted, _ = _fitted(frame, target, task, categorical, one_hot_levels, seed)
        return fitted

    @classmethod
    def fit_transform(
        cls,
        frame: pd.DataFrame,
        target: str,
        *,
        task: Task,
        categorical: Iterable[str] = (),
        one_hot_levels: int = ONE_HOT_LEVELS,
        seed: int = 42,
    ) -> tuple[Preprocessing, Features]:
        """Fit to the training part and return its features with cross-fitted target means.

        Returns
        -------
        preprocessing : Preprocessing
        x : ndarray of shape (rows, num_features), float32
        """
        fitted, crossfitted = _fitted(frame, target, task, categorical, one_hot_levels, seed)
        return fitted, fitted.transform(frame, crossfitted)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that `transform` needs."""
        return tuple(encoder.column for encoder in self.encoders)

    @property
    def category_columns(self) -> tuple[str, ...]:
        """Those of `columns` that a CSV reader should take as text: categories, own notations."""
        return tuple(encoder.column for encoder in self.encoders if not encoder.reading.is_plain)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(name for encoder in self.encoders for name in encoder.features)

    @property
    def task(self) -> Task:
        """``"classification"`` or ``"regression"``."""
        return "classification" if isinstance(self.target, ClassCoding) else "regression"

    def transform(
        self, frame: pd.DataFrame, crossfitted: Mapping[str, Features] | None = None
    ) -> Features:
        """Turn rows of a table into features.

        Parameters
        ----------
        frame
            Has at least `columns`; others are ignored.
        crossfitted
            For training rows, column -> its features of shape (rows, ...), used as they are.

        Returns
        -------
        ndarray of shape (rows, num_features), float32
            The features, all finite.

        Raises
        ------
        DataError
            If a column is missing, or a numeric column holds text.
        """
        return self.encode(frame, crossfitted)[0]

    def encode(
        self,
        frame: pd.DataFrame,
        crossfitted: Mapping[str, Features] | None = None,
        notice: Notice | None = None,
    ) -> tuple[Features, Codes]:
        """Turn rows of a table into features, as `transform` does, and codes.

        What is read of each column is given to `notice`.

        Returns
        -------
        x : ndarray of shape (rows, num_features), float32
        codes : ndarray of shape (rows, len(codes)), int32
        """
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            raise DataError(
                f"The table has no column {', '.join(map(repr, missing))}; all of "
                f"{', '.join(map(repr, self.columns))} are needed: add the missing ones."
            )
        x = np.empty((len(frame), len(self.feature_names)), dtype=np.float32)
        codes = np.empty((len(frame), len(self.codes)), dtype=np.int32)
        places: dict[str, list[int]] = {}
        for place, column in enumerate(self.codes):
            places.setdefault(column.column, []).append(place)
        given = crossfitted or {}
        start = 0
        for encoder in self.encoders:
            stop = start + len(encoder.features)
            name = encoder.column
            if name not in given or name in places:
                read: Any = encoder.read(frame[name])
                if notice is not None:
                    notice(encoder, read)
                for place in places.get(name, ()):
                    codes[:, place] = self.codes[place].of_read(read)
            x[:, start:stop] = given[name] if name in given else encoder.of_read(read)
            start = stop
        return x, codes

    def network_input(self, frame: pd.DataFrame, notice: Notice | None = None) -> Features:
        """Return what a network takes: the features, and the codes after them as numbers."""
        x, codes = self.encode(frame, notice=notice)
        return np.concatenate([x, codes.astype(np.float32)], axis=1) if self.codes else x

    def encode_target(self, column: pd.Series) -> NDArray[np.int32] | NDArray[np.float32]:
        """Return class indices (int32) or standardised values (float32), shape (rows,).

        Raises
        ------
        DataError
            If a label is unknown, or a cell is missing or no number.
        """
        return self.target.encode(column)

    def decode_target(self, values: ArrayLike) -> NDArray[Any]:
        """Return the original labels of class indices, or values in the original unit."""
        return self.target.decode(values)

    def predicted_target(self, outputs: ArrayLike) -> NDArray[Any]:
        """Return what outputs of a network predict of a real target, in the original unit."""
        coding = self.target
        decode = coding.predicted if isinstance(coding, RealCoding) else coding.decode
        return decode(outputs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        codes = [column.to_dict() for column in self.codes]
        return {
            "target": self.target.to_dict(),
            "columns": [encoder_to_dict(encoder) for encoder in self.encoders],
            "dropped": dict(self.dropped),
            **({"codes": codes} if codes else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocessing:
        """Return the preprocessing that `to_dict` described.

        Raises
        ------
        DataError
            If the description is incomplete, of another kind, or nonsense.
        """
        try:
            encoders = tuple(encoder_from_dict(item) for item in data["columns"])
            target, dropped = target_from_dict(data["target"]), dict(data["dropped"])
            codes = tuple(CodeColumn.from_dict(item) for item in data.get("codes", ()))
            check_stored(encoders, target, dropped, codes)
            return cls(encoders, target, dropped, codes)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise DataError(
                f"The stored preprocessing cannot be read ({type(error).__name__}: {error}); "
                f"prepare the data set again."
            ) from error


def fit_target(column: pd.Series, task: Task) -> TargetCoding:
    """Fit the coding of the target."""
    return ClassCoding.fit(column) if task == "classification" else RealCoding.fit(column)


def _fitted(
    frame: pd.DataFrame,
    target: str,
    task: Task,
    categorical: Iterable[str],
    one_hot_levels: int,
    seed: int,
) -> tuple[Preprocessing, dict[str, Features]]:
    decided = read_columns(frame.drop(columns=target), Wishes.categories(categorical))
    columns = {name: column.values for name, column in decided.items()}
    read = pd.DataFrame({**columns, target: frame[target]})
    readings = {name: column.reading for name, column in decided.items()}
    coding = fit_target(frame[target], task)
    return fit_crossfitted(read, coding, readings, one_hot_levels, CrossFitting(seed))


def fit_crossfitted(
    frame: pd.DataFrame,
    target: TargetCoding,
    readings: Mapping[str, Reading],
    one_hot_levels: int = ONE_HOT_LEVELS,
    folds: CrossFitting = BY_CHANCE,
    division: Division | None = None,
) -> tuple[Preprocessing, dict[str, Features]]:
    """Fit to the training part, and keep the cross-fitted target means of its rows.

    Parameters
    ----------
    frame
        The training rows, with the target column.
    target
        The coding of the target.
    readings
        Feature column -> how its cells are read.
    one_hot_levels
        Most levels of a category that is one-hot encoded, >= 1.
    folds
        Which rows the cross-fitted target means of a row come from.
    division
        Inputs that the columns belong to; None: one. Columns are compared with others of their
        input, and those of inputs that are alike are encoded alike.

    Returns
    -------
    preprocessing : Preprocessing
    crossfitted : dict
        Target-encoded column -> ndarray of shape (rows, features), float32.

    Raises
    ------
    DataError
        If no column is left that tells rows apart, or a category of inputs that are alike has
        more levels than are one-hot encoded.
    """
    y = target.encode(frame[target.name])
    encoders: list[Encoder] = []
    crossfitted: dict[str, Features] = {}
    seen: dict[str, dict[bytes, str]] = {}
    dropped: dict[str, str] = {}
    division = division or Division({WHOLE: tuple(readings)})
    by_column: dict[str, Encoder] = {}
    codes = CodeFit()
    for name, reading in readings.items():
        leader = division.leaders.get(name)
        if leader in dropped:
            dropped[name] = f"as {leader!r}, which it is alike: {dropped[leader]}"
            continue
        if leader is not None:
            encoders.append(encoder_for(by_column[leader], name, reading))
            codes.add_alike(leader, name)
            continue
        column = TrainingColumn(_cells(frame, division.together(name)), reading)
        of_input = seen.setdefault(division.input_of(name), {})
        reason = column.useless(of_input, one_hot_levels)
        if reason:
            dropped[name] = reason
            continue
        if len(column.cells) > len(frame):
            _check_one_hot(column, one_hot_levels)
        encoder, features = _fit_encoder(column, y, one_hot_levels, folds)
        by_column[name] = encoder
        if features is not None:
            crossfitted[name] = features
        encoders.append(encoder)
        codes.add(encoder, _read(column, encoder))
    if not encoders:
        raise DataError(
            f"No feature column is left: {_reasons(dropped)}; at least one column that varies "
            f"in the training part is needed."
        )
    return Preprocessing(tuple(encoders), target, dropped, codes.columns), crossfitted


def _cells(frame: pd.DataFrame, names: list[str]) -> pd.Series:
    """Return the cells of columns that are encoded alike, one below the other."""
    if len(names) == 1:
        return frame[names[0]]
    cells = pd.concat([frame[name] for name in names], ignore_index=True).rename(names[0])
    # Categories of different levels become objects when they are put together.
    return cells.astype("str") if cells.dtype == np.dtype(object) else cells


def _check_one_hot(column: TrainingColumn, one_hot_levels: int) -> None:
    """Refuse target means of inputs that are alike: a row would count twice in them."""
    number = len(column.levels[1]) if column.reading.kind == "category" else 0
    if number > one_hot_levels:
        raise DataError(
            f"Column {column.name!r} has {number} levels and belongs to inputs that are alike, "
            f"whose categories are one-hot encoded; give --one-hot-levels {number}, or more."
        )


def _fit_encoder(
    column: TrainingColumn, y: NDArray[Any], one_hot_levels: int, folds: CrossFitting
) -> tuple[Encoder, Features | None]:
    reading = column.reading
    if reading.kind == "numeric":
        return NumericEncoder.fit_numbers(column.name, column.numbers, reading), None
    if reading.kind == "datetime":
        return DateEncoder.fit(column.cells, reading), None
    _, levels = column.levels
    if len(levels) <= one_hot_levels:
        ordered = sorted(levels, key=lambda level: (level is None, level or ""))
        return OneHotEncoder(column.name, tuple(ordered), reading), None
    return TargetMeanEncoder.fit(column.cells, y, folds, reading)


def _read(column: TrainingColumn, encoder: Encoder) -> Any:
    """Return what an encoder reads of the column that it was fitted to."""
    if isinstance(encoder, NumericEncoder):
        return column.numbers
    if isinstance(encoder, DateEncoder):
        return encoder.read(column.cells)
    codes, levels = column.levels
    place = {level: k for k, level in enumerate(encoder.levels)}
    return np.array([place[level] for level in levels], np.intp)[codes]


def _reasons(dropped: Mapping[str, str]) -> str:
    if not dropped:
        return "the table has only the target"
    return "; ".join(f"{name!r} has {why}" for name, why in list(dropped.items())[:5])
