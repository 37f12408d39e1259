"""How one column becomes float32 features: fitted by scikit-learn, kept as plain tables.

Each encoder is a record of numbers and names that goes through JSON, so that a data set or a
model from someone else holds no code. `ENCODERS` maps the stored kind to the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agebo_hpc.data.cross_fitting import CrossFitting
from agebo_hpc.data.reading import BEFORE, DATE, LEVEL, NUMBER, Reading
from agebo_hpc.data.scaling import Features, mean_and_scale, standardise, unit_of
from agebo_hpc.data.text_cells import MISSING
from agebo_hpc.data.values import as_levels, as_numbers, as_times


@dataclass(frozen=True)
class NumericEncoder:
    """A number: missing cells take the median, then it is standardised and clipped at 20.

    Where cells were missing in training, a second feature tells by 1 that the cell is missing.
    """

    kind: ClassVar[str] = "numeric"
    encoding: ClassVar[str] = "standardised"
    column: str
    median: float
    mean: float
    scale: float
    indicator: bool
    reading: Reading = NUMBER

    @classmethod
    def fit_numbers(
        cls, name: str, numbers: NDArray[np.float64], reading: Reading = NUMBER
    ) -> NumericEncoder:
        """Fit to the training part of a column, shape (rows,); NaN is missing."""
        missing = np.isnan(numbers)
        median = float(np.median(numbers[~missing])) if not missing.all() else 0.0
        filled = np.where(missing, median, numbers)
        # The squares of tiny numbers are 0: their deviation is taken in a larger unit.
        unit = unit_of(filled)
        mean, scale = mean_and_scale(filled / unit)
        return cls(name, median, mean * unit, scale * unit, bool(missing.any()), reading)

    @property
    def features(self) -> list[str]:
        """Names of the features, in order."""
        return [self.column] + [f"{self.column} is missing"] * self.indicator

    def read(self, column: pd.Series) -> NDArray[np.float64]:
        """Return the cells as numbers of shape (rows,); NaN is missing."""
        return as_numbers(column, self.reading)

    def transform(self, column: pd.Series) -> Features:
        """Return the features, shape (rows, len(features)), float32."""
        return self.of_read(self.read(column))

    def of_read(self, read: NDArray[np.float64]) -> Features:
        """Return the features of what `read` gave."""
        return self.transform_numbers(read)

    def transform_numbers(self, numbers: NDArray[np.float64]) -> Features:
        """Return the features of numbers of shape (rows,); NaN is missing."""
        missing = np.isnan(numbers)
        scaled = standardise(np.where(missing, self.median, numbers), self.mean, self.scale)
        return _stack([scaled, missing] if self.indicator else [scaled])


@dataclass(frozen=True)
class DateEncoder:
    """A date: days since 1970, year, month, day, weekday and minute, those that vary."""

    kind: ClassVar[str] = "datetime"
    encoding: ClassVar[str] = "date parts, standardised"
    column: str
    parts: dict[str, NumericEncoder]
    reading: Reading = DATE

    @classmethod
    def fit(cls, column: pd.Series, reading: Reading = DATE) -> DateEncoder:
        """Fit to the training part of a column."""
        name = str(column.name)
        parts: dict[str, NumericEncoder] = {}
        for part, numbers in _date_parts(as_times(column, reading)).items():
            # The days are always kept: a date that is only there or missing needs its indicator.
            if not parts or len(np.unique(numbers[~np.isnan(numbers)])) > 1:
                encoder = NumericEncoder.fit_numbers(f"{name} {part}", numbers)
                # The parts are missing together: one indicator says it all.
                first = not parts
                parts[part] = encoder if first else _without_indicator(encoder)
        return cls(name, parts, reading)

    @property
    def features(self) -> list[str]:
        """Names of the features, in order."""
        return [name for encoder in self.parts.values() for name in encoder.features]

    def read(self, column: pd.Series) -> dict[str, NDArray[np.float64]]:
        """Return the parts of the dates as numbers of shape (rows,); NaN is missing."""
        return _date_parts(as_times(column, self.reading))

    def transform(self, column: pd.Series) -> Features:
        """Return the features, shape (rows, len(features)), float32."""
        return self.of_read(self.read(column))

    def of_read(self, read: dict[str, NDArray[np.float64]]) -> Features:
        """Return the features of what `read` gave."""
        parts = [encoder.transform_numbers(read[part]) for part, encoder in self.parts.items()]
        features: Features = np.concatenate(parts, axis=1)
        return features


@dataclass(frozen=True)
class OneHotEncoder:
    """A category of few levels: a feature for each; None is the level of missing cells."""

    kind: ClassVar[str] = "category"
    encoding: ClassVar[str] = "one-hot"
    column: str
    levels: tuple[str | None, ...]
    reading: Reading = BEFORE

    @property
    def features(self) -> list[str]:
        """Names of the features, in order."""
        return [
            f"{self.column} is missing" if level is None else f"{self.column}={level}"
            for level in self.levels
        ]

    def read(self, column: pd.Series) -> NDArray[np.intp]:
        """Return the position of each cell's level, shape (rows,); -1: it is none of them."""
        return _positions(column, self.levels, self.reading)

    def transform(self, column: pd.Series) -> Features:
        """Return the features, shape (rows, len(features)), float32; an unseen level is all 0."""
        return self.of_read(self.read(column))

    def of_read(self, read: NDArray[np.intp]) -> Features:
        """Return the features of what `read` gave."""
        hot: Features = (read[:, None] == np.arange(len(self.levels))).astype(np.float32)
        return hot


