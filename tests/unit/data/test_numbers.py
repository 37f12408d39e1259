"""Which features an embedding of numbers is for."""

import numpy as np
import pandas as pd

from agebo_hpc.data.numbers import number_features
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset


def test_numbers_and_parts_of_dates_with_more_than_two_values(tmp_path):
    rng = np.random.default_rng(0)
    rows = 400
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "flag": rng.integers(0, 2, rows),
            "five": np.where(rng.random(rows) < 0.5, 5.0, 7.25),
            "place": rng.choice(["north", "south", "west"], rows),
            "code": [f"c{i}" for i in rng.integers(0, 40, rows)],
            "count": rng.integers(0, 3, rows),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "label": rng.choice(["a", "b"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "size"] = np.nan
    data = prepare_dataset(frame, "label", tmp_path / "t.h5", PrepareOptions())
    found = [data.feature_names[place] for place in number_features(data)]
    assert found[:2] == ["size", "count"]
    assert all(name.startswith("day ") for name in found[2:]) and len(found) > 2
