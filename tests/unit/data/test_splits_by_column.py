"""Splits by time, group and fold, and without a test part: what is where, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared_parts import prepared, rows_of

from agebo_hpc.data.splits import PARTS, SPLIT
from agebo_hpc.data.splitting.arrays import SplitArrays, divide_rows
from agebo_hpc.data.splitting.by_group import divide_groups
from agebo_hpc.data.splitting.by_time import divide_times
from agebo_hpc.errors import DataError

# --- no test part -----------------------------------------------------------------------------


def test_without_a_test_share_there_is_no_test_part_and_all_rows_are_used(counted, tmp_path):
    data = prepared(counted, tmp_path, split=(0.75, 0.25, 0))
    assert sum(data.num_rows.values()) == 600 and abs(data.num_rows["train"] - 450) <= 2
    assert not data.has_test and data.test.x.shape == (0, data.num_features)
    data.verify()
    assert any("no test part" in line for line in data.remarks)
    assert data.class_counts("test") == (0, 0, 0)
    together = np.concatenate([rows_of(data, counted, p) for p in PARTS])
    assert sorted(together) == list(range(600))


def test_a_class_of_two_rows_is_enough_for_two_parts(table, tmp_path):
    table.loc[table.index[:2], "grade"] = "rare"
    with pytest.raises(DataError, match="three parts"):
        prepared(table, tmp_path)
    data = prepared(table, tmp_path, split=(0.5, 0.5, 0))
    assert data.class_counts("train")[2] == data.class_counts("validation")[2] == 1


# --- time -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(0, 30), min_size=6, max_size=200).filter(lambda t: len(set(t)) > 2),
    shares=st.sampled_from([(0.42, 0.25, 0.33), (0.9, 0.05, 0.05), (0.1, 0.1, 0.8), (0.5, 0.5)]),
)
def test_times_are_in_order_and_no_time_is_on_two_sides(times, shares):
    times = np.array(times)
    parts = divide_times(times, shares)
    found = [times[parts == number] for number in range(len(shares))]
    assert all(len(some) for some in found)
    for older, newer in zip(found[:-1], found[1:], strict=True):
        assert older.max() < newer.min()


def test_borders_of_times_are_those_nearest_to_the_shares():
    sizes = np.bincount(divide_times(np.arange(1000) % 500, (0.42, 0.25, 0.33)))
    np.testing.assert_array_equal(sizes, [420, 250, 330])


@pytest.mark.parametrize("kind", ["date", "text", "number", "zone"])
def test_the_oldest_rows_train_and_the_newest_test(counted, tmp_path, kind):
    day = counted["day"]
    cells = {
        "date": day,
        "text": day.dt.strftime("%Y-%m-%d"),
        "number": (day - day.min()).dt.days,
        "zone": day.dt.tz_localize("Europe/Paris"),
    }[kind]
    data = prepared(counted.assign(day=cells), tmp_path, time="day")
    spans = [day.iloc[rows_of(data, counted, part)] for part in PARTS]
    assert spans[0].max() < spans[1].min() and spans[1].max() < spans[2].min()
    assert abs(len(spans[0]) / 600 - SPLIT[0]) < 0.02
    assert "day" not in {e.column for e in data.preprocessing.encoders}
    assert data.split.by == "time" and data.split.time == "day"
    assert set(data.split.first) == set(PARTS)
    if kind != "number":
        assert data.split.first["train"].startswith("201")


def test_a_kept_time_is_a_feature(counted, tmp_path):
    data = prepared(counted, tmp_path, time="day", keep=("day",))
    assert "day" in {e.column for e in data.preprocessing.encoders}


def test_missing_times_are_counted(counted, tmp_path):
    counted.loc[:6, "day"] = pd.NaT
    with pytest.raises(DataError, match=r"'day' of --time is missing in 7 of 600 rows"):
        prepared(counted, tmp_path, time="day")


def test_nanoseconds_are_told_apart_and_whole(counted, tmp_path):
    clock = 1_700_000_000_000_000_000 + np.random.default_rng(0).permutation(600)
    data = prepared(counted.assign(clock=clock), tmp_path, time="clock")
    spans = [clock[rows_of(data, counted, part)] for part in PARTS]
    assert spans[0].max() < spans[1].min() and spans[1].max() < spans[2].min()
    assert data.split.last["test"] == "1700000000000000599"


def test_text_is_no_time_and_one_time_cannot_be_split(counted, tmp_path):
    with pytest.raises(DataError, match="holds text such as 'c"):
        prepared(counted, tmp_path, time="city")
    with pytest.raises(DataError, match="1 different time, but"):
        prepared(counted.assign(day=5), tmp_path, time="day")


def test_the_oldest_rows_have_no_target_mean_and_others_that_of_older_rows(counted, tmp_path):
    """A row's mean does not change, whatever happens to targets that come later."""
    options = {"target": "price", "time": "row", "keep": ("row",), "drop": ("grade",)}
    before = prepared(counted, tmp_path, **options)
    middle = 150
    changed = counted.copy()
    late = changed["row"] >= middle
    changed.loc[late, "price"] = changed.loc[late, "price"].to_numpy()[::-1] * 1.7
    after = prepared(changed, tmp_path, name="e.h5", **options)
    means = []
    for data in (before, after):
        encoder = next(e for e in data.preprocessing.encoders if e.column == "city")
        x = data.train.x[:, data.feature_names.index("city target mean")].astype(float)
        own = x * encoder.scale[0] + encoder.center[0]
        unit = data.preprocessing.target
        rows = rows_of(data, counted, "train")
        means.append((own * unit.scale + unit.mean)[np.argsort(rows)])
    # The blocks of 252 training rows begin at 3, 7, 15, 31, 50, 75, ...: the first is neutral.
    early = slice(3, middle)
    np.testing.assert_allclose(means[0][early], means[1][early], rtol=1e-4)
    assert np.abs(means[0][middle + 60 :] - means[1][middle + 60 :]).max() > 1


