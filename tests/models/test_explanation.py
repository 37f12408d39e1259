"""What a report says of how a model predicts."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.models import column_importance as importance
from agebo_hpc.models.column_importance import column_importance, extent, inputs_of_columns
from agebo_hpc.models.quality import Quality, reliability


def itself(x):
    return (x,)


def by_first(found, y):
    """Return the share of rows whose first input has the sign of the target."""
    return float(((found[0][:, 0] > 0) == y).mean())


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 3)).astype(np.float32)
    return x, x[:, 0] > 0


def test_the_column_that_decides_is_the_first_and_the_others_cost_nothing(rows):
    columns = {"noise": [1, 2], "<b>that decides</b>": [0]}
    found = column_importance(itself, by_first, *rows, columns, seed=0, seconds=60)
    assert found.table["column"].tolist() == ["<b>that decides</b>", "noise"]
    assert found.table["importance"][0] == pytest.approx(0.5, abs=0.03)
    assert found.table["importance"][1] == 0 and found.unmeasured == 0
    assert 0 < found.table["deviation"][0] < 0.05


def test_the_same_seed_gives_the_same_and_another_one_another(rows):
    first, again, other = (
        column_importance(itself, by_first, *rows, {"a": [0]}, seed=seed, seconds=60).table
        for seed in (3, 3, 4)
    )
    pd.testing.assert_frame_equal(first, again)
    assert first["importance"][0] != other["importance"][0]


def test_inputs_of_a_column_are_shuffled_together():
    # The target is whether both are alike: shuffled apart, they would not be.
    x = np.repeat(np.random.default_rng(1).normal(size=(500, 1)), 2, axis=1).astype(np.float32)
    alike = lambda found, y: float((found[0][:, 0] == found[0][:, 1]).mean())  # noqa: E731
    together = column_importance(itself, alike, x, x[:, 0], {"a": [0, 1]}, seed=0, seconds=60)
    apart = column_importance(itself, alike, x, x[:, 0], {"a": [0]}, seed=0, seconds=60)
    assert together.table["importance"][0] == 0 and apart.table["importance"][0] > 0.9


def test_how_many_are_predicted_together_changes_nothing(rows, monkeypatch):
    columns = {str(number): [number % 3] for number in range(7)}
    first, again = [], []
    for size, found in ((1, first), (10**6, again)):
        monkeypatch.setattr(importance, "CALL_ROWS", size)
        found.append(column_importance(itself, by_first, *rows, columns, seed=0, seconds=60).table)
    pd.testing.assert_frame_equal(*first, *again)


def test_where_time_is_up_the_rest_is_counted(rows, monkeypatch):
    monkeypatch.setattr(importance, "CALL_ROWS", 1)
    columns = {str(number): [number % 3] for number in range(50)}
    found = column_importance(itself, by_first, *rows, columns, seed=0, seconds=-1.0)
    assert len(found.table) == 1 and found.unmeasured == 49


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [(1, 100, (100, 5)), (54, 9_000, (5_000, 5)), (200, 9_000, (5_000, 2)),
     (1000, 9_000, (2_000, 1)), (10_000, 9_000, (500, 1)), (10_000, 20, (20, 5))],
)  # fmt: skip
def test_many_columns_are_shuffled_less_often_and_on_fewer_rows(columns, rows, expected):
    assert extent(columns, rows) == expected
    assert columns * expected[0] * expected[1] <= max(
        importance.MOST_PREDICTIONS, columns * importance.FEWEST_ROWS
    )


def test_every_input_belongs_to_one_column_of_the_table():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "number": np.where(rng.random(400) < 0.1, np.nan, rng.normal(size=400)),
            "few": rng.integers(0, 9, 400),
            "level": rng.choice(list("abcde"), 400),
            "late": rng.choice(["no", "yes"], 400),
        }
    )
    fitted = Preprocessing.fit(table, "late", task="classification")
    for with_codes in (False, True):
        columns = inputs_of_columns(fitted, with_codes)
        assert list(columns) == ["number", "few", "level"]
        number = len(fitted.feature_names) + with_codes * len(fitted.codes)
        assert sorted(k for of_one in columns.values() for k in of_one) == list(range(number))
    assert len(columns["number"]) >= 2 and len(columns["level"]) >= 6


def test_rows_that_count_nothing_decide_nothing(rows):
    x, y = rows
    # Where the second input is positive, the first says nothing.
    y = np.where(x[:, 1] > 0, True, y)
    weights = np.where(x[:, 1] > 0, 0.0, 2.0)

    def by_weight(found, y, weights):
        return float(np.average((found[0][:, 0] > 0) == y, weights=weights))

    asked = {"columns": {"a": [0], "b": [1, 2]}, "seed": 0, "seconds": 60}
    found = column_importance(itself, by_weight, x, y, weights=weights, **asked)
    plain = column_importance(itself, by_first, x, y, **asked)
    assert found.table["importance"][0] == pytest.approx(0.5, abs=0.03)
    assert plain.table["importance"][0] < 0.35


def test_calibration_weighs_rows_as_the_scores_do_and_the_confusion_matrix_counts_them():
    y = np.array([0, 0, 1, 1], np.int32)
    probabilities = np.array([[0.95, 0.05], [0.05, 0.95], [0.05, 0.95], [0.95, 0.05]], np.float32)
    chosen, weights = probabilities.argmax(axis=1), np.array([3, 1, 0, 4], np.float32)
    quality = Quality.of(("no", "yes"), chosen, probabilities, y, weights)
    assert quality.confusion == ((1, 1), (1, 1))
    (row,) = quality.reliability
    assert (row.rows, row.weight) == (4, 8) and row.accuracy == pytest.approx(3 / 8)
    right = chosen == y
    assert quality.reliability == reliability(probabilities, right, weights.astype(np.float64))
    assert Quality.of(("no", "yes"), chosen, probabilities, y).reliability[0].accuracy == 0.5
