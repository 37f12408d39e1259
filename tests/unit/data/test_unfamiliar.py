"""What of a table a model has not seen in training is counted."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.unfamiliar import Unfamiliar

ROWS = 300


def training():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(100, 5, ROWS),
            "place": rng.choice(["north", "south"], ROWS),
            "town": [f"t{k % 40}" for k in range(ROWS)],
            "day": pd.date_range("2024-01-01", periods=ROWS, freq="D"),
            "late": [0, 1] * (ROWS // 2),
        }
    )


@pytest.fixture(scope="module")
def fitted():
    return Preprocessing.fit(training(), "late", task="classification")


def counted(fitted, **cells):
    """Return what is counted of the training rows with the first cells of columns changed."""
    table = training().astype({"size": float})
    for name, values in cells.items():
        table[name] = [*values, *table[name][len(values) :]]
    found = Unfamiliar()
    fitted.network_input(table, found.note)
    return found


def test_the_training_rows_themselves_are_familiar(fitted):
    assert counted(fitted).text == ""


def test_levels_of_both_kinds_of_encoding_are_counted(fitted):
    found = counted(fitted, place=["west", "west", "north"], town=["elsewhere"])
    assert dict(found.levels) == {"place": 2, "town": 1}
    assert found.text.startswith(
        "3 cells with a level that training had not ('place' 2, 'town' 1): of these rows"
    )


def test_numbers_and_dates_far_away_are_counted_and_missing_ones_are_not(fitted):
    found = counted(
        fitted, size=[1e6, -1e6, 101.0, np.nan, np.inf], day=[pd.Timestamp("2090-01-01")]
    )
    assert found.far["size"] == 2 and found.far["day"] == 1
    assert "3 cells more than 10 standard deviations" in found.text


def test_one_cell_is_one_cell_and_many_columns_are_not_all_named():
    found = Unfamiliar()
    found.levels["a"] = 1
    assert "1 cell with" in found.text
    found.levels.update({f"c{k}": 2 for k in range(9)})
    assert "... (10 columns)" in found.text and "'a'" not in found.text
