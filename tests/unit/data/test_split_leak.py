"""A planted leak: what tells the group tells the target, and helps nobody in new groups."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset

GROUPS, ROWS_OF_A_GROUP = 200, 10
CHANCE = (0.35, 0.65)
"""Where the accuracy of a guess lies for sure: 50 new groups or more, half of each class."""


def table(seed, of_column="noise"):
    """Give patients, each ill or not by chance, and a column that tells them apart."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(GROUPS), ROWS_OF_A_GROUP)
    ill = rng.permutation(GROUPS) % 2
    rows = len(patient)
    # Measurements of a patient are alike, and say nothing about illness.
    measured = rng.normal(size=(GROUPS, 3))[patient] + rng.normal(0, 0.01, (rows, 3))
    frame = pd.DataFrame(measured, columns=["a", "b", "c"])
    if of_column == "category":
        frame = pd.DataFrame({"ward": [f"w{p}" for p in patient], "x": rng.normal(size=rows)})
    frame["patient"] = [f"p{p}" for p in patient]
    frame["ill"] = np.where(ill[patient] == 1, "yes", "no")
    return frame.sample(frac=1, random_state=seed, ignore_index=True)


def accuracies(data):
    model = RandomForestClassifier(50, random_state=0).fit(data.train.x, data.train.y)
    return [model.score(part.x, part.y) for part in (data.validation, data.test)]


@pytest.mark.parametrize("of_column", ["noise", "category"])
def test_the_score_falls_to_chance_where_no_group_is_on_two_sides(tmp_path, of_column):
    """The category of many levels, one for each patient, is encoded by means of the target."""
    for seed in range(2):
        frame = table(seed, of_column)
        leaking = prepare_dataset(
            frame, "ill", tmp_path / f"l{seed}.h5", PrepareOptions(drop=("patient",))
        )
        honest = prepare_dataset(
            frame, "ill", tmp_path / f"h{seed}.h5", PrepareOptions(group="patient")
        )
        assert min(accuracies(leaking)) > 0.95
        found = accuracies(honest)
        assert CHANCE[0] < min(found) and max(found) < CHANCE[1]


def test_a_training_row_does_not_see_its_group_in_a_target_mean(tmp_path):
    """Else the network would learn to trust what is worth nothing in new groups."""
    frame = table(3, "category")
    data = prepare_dataset(frame, "ill", tmp_path / "h.h5", PrepareOptions(group="patient"))
    mean = data.train.x[:, data.feature_names.index("ward target mean")]
    assert abs(np.corrcoef(mean, data.train.y)[0, 1]) < 0.3
    leaking = prepare_dataset(frame, "ill", tmp_path / "l.h5", PrepareOptions(drop=("patient",)))
    mean = leaking.train.x[:, leaking.feature_names.index("ward target mean")]
    assert np.corrcoef(mean, leaking.train.y)[0, 1] > 0.9


def test_what_holds_only_for_a_while_helps_no_newer_rows(tmp_path):
    """Each month has its own rule: known months are easy, new ones a guess."""
    rng = np.random.default_rng(5)
    rows, months = 4000, 40
    month = np.repeat(np.arange(months), rows // months)
    sign = np.repeat(rng.permutation(months) % 2, rows // months)
    x = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(month * 30, "D"),
            "x": x,
            "month": [f"m{m}" for m in month],
            "up": np.where((x > 0) == (sign == 1), "yes", "no"),
        }
    )
    ways = {"random": {}, "time": {"time": "day", "keep": ("day",)}}
    found = {
        way: accuracies(
            prepare_dataset(frame, "up", tmp_path / f"{way}.h5", PrepareOptions(**options))
        )
        for way, options in ways.items()
    }
    assert min(found["random"]) > 0.85 and max(found["time"]) < 0.7
