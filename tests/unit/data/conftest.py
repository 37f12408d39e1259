"""A small real table that the tests of this directory spoil in their own ways."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def table() -> pd.DataFrame:
    """Give 600 rows: numbers with gaps, few and many levels, a date, three classes."""
    generator = np.random.default_rng(7)
    rows = 600
    size = generator.normal(10, 3, rows)
    city = generator.integers(0, 40, rows)
    colour = generator.choice(["red", "green", "blue"], rows).astype(object)
    colour[::20] = None
    day = pd.Timestamp("2013-01-01") + pd.to_timedelta(generator.integers(0, 300, rows), "D")
    score = size + city % 5 + generator.normal(0, 1, rows)
    size[::15] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "count": generator.integers(0, 9, rows),
            "city": [f"c{i}" for i in city],
            "colour": colour,
            "day": day,
            "flag": generator.random(rows) < 0.3,
            "price": score * 2.5 + 100,
            "grade": np.array(["low", "mid", "top"])[np.digitize(score, [10, 13])],
        }
    )


@pytest.fixture
def counted(table):
    """Give the table with the number of each row."""
    return table.assign(row=np.arange(600.0), person=[f"p{i % 60}" for i in range(600)])