def test_encoders_see_no_row_after_the_training_part(counted, tmp_path):
    before = prepared(counted, tmp_path, time="row", keep=("row",))
    spoilt = counted.copy()
    later = spoilt["row"] > rows_of(before, counted, "train").max()
    spoilt.loc[later, "size"] = 1e6
    spoilt.loc[later, "city"] = "elsewhere"
    after = prepared(spoilt, tmp_path, name="e.h5", time="row", keep=("row",))
    assert after.preprocessing == before.preprocessing
    np.testing.assert_array_equal(after.train.x, before.train.x)


def test_training_rows_of_one_time_are_cross_fitted_by_chance(counted, tmp_path):
    counted["year"] = np.repeat([2019, 2020, 2021], 200)
    data = prepared(counted, tmp_path, time="year")
    assert data.num_rows == dict.fromkeys(PARTS, 200)
    assert np.isfinite(data.train.x).all()
    assert data.train.x[:, data.feature_names.index("city share of class 0")].std() > 0


# --- group ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), groups=st.integers(3, 120), classes=st.integers(1, 4))
def test_no_group_is_on_two_sides_and_classes_are_close(seed, groups, classes):
    generator = np.random.default_rng(seed)
    of_rows = np.concatenate([np.arange(groups), generator.integers(0, groups, 20 * groups)])
    y = generator.integers(0, classes, len(of_rows)).astype(np.int32)
    parts = divide_rows(len(y), SPLIT, seed, y, SplitArrays(groups=of_rows))
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(y)))
    sides = [set(of_rows[parts[part]]) for part in PARTS]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    if groups >= 60:
        for part, share in zip(PARTS, SPLIT, strict=True):
            found = np.bincount(y[parts[part]], minlength=classes) / np.bincount(y)
            assert np.abs(found - share).max() < 0.08


def test_a_class_of_one_group_is_trained_on():
    groups = np.repeat(np.arange(30), 20)
    y = np.where(groups == 7, 2, groups % 2).astype(np.int32)
    for seed in range(10):
        parts = divide_rows(600, SPLIT, seed, y, SplitArrays(groups=groups))
        assert 2 in y[parts["train"]]


def test_many_small_groups_keep_the_shares_and_take_a_moment():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(100_000), 2)
    y = generator.integers(0, 3, len(groups))
    parts = divide_groups(groups, y, SPLIT, 1)[groups]
    for number, share in enumerate(SPLIT):
        found = np.bincount(y[parts == number]) / np.bincount(y)
        np.testing.assert_allclose(found, share, atol=1e-3)


