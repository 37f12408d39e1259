"""Columns that tell one row from every other are named at prepare."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preparation import prepare_dataset

ROWS = 400


def remarks(tmp_path, **columns):
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"size": rng.normal(size=ROWS), "late": rng.integers(0, 2, ROWS)})
    data = prepare_dataset(table.assign(**columns), "late", tmp_path / "data.h5")
    return [line for line in data.schema.get("remarks", ()) if "looks like" in line]


@pytest.mark.parametrize("first", [0, 1, 5000])
def test_numbers_of_rows_are_named_in_any_order(tmp_path, first):
    ids = np.random.default_rng(0).permutation(ROWS) + first
    [line] = remarks(tmp_path, row=ids)
    assert "'row' looks like a number of rows" in line and "--drop row leaves" in line


def test_text_with_a_level_for_almost_each_row_is_named(tmp_path):
    names = [f"ticket {k if k > 40 else k % 7}" for k in range(ROWS)]
    [line] = remarks(tmp_path, **{"my ticket": names})
    assert "'my ticket' looks like text" in line and "--drop 'my ticket'" in line


def test_what_is_no_identifier_is_not_named(tmp_path):
    rng = np.random.default_rng(1)
    columns = {
        "town": rng.choice([f"t{k}" for k in range(60)], ROWS),
        "age": rng.integers(0, 90, ROWS),
        "salary": rng.permutation(10**6)[:ROWS] + 20_000,
        "weight": rng.normal(size=ROWS),
    }
    assert not remarks(tmp_path, **columns)
