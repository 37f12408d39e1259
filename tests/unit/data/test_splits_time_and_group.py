"""Splits by several columns of time, and by time and group at once: both hold for every row."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared_parts import prepared, rows_of

from agebo_hpc.data.cross_fitting import CrossFitting
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.splitting.arrays import SplitArrays, divide_rows
from agebo_hpc.data.splitting.by_time_and_group import LEFT_OUT, keep_groups_whole
from agebo_hpc.data.splitting.times import time_values, times_of
from agebo_hpc.errors import DataError

ROWS = 600


def visits(kind="stays", rows=ROWS, seed=0):
    """Give a table in the order of time, of patients who stay a while or who come always."""
    rng = np.random.default_rng(seed)
    when = np.arange(rows)
    patients = {
        "stays": when // 10 + rng.integers(0, 3, rows),
        "always": rng.integers(0, 30, rows),
        "one huge": np.where(rng.random(rows) < 0.95, 0, rng.integers(1, 20, rows)),
    }
    return pd.DataFrame(
        {
            "row": when,
            "day": when // 2,
            "patient": patients[kind],
            "ward": [f"w{n}" for n in rng.integers(0, 40, rows)],
            "ill": rng.choice(["no", "yes"], rows),
        }
    )


def check_apart(table, found):
    """Check that parts follow each other in time, and that no patient is in two."""
    for older, newer in zip(found[:-1], found[1:], strict=True):
        assert table["day"].iloc[older].max() < table["day"].iloc[newer].min()
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            patients = table["patient"]
            assert not set(patients.iloc[one]) & set(patients.iloc[other])


@pytest.mark.parametrize("kind", ["stays", "always", "one huge"])
@pytest.mark.parametrize("split", [None, (0.6, 0.4, 0)])
def test_parts_follow_in_time_and_share_no_group(tmp_path, kind, split):
    table = visits(kind).sample(frac=1, random_state=1, ignore_index=True)
    data = prepared(table, tmp_path, "ill", time="day", group="patient", split=split)
    places = pd.Series(table.index, table["row"])
    parts = [p for p in PARTS if data.num_rows[p]]
    found = [places[rows_of(data, table, p)].to_numpy() for p in parts]
    check_apart(table, found)
    used = sum(map(len, found))
    assert data.split.left_out == ROWS - used and len(parts) == (3 if split is None else 2)
    # Of stays of a few days hardly a row is lost, and of those that never end most are.
    assert used > 0.95 * ROWS if kind == "stays" else used > 0.25 * ROWS
    assert any(f"{ROWS - used:,} rows are left out" in line for line in data.split.details())
    assert "no group is in two parts" in data.split_text and "oldest" in data.split_text
    again = open_dataset(data.path)
    assert again.split == data.split
    again.verify()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rows=st.integers(2, 120), seed=st.integers(0, 5))
def test_a_group_keeps_the_rows_of_one_span_and_groups_of_one_span_keep_all(data, rows, seed):
    some = st.lists(st.integers(0, 2), min_size=rows, max_size=rows)
    spans, classes = np.array(data.draw(some)), np.array(data.draw(some))
    most = data.draw(st.integers(1, rows))
    groups = np.unique(np.random.default_rng(seed).integers(0, most, rows), return_inverse=True)[1]
    kept = keep_groups_whole(spans, groups, classes, (0.5, 0.3, 0.2), seed)
    assert ((kept == spans) | (kept == LEFT_OUT)).all()
    for group in np.unique(groups):
        own = groups == group
        assert len(np.unique(kept[own & (kept >= 0)])) == 1
        if len(np.unique(spans[own])) == 1:
            assert (kept[own] >= 0).all()
    # What any group has of a class in the first span is trained on by one of them.
    assert set(classes[spans == 0]) == set(classes[kept == 0])


def test_too_few_groups_and_a_part_that_none_is_left_for_are_told(tmp_path):
    table = visits().assign(patient=lambda t: (t["row"] % 2 == 0).astype(int))
    with pytest.raises(DataError, match="2 groups for 3 parts"):
        prepared(table, tmp_path, "ill", time="day", group="patient")
    table["patient"] = np.where(table["row"] < 5, table["row"], 9)
    with pytest.raises(DataError, match="too few rows for the .* part.*--group alone"):
        prepared(table, tmp_path, "ill", time="day", group="patient")


@pytest.mark.parametrize("column", ["day", "patient"])
def test_missing_cells_of_either_are_told(tmp_path, column):
    table = visits()
    table[column] = table[column].astype(float).where(table["row"] % 100 > 0)
    with pytest.raises(DataError, match=f"{column}.* is missing in 6 of 600 rows"):
        prepared(table, tmp_path, "ill", time="day", group="patient")


def test_parts_that_are_given_are_held_against_both(tmp_path):
    table = visits("stays")
    table["fold"] = np.select([table["row"] < 300, table["row"] < 450], [0, 1], 2)
    with pytest.raises(DataError, match="groups? (is|are) in the train and in the validation"):
        prepared(table, tmp_path, "ill", time="day", group="patient", fold="fold")
    table["patient"] = table["row"] // 10
    data = prepared(table, tmp_path, "ill", time="day", group="patient", fold="fold")
    assert data.split.left_out == 0 and "groups of 'patient' kept apart" in data.split_text


# --- target means -----------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [2, 3, None])
def test_a_target_mean_of_a_training_row_knows_neither_newer_rows_nor_its_group(labels):
    rng = np.random.default_rng(2)
    codes, times = rng.integers(0, 12, 400), rng.permutation(400)
    groups = rng.integers(0, 40, 400)
    y = rng.normal(size=400) if labels is None else rng.integers(0, labels, 400)
    arrays = SplitArrays(groups, times)
    crossing = CrossFitting(3, arrays)
    _, before = crossing.encode(codes, y)
    row = int(np.flatnonzero(times == 250)[0])
    foreign = (times > 250) | (groups == groups[row])
    changed = y.copy()
    changed[foreign] = y[foreign][::-1] if labels is None else (y[foreign] + 1) % labels
    # The folds of groups must stay as they are, which follow from the classes.
    folds = crossing._folds_of_groups(y)
    CrossFitting._folds_of_groups, kept = (lambda *_: folds), CrossFitting._folds_of_groups
    try:
        _, after = crossing.encode(codes, changed)
    finally:
        CrossFitting._folds_of_groups = kept
    np.testing.assert_array_equal(after[row], before[row])
    assert np.isfinite(before[row]).all()
    assert not np.allclose(np.nan_to_num(after), np.nan_to_num(before))


# --- several columns --------------------------------------------------------------------------


def dated(rows=ROWS):
    day = pd.date_range("2012-11-20", periods=rows, freq="6h")
    table = visits(rows=rows)
    table["year"], table["month"], table["date"] = day.year, day.month, day.day
    table["word"], table["short"] = day.month_name(), day.month_name().str[:3].str.lower()
    table["day"] = np.arange(rows) // 4
    return table.sample(frac=1, random_state=0, ignore_index=True)


@pytest.mark.parametrize(
    "time",
    [
        ("year", "month", "date"),
        "year,month,date",
        ("year, month", "date"),
        ("year", "word", "date"),
        "year,short,date",
    ],
)
def test_the_first_of_several_columns_counts_most(tmp_path, time):
    table = dated()
    drop = ("day", "month", "word", "short")
    named = " ".join(time) if isinstance(time, tuple) else time
    left = [c for c in drop if c not in named]
    data = prepared(table, tmp_path, "ill", time=time, drop=left)
    places = pd.Series(table.index, table["row"])
    days = [table["day"].iloc[places[rows_of(data, table, p)]] for p in PARTS]
    for older, newer in zip(days[:-1], days[1:], strict=True):
        assert older.max() < newer.min()
    assert data.split.first["train"] == "2012 11 20"
    assert not {"year", "date"} & {e.column for e in data.preprocessing.encoders}
    assert len(data.split.time_columns) == 3


def test_a_column_with_commas_in_its_name_is_one(tmp_path):
    table = visits().rename(columns={"day": "year,month"})
    data = prepared(table, tmp_path, "ill", time="year,month")
    assert data.split.time == "year,month" and data.split.time_columns == ()


def test_one_of_several_columns_may_stay_a_feature(tmp_path):
    options = {"drop": ("day", "word", "short"), "keep": ("month",)}
    data = prepared(dated(), tmp_path, "ill", time="year,month,date", **options)
    columns = {encoder.column for encoder in data.preprocessing.encoders}
    assert "month" in columns and "year" not in columns


def test_arrays_and_frames_of_times_are_columns_too():
    frame = pd.DataFrame({"y": [2013, 2012, 2013], "m": ["Feb", "Dec", "January"]})
    for times in (frame, frame.to_numpy(), frame.to_numpy().tolist()):
        assert SplitArrays.of(3, times=times).times.tolist() == [2, 0, 1]
    arrays = SplitArrays.of(
        300, times=pd.DataFrame({"a": np.arange(300) // 50, "b": np.arange(300) % 50})
    )
    parts = divide_rows(300, (0.5, 0.3, 0.2), 0, np.zeros(300), arrays)
    assert parts["train"].max() < parts["validation"].min() == 150


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.floats(-1, 1), st.integers(0, 1)), min_size=1, max_size=40
    )
)
def test_several_columns_are_ordered_as_tuples_are(rows):
    times = times_of([np.array(column) for column in zip(*rows, strict=True)])
    ranks = {row: rank for rank, row in enumerate(sorted(set(rows)))}
    assert times.tolist() == [ranks[row] for row in rows]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2013-W05", "2013-W41"),
        ("2013Q4", "2014Q1"),
        ("2013-09", "2013-10"),
        ("05:15", "12:00"),
        ("1999 T1", "2001 T1"),
        ("Sept.", "december"),
        ("2013", "2014"),
    ],
)
def test_texts_that_are_in_the_order_of_time_are_times(older, newer):
    found = time_values(pd.Series([newer, older, newer]), "The column")
    assert found[0] == found[2] > found[1]


@pytest.mark.parametrize(
    "texts", [["Q1 2013", "Q2 2012"], ["2013-W5", "2013-W10"], ["a", "b"], ["05/13", "01/14"]]
)
def test_texts_that_are_not_are_refused_with_what_is_allowed(texts):
    with pytest.raises(DataError, match="year first, such as 2013-W05"):
        time_values(pd.Series(texts), "The column")


def test_an_ordered_category_is_a_time_and_its_missing_cells_are_told():
    kind = pd.CategoricalDtype(["spring", "summer", "autumn"], ordered=True)
    assert time_values(pd.Series(["autumn", "spring"], dtype=kind), "x").tolist() == [2, 0]
    with pytest.raises(DataError, match="missing in 1 of 2"):
        time_values(pd.Series(["autumn", None], dtype=kind), "x")