@pytest.mark.parametrize("kind", [str, int, float])
def test_groups_are_kept_and_told_whatever_their_type(counted, tmp_path, kind):
    numbers = np.arange(600) % 60
    cells = [f"p{n}" for n in numbers] if kind is str else numbers.astype(kind)
    data = prepared(counted.assign(person=cells), tmp_path, group="person")
    sides = [set(numbers[rows_of(data, counted, part)]) for part in PARTS]
    assert sum(map(len, sides)) == 60 == len(set.union(*sides))
    assert data.split.groups == {p: len(s) for p, s in zip(PARTS, sides, strict=True)}
    assert "person" not in {e.column for e in data.preprocessing.encoders}
    for part, people in zip(PARTS, sides, strict=True):
        stored, own = getattr(data, part).groups, numbers[rows_of(data, counted, part)]
        assert len(set(zip(stored.tolist(), own.tolist(), strict=True))) == len(people)


def test_missing_groups_are_counted_and_too_few_are_refused(counted, tmp_path):
    counted.loc[:3, "person"] = None
    with pytest.raises(DataError, match="'person' of --group is missing in 4 of 600 rows"):
        prepared(counted, tmp_path, group="person")
    with pytest.raises(DataError, match="2 groups for 3 parts"):
        prepared(counted.assign(person=np.arange(600) % 2), tmp_path, group="person")


def test_target_means_come_from_other_groups(counted, tmp_path):
    """A city of one person only knows nothing of its own targets: it has the overall mean."""
    counted["city"] = counted["person"]
    data = prepared(
        counted.assign(city=counted["person"] + "!"),
        tmp_path,
        target="price",
        group="person",
        drop=("grade",),
    )
    column = data.train.x[:, data.feature_names.index("city target mean")]
    assert len(np.unique(column)) <= 5
    y = data.train.y
    assert abs(np.corrcoef(column, y)[0, 1]) < 0.5


# --- fold -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folds", "parts"),
    [
        (["train", "validation", "test"], [0, 1, 2]),
        (["TRAIN", "Valid", "Test"], [0, 1, 2]),
        (["training", "val"], [0, 1]),
        ([0, 1, 2, 3, 4], [0, 0, 0, 1, 2]),
        ([1, 2, 3], [0, 1, 2]),
        ([0.0, 1.0], [0, 1]),
        (["0", "1", "2"], [0, 1, 2]),
    ],
)
def test_a_fold_says_the_part(counted, tmp_path, folds, parts):
    which = np.arange(600) % len(folds)
    data = prepared(counted.assign(fold=np.array(folds)[which]), tmp_path, fold="fold")
    for number, part in enumerate(PARTS):
        if number in parts:
            assert {parts[which[row]] for row in rows_of(data, counted, part)} == {number}
    assert data.has_test == (2 in parts) and data.split.by == "fold"
    assert "fold" not in {e.column for e in data.preprocessing.encoders}
    assert sum(data.shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        (["a", "b"], "holds 'a', 'b'; give the names"),
        (["train", "test"], "no row of the validation part"),
        (["train", "other"], "give the names"),
        ([0, 2, 5], "holds '0', '2', '5'"),
        ([2, 3], "holds '2', '3'"),
        ([-1, 0, 1], "give the names"),
        ([True, False], "give the names"),
        ([1.5, 2.5], "give the names"),
        ([3], "give the names"),
        (["train", "validation", None], "missing in 200 of 600"),
    ],
)
def test_other_folds_are_refused(counted, tmp_path, folds, said):
    cells = np.array(folds, dtype=object)[np.arange(600) % len(folds)]
    with pytest.raises(DataError, match=said) as caught:
        prepared(counted.assign(fold=cells), tmp_path, fold="fold")
    assert "\n" not in str(caught.value)


def test_a_fold_that_divides_a_group_is_refused(counted, tmp_path):
    table = counted.assign(fold=np.arange(600) % 7 % 3)
    with pytest.raises(DataError, match=r"group(s are| is) in the train and in the"):
        prepared(table, tmp_path, fold="fold", group="person")
    data = prepared(
        counted.assign(fold=np.arange(600) % 60 % 3), tmp_path, fold="fold", group="person"
    )
    assert data.split.by == "fold" and data.split.groups["test"] == 20
