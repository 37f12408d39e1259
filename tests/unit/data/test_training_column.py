"""Training rows of a column: what is fitted to them, read once, and when they say nothing."""

import numpy as np
import pandas as pd
import pytest
import sklearn.preprocessing

from agebo_hpc.data import training_column
from agebo_hpc.data.encoders import NumericEncoder
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.reading import LEVEL, NUMBER
from agebo_hpc.data.training_column import TrainingColumn

NUMBERS = {
    "usual": lambda draw: draw.normal(size=1999),
    "two": lambda draw: draw.normal(size=2),
    "one": lambda draw: draw.normal(size=1),
    "flags": lambda draw: draw.integers(0, 2, 500).astype(float),
    "constant": lambda draw: np.full(333, 0.1),
    "zeros": lambda draw: np.zeros(100),
    "nearly constant": lambda draw: 1e8 + 1e-7 * draw.normal(size=400),
    "far from 0": lambda draw: 1e10 + draw.normal(size=400),
    "enormous": lambda draw: 1e99 * draw.normal(size=300),
    "all sizes": lambda draw: np.exp(50 * draw.normal(size=1000)),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_mean_and_deviation_are_those_of_scikit_learn_to_the_last_bit(kind):
    numbers = NUMBERS[kind](np.random.default_rng(5))
    encoder = NumericEncoder.fit_numbers("a", numbers)
    scaler = sklearn.preprocessing.StandardScaler().fit(numbers[:, None])
    assert (encoder.mean, encoder.scale) == (scaler.mean_[0], scaler.scale_[0])


def test_the_cells_of_a_column_are_read_once_in_a_fit(monkeypatch):
    table = pd.DataFrame({f"c{i}": np.arange(40.0) ** i for i in range(1, 6)})
    table["place"] = [f"p{i % 3}" for i in range(40)]
    table["late"] = ["no", "yes"] * 20
    read = []
    for name in ("as_numbers", "as_levels"):
        original = getattr(training_column, name)
        monkeypatch.setattr(
            training_column,
            name,
            lambda cells, reading, original=original: (
                read.append(cells.name) or original(cells, reading)
            ),
        )
    fitted = Preprocessing.fit(table, "late", task="classification")
    assert fitted.columns == (*(f"c{i}" for i in range(1, 6)), "place")
    assert sorted(read) == sorted(fitted.columns)


@pytest.mark.parametrize(
    ("cells", "reading", "reason"),
    [
        ([np.nan, np.nan], NUMBER, "no value that can be used"),
        ([np.inf, 1e200, None], NUMBER, "no value that can be used"),
        ([2.0, 2.0], NUMBER, "the same value"),
        ([-0.0, 0.0], NUMBER, "the same value"),
        ([np.nan, 2.0, 2.0], NUMBER, ""),
        ([2.0, np.nan], NUMBER, ""),
        (["a", "a"], LEVEL, "the same value"),
        (["a", None], LEVEL, ""),
        ([f"id{i}" for i in range(20)], LEVEL, "a different value in every"),
    ],
)
def test_a_column_that_tells_no_rows_apart_is_useless(cells, reading, reason):
    column = TrainingColumn(pd.Series(cells, name="a"), reading)
    said = column.useless({}, one_hot_levels=16)
    assert said.startswith(reason) and bool(said) == bool(reason)
