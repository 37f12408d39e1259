"""A column that alone tells the target is named; columns that only help are not."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.giveaways import giveaways

ROWS = 600
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=ROWS)
CLASSES = RNG.integers(0, 3, ROWS).astype(np.int32)
RARE = (np.arange(ROWS) % 50 == 0).astype(np.int32)
REAL = RNG.normal(size=ROWS).astype(np.float32)
DAY = np.datetime64("2020-01-01")


def said(column, y):
    frame = pd.DataFrame({"noise": NOISE, "the column": column, "t": y})
    return giveaways(frame, "t", y)


@pytest.mark.parametrize(
    ("column", "y"),
    [
        (pd.Categorical(np.array(list("abcdef"))[CLASSES * 2 + (NOISE > 0)]), CLASSES),
        (CLASSES * 10 + NOISE.clip(-1, 1), CLASSES),
        (DAY + (CLASSES * 100).astype("timedelta64[D]"), CLASSES),
        (np.where(CLASSES == 1, np.nan, CLASSES), CLASSES),
        (np.where(RARE, np.nan, NOISE), RARE),
        (pd.Categorical(np.where(RARE, None, "alive")), RARE),
        (pd.Series(RARE == 1), RARE),
        (3 - 2 * REAL, REAL),
        (pd.Categorical(REAL.round(1).astype(str)), REAL.round(1)),
    ],
)
def test_a_column_that_tells_the_target_is_named_with_its_remedy(column, y):
    [line] = said(column, y)
    assert "The column 'the column' alone tells the target 't'" in line
    assert "--drop 'the column' leaves it out" in line


@pytest.mark.parametrize(
    ("column", "y"),
    [
        (CLASSES + NOISE, CLASSES),
        (pd.Categorical(np.where(np.arange(ROWS) % 20 == 0, 0, CLASSES)), CLASSES),
        (pd.Categorical(np.arange(ROWS).astype(str)), CLASSES),
        (pd.Categorical((np.arange(ROWS) // 2).astype(str)), CLASSES),
        (NOISE, RARE),
        (np.where(np.arange(ROWS) < 5, 1.0, 0.0), (np.arange(ROWS) < 5).astype(np.int32)),
        (np.full(ROWS, np.nan), CLASSES),
        (np.full(ROWS, 1.0), REAL),
        (REAL + NOISE / 20, REAL),
        (np.where(NOISE > 0, np.inf, 1e300), CLASSES),
    ],
)
def test_a_column_that_only_helps_or_tells_rows_apart_is_not(column, y):
    assert said(column, y) == []


def test_of_few_rows_nothing_is_said_and_several_columns_take_one_line():
    few = pd.DataFrame({"a": CLASSES[:50], "t": CLASSES[:50]})
    assert giveaways(few, "t", CLASSES[:50]) == []
    many = pd.DataFrame({f"c{i}": CLASSES for i in range(8)} | {"t": CLASSES})
    [line] = giveaways(many, "t", CLASSES)
    assert "Each of the columns 'c0'" in line and "'c4', ... alone" in line and "c5" not in line