@dataclass(frozen=True)
class TargetMeanEncoder:
    """A category of many levels: the smoothed mean of the target for each, standardised.

    With more than two classes, one such mean for each class.

    Attributes
    ----------
    means
        One row for each level, one number for each feature.
    default
        What a level that training did not have becomes: the mean of the target.
    center, scale
        Mean and deviation of each feature over the training part.
    """

    kind: ClassVar[str] = "category"
    encoding: ClassVar[str] = "target mean"
    column: str
    levels: tuple[str | None, ...]
    means: tuple[tuple[float, ...], ...]
    default: tuple[float, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    reading: Reading = BEFORE

    @classmethod
    def fit(
        cls,
        column: pd.Series,
        target: NDArray[Any],
        folds: CrossFitting,
        reading: Reading = LEVEL,
    ) -> tuple[TargetMeanEncoder, Features]:
        """Fit to the training part, and encode it by cross-fitting.

        Parameters
        ----------
        column
            The training rows.
        target
            Class indices (integer) or real values (float), shape (rows,).
        folds
            Which rows the means of a row come from.
        reading
            How its cells are read.

        Returns
        -------
        encoder : TargetMeanEncoder
            Fitted to all rows.
        crossfitted : ndarray of shape (rows, features), float32
            Each row encoded by other rows: its own target is not in its features. Rows that have
            none to be encoded by are 0.
        """
        from sklearn.preprocessing import StandardScaler

        codes, levels = as_levels(column, reading)
        encoder, crossfitted = folds.encode(codes, target)
        scaler = StandardScaler().fit(crossfitted)
        crossfitted = np.where(np.isnan(crossfitted), scaler.mean_, crossfitted)
        fitted = cls(
            str(column.name),
            tuple(levels),
            tuple(zip(*(map(float, means) for means in encoder.encodings_), strict=True)),
            tuple(map(float, np.atleast_1d(encoder.target_mean_))),
            tuple(map(float, scaler.mean_)),
            tuple(map(float, scaler.scale_)),
            reading,
        )
        return fitted, fitted._scaled(crossfitted)

    @property
    def features(self) -> list[str]:
        """Names of the features, in order."""
        if len(self.default) == 1:
            return [f"{self.column} target mean"]
        return [f"{self.column} share of class {k}" for k in range(len(self.default))]

    def read(self, column: pd.Series) -> NDArray[np.intp]:
        """Return the position of each cell's level, shape (rows,); -1: it is none of them."""
        return _positions(column, self.levels, self.reading)

    def transform(self, column: pd.Series) -> Features:
        """Return the features, shape (rows, len(features)), float32."""
        return self.of_read(self.read(column))

    def of_read(self, read: NDArray[np.intp]) -> Features:
        """Return the features of what `read` gave."""
        # The last row, the default, is where position -1 (an unseen level) points.
        return self._scaled(np.array([*self.means, self.default])[read])

    def _scaled(self, means: NDArray[np.float64]) -> Features:
        return standardise(means, np.array(self.center), np.array(self.scale))


Encoder = NumericEncoder | DateEncoder | OneHotEncoder | TargetMeanEncoder

ENCODERS: dict[str, type[Encoder]] = {
    "numeric": NumericEncoder,
    "datetime": DateEncoder,
    "one-hot": OneHotEncoder,
    "target-mean": TargetMeanEncoder,
}
"""Name in the stored schema -> class."""


SAMPLE_ROWS = 10_000
"""First rows that tell most features of more than two values, so that the others are few."""


def two_valued_features(frame: pd.DataFrame, encoders: Iterable[Encoder]) -> Iterator[int]:
    """Yield the positions of features that are numbers, or parts of dates, of at most two values.

    Parameters
    ----------
    frame
        The training rows.
    encoders
        Fitted to them, in the order of the features.
    """
    place = 0
    for encoder in encoders:
        if encoder.kind != "category":
            some = encoder.transform(frame[encoder.column].iloc[:SAMPLE_ROWS])
            few = [k for k in range(some.shape[1]) if len(np.unique(some[:, k])) <= 2]
            if few and len(frame) > SAMPLE_ROWS:
                every = encoder.transform(frame[encoder.column])
                few = [k for k in few if len(np.unique(every[:, k])) <= 2]
            yield from (place + k for k in few)
        place += len(encoder.features)


def encoder_for(encoder: Encoder, column: str, reading: Reading) -> Encoder:
    """Return an encoder that treats another column, read in its own way, alike."""
    if isinstance(encoder, DateEncoder):
        parts = {
            part: replace(numbers, column=f"{column} {part}")
            for part, numbers in encoder.parts.items()
        }
        return DateEncoder(column, parts, reading)
    return replace(encoder, column=column, reading=reading)


def encoder_to_dict(encoder: Encoder) -> dict[str, Any]:
    """Return an encoder as plain JSON data."""
    name = next(name for name, cls in ENCODERS.items() if cls is type(encoder))
    data = {"encoder": name, **asdict(encoder), "reading": encoder.reading.to_dict()}
    for part in data.get("parts", {}).values():
        del part["reading"]
    return data


def encoder_from_dict(data: dict[str, Any]) -> Encoder:
    """Return the encoder that `encoder_to_dict` described.

    Raises
    ------
    KeyError
        If its kind is unknown.
    TypeError
        If its fields are not those of its kind.
    """
    fields = {key: value for key, value in data.items() if key != "encoder"}
    # Descriptions of older versions have none: the default of the class is how they read.
    if "reading" in fields:
        fields["reading"] = Reading.from_dict(fields["reading"])
    if data["encoder"] == "datetime":
        parts = {part: NumericEncoder(**numbers) for part, numbers in fields.pop("parts").items()}
        return DateEncoder(parts=parts, **fields)
    return ENCODERS[data["encoder"]](**{key: _tuples(value) for key, value in fields.items()})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _positions(
    column: pd.Series, levels: tuple[str | None, ...], reading: Reading
) -> NDArray[np.intp]:
    index = {level: i for i, level in enumerate(levels)}
    if reading.form == "before":
        # Words such as NA were levels where a file's own reader did not take them for missing.
        lost = index.get(None, -1)
        index = {**dict.fromkeys(MISSING, lost), **index}
    codes, found = as_levels(column, reading)
    return np.array([index.get(level, -1) for level in found], dtype=np.intp)[codes]


def _date_parts(times: pd.Series) -> dict[str, NDArray[np.float64]]:
    """Return the parts of dates of any year as numbers; NaN where there is none."""
    moments = times.to_numpy().astype("datetime64[us]")
    never = np.isnat(moments)
    days = moments.astype("datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    clock = (moments - days).astype(np.int64)
    parts = {
        "days": moments.astype(np.int64) / 1e6 / 86400.0,
        "year": years.astype(np.int64) + 1970,
        "month": (months - years).astype(np.int64) + 1,
        "day": (days - months).astype(np.int64) + 1,
        # The first of January 1970 was a Thursday.
        "weekday": (days.astype(np.int64) + 3) % 7,
        "minute of day": clock // 1_000_000 / 60.0,
    }
    return {part: np.where(never, np.nan, numbers) for part, numbers in parts.items()}


def _without_indicator(encoder: NumericEncoder) -> NumericEncoder:
    return NumericEncoder(
        encoder.column, encoder.median, encoder.mean, encoder.scale, indicator=False
    )


def _stack(columns: list[NDArray[Any]]) -> Features:
    return np.stack([column.astype(np.float32) for column in columns], axis=1)
