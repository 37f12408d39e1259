"""Splits by time, group, fold and files of their own: what is where, and what is refused."""

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.description import describe
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.splits import PARTS, SPLIT
from agebo_hpc.data.splitting.arrays import SplitArrays, divide_rows
from agebo_hpc.data.splitting.by_group import divide_groups
from agebo_hpc.data.splitting.by_time import divide_times
from agebo_hpc.data.splitting.record import SplitRecord
from agebo_hpc.errors import DataError, UsageError


def prepared(table, tmp_path, target="grade", name="d.h5", given=None, **options):
    return prepare_dataset(
        table, target, tmp_path / name, PrepareOptions(force=True, **options), **(given or {})
    )


def rows_of(data, table, part, column="row"):
    """Return which rows of the table a part holds, told by a column that counts them."""
    scale = next(e for e in data.preprocessing.encoders if e.column == column)
    x = getattr(data, part).x[:, data.feature_names.index(column)]
    return np.rint(x * scale.scale + scale.mean).astype(int)


@pytest.fixture
def counted(table):
    """Give the table with the number of each row."""
    return table.assign(row=np.arange(600.0), person=[f"p{i % 60}" for i in range(600)])


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


# --- files ------------------------------------------------------------------------------------


def in_files(table, tmp_path, ending=".csv"):
    cuts = {
        "train": table.iloc[:400],
        "validation": table.iloc[400:500],
        "test": table.iloc[500:],
    }
    paths = {}
    for part, some in cuts.items():
        paths[part] = tmp_path / f"{part}{ending}"
        if ending == ".csv":
            some.to_csv(paths[part], index=False)
        else:
            some.reset_index(drop=True).to_parquet(paths[part])
    return paths


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_files_of_their_own_are_the_parts(counted, tmp_path, ending):
    paths = in_files(counted, tmp_path, ending)
    train = paths.pop("train")
    data = prepared(train, tmp_path, given=paths)
    assert data.num_rows == {"train": 400, "validation": 100, "test": 100}
    starts = {"train": 0, "validation": 400, "test": 500}
    for part, start in starts.items():
        rows = rows_of(data, counted, part)
        assert sorted(rows) == list(range(start, start + data.num_rows[part]))
        labels = data.preprocessing.decode_target(getattr(data, part).y)
        assert labels.tolist() == counted["grade"].iloc[rows].tolist()
    assert data.split.files == {part: f"{part}{ending}" for part in PARTS}
    fold = np.repeat([0, 1, 2], [400, 100, 100])
    same = prepared(counted.assign(fold=fold), tmp_path, name="e.h5", fold="fold")
    assert same.preprocessing.encoders == data.preprocessing.encoders
    order = np.argsort(rows_of(data, counted, "test"))
    other = np.argsort(rows_of(same, counted, "test"))
    np.testing.assert_allclose(data.test.x[order], same.test.x[other], atol=1e-6)


def test_encoders_levels_and_kinds_are_of_the_training_file_alone(counted, tmp_path):
    frames = {"validation": counted.iloc[400:500], "test": counted.iloc[500:]}
    before = prepared(counted.iloc[:400], tmp_path, given=frames)
    spoilt = {p: f.assign(size=1e9, city="nowhere", colour="pink") for p, f in frames.items()}
    after = prepared(counted.iloc[:400], tmp_path, name="e.h5", given=spoilt)
    assert after.preprocessing == before.preprocessing
    assert np.isfinite(after.test.x).all()


def test_what_is_text_in_the_training_file_is_text_in_the_others(tmp_path):
    """Codes 007 alone look like numbers, and a class 01 like 1; 1.234,5 is a number."""
    rows = 40
    table = pd.DataFrame(
        {
            "code": ["007", "01a"] * (rows // 2),
            "paid": [f"1.{n:03d},5" for n in range(rows)],
            "ward": ["01", "x2"] * (rows // 2),
            "class": ["01", "x", "01", "y"] * (rows // 4),
        }
    )
    table.to_csv(tmp_path / "train.csv", index=False)
    few = table.iloc[::4].assign(paid="1.234,5", ward="03")
    few.to_csv(tmp_path / "validation.csv", index=False)
    data = prepared(
        tmp_path / "train.csv",
        tmp_path,
        target="class",
        given={"validation": tmp_path / "validation.csv"},
        group="ward",
        drop=(),
    )
    assert data.class_labels == ("01", "x", "y")
    assert data.class_counts("validation") == (10, 0, 0)
    hot = data.feature_names.index("code=007")
    assert (data.validation.x[:, hot] == 1).all()
    train, part = data.train, data.validation
    paid = data.feature_names.index("paid")
    assert train.x[:, paid].max() < 2 and part.x[:, paid].min() > 18
    again = few.assign(ward="01")
    again.to_csv(tmp_path / "validation.csv", index=False)
    with pytest.raises(DataError, match="1 group is in the train and in the validation part"):
        prepared(
            tmp_path / "train.csv",
            tmp_path,
            target="class",
            given={"validation": tmp_path / "validation.csv"},
            group="ward",
        )


def test_files_whose_columns_differ_are_refused_by_name(counted, tmp_path):
    validation = counted.iloc[400:].rename(columns={"size": "Size"}).drop(columns="flag")
    said = r"validation table .* lacks 'size', 'flag' and has besides 'Size'"
    with pytest.raises(DataError, match=said):
        prepared(counted.iloc[:400], tmp_path, given={"validation": validation})


def test_cells_that_do_not_fit_are_told_with_their_table(counted, tmp_path):
    validation = counted.iloc[400:].assign(size="big")
    with pytest.raises(DataError, match=r"In the validation table: .*'size'.*'big'"):
        prepared(counted.iloc[:400], tmp_path, given={"validation": validation})
    unknown = counted.iloc[400:].assign(grade="best")
    with pytest.raises(DataError, match=r"validation part .*'best' \(200 rows\)"):
        prepared(counted.iloc[:400], tmp_path, given={"validation": unknown})
    missing = counted.iloc[400:].assign(grade=None)
    with pytest.raises(DataError, match=r"validation.*200 rows"):
        prepared(counted.iloc[:400], tmp_path, given={"validation": missing})


def test_groups_on_two_sides_of_files_are_refused_also_under_other_types(counted, tmp_path):
    numbers = np.arange(600) // 50
    train = counted.iloc[:400].assign(person=numbers[:400])
    validation = counted.iloc[400:].assign(person=[str(n) for n in numbers[400:]])
    data = prepared(train, tmp_path, given={"validation": validation}, group="person")
    assert data.split.groups == {"train": 8, "validation": 4}
    with pytest.raises(DataError, match="1 group is in the train and in the validation part"):
        late = validation.assign(person="3")
        prepared(train, tmp_path, given={"validation": late}, group="person")


def test_files_that_overlap_in_time_are_refused(counted, tmp_path):
    ordered = counted.sort_values("day", ignore_index=True)
    cut = int((ordered["day"] < ordered["day"].iloc[400]).sum())
    frames = {"validation": ordered.iloc[cut:]}
    data = prepared(ordered.iloc[:cut], tmp_path, given=frames, time="day")
    assert data.split.last["train"] < data.split.first["validation"]
    with pytest.raises(DataError, match="as new as rows of the validation part"):
        prepared(ordered.iloc[100:], tmp_path, given={"validation": ordered[:100]}, time="day")


# --- arrays -----------------------------------------------------------------------------------


def test_arrays_say_what_columns_would(counted, tmp_path):
    by_column = prepared(counted, tmp_path, group="person")
    plain = counted.drop(columns="person")
    arrays = SplitArrays.of(600, groups=counted["person"])
    by_array = prepared(plain, tmp_path, name="e.h5", given={"arrays": arrays})
    np.testing.assert_array_equal(by_column.train.x, by_array.train.x)
    by_time = prepared(
        counted, tmp_path, name="f.h5", given={"arrays": SplitArrays.of(600, times=counted["day"])}
    )
    assert by_time.split.by == "time" and by_time.split.first


def test_positions_are_parts_and_other_rows_are_left_out(counted, tmp_path):
    parts = {"train": np.arange(0, 400), "validation": np.arange(450, 600)}
    data = prepared(counted, tmp_path, given={"arrays": SplitArrays.of(600, parts=parts)})
    assert data.num_rows == {"train": 400, "validation": 150, "test": 0}
    assert sorted(rows_of(data, counted, "validation")) == list(range(450, 600))
    assert data.split.by == "rows"
    masks = {"train": np.arange(600) < 400, "validation": np.arange(600) >= 450}
    again = prepared(counted, tmp_path, given={"arrays": SplitArrays.of(600, parts=masks)})
    assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"groups": [1, 2]}, UsageError),
        ({"groups": [1, None, 2, 3]}, DataError),
        ({"times": [1.0, np.nan, 2, 3]}, DataError),
        ({"groups": [1, 2, 3, 4], "times": [1, 2, 3, 4]}, UsageError),
        ({"parts": {"train": [0, 1]}}, UsageError),
        ({"parts": {"train": [0, 1], "validation": [1, 2]}}, UsageError),
        ({"parts": {"train": [0, 1], "validation": [2, 4]}}, UsageError),
        ({"parts": {"train": [0, 1], "validation": [2, 3], "other": []}}, UsageError),
        ({"parts": {"train": [0.5, 1], "validation": [2, 3]}}, UsageError),
    ],
)
def test_arrays_that_do_not_fit_are_refused(given, error):
    with pytest.raises(error):
        SplitArrays.of(4, **given)


# --- what is stored and told ------------------------------------------------------------------


def test_each_split_is_other_data(counted, tmp_path):
    table = counted.assign(fold=np.arange(600) % 60 % 3)
    ways = [
        {},
        {"split": (0.5, 0.5, 0)},
        {"time": "day"},
        {"group": "person"},
        {"fold": "fold"},
        {"fold": "fold", "group": "person"},
    ]
    drop = ("day", "person", "fold")
    found = [
        prepared(table, tmp_path, drop=[c for c in drop if c not in way.values()], **way)
        for way in ways
    ]
    assert len({data.fingerprint for data in found}) == len(ways)
    for data in found:
        again = open_dataset(data.path)
        assert describe(again)["split_by"]["by"] == again.split.by
        assert again.split_text and "\n" not in again.split_text


def test_a_file_of_before_is_split_by_chance(counted, tmp_path):
    data = prepared(counted, tmp_path)
    assert "split_by" not in data.schema and data.schema["format_version"] == 2
    assert data.split.by == "random" and data.split_text == "0.42,0.25,0.33, seed 42"
    assert data.train.groups is None
    assert prepared(counted, tmp_path, time="day").schema["format_version"] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time": "day", "group": "person"}, "--time and --group are both given"),
        ({"fold": "count", "split": (0.5, 0.3, 0.2)}, "so --split cannot"),
        ({"time": "when"}, "--time is 'when', but the table has no such column"),
        ({"group": "grade"}, "--group names the target"),
        ({"fold": "person", "group": "person"}, "name one column"),
        ({"keep": ("size",)}, "--keep is 'size'"),
        ({"fold": "count", "keep": ("count",)}, "--keep is 'count'"),
        ({"time": "day", "keep": ("day",), "drop": ("day",)}, "--keep and --drop both"),
    ],
)
def test_what_contradicts_is_refused(counted, tmp_path, options, said):
    with pytest.raises(UsageError, match=said) as caught:
        prepared(counted, tmp_path, **options)
    assert "\n" not in str(caught.value) and not (tmp_path / "d.h5").exists()


def test_parts_of_other_shares_than_asked_for_are_told(counted, tmp_path):
    sizes = np.where(np.arange(600) < 450, 0, np.arange(600))
    for way in ({"group": "many"}, {"time": "many"}):
        data = prepared(counted.assign(many=sizes), tmp_path, **way)
        assert any("other shares than 0.42,0.25,0.33: train 75%" in r for r in data.remarks)
    assert not prepared(counted, tmp_path, group="person").remarks


def test_a_damaged_group_is_noticed(counted, tmp_path):
    data = prepared(counted, tmp_path, group="person")
    with h5py.File(data.path, "r+") as file:
        file["test/group"][3] += 1
    with pytest.raises(DataError, match="test/group has the checksum"):
        open_dataset(data.path).verify()


@pytest.mark.parametrize(
    "told",
    [
        {"by": "luck"},
        {"by": "group", "groups": {"train": "many"}},
        {"by": "group", "groups": {"other": 3}},
        {"by": "time", "first": {"train": "a"}},
        {"by": "time", "time": 3},
        {"by": "time", "more": 3},
    ],
)
def test_nonsense_about_a_split_is_refused(told):
    with pytest.raises((ValueError, TypeError)):
        SplitRecord.from_dict(told)


def test_a_column_that_decides_may_be_dropped_too(counted, tmp_path):
    data = prepared(counted, tmp_path, group="person", drop=("person",))
    assert data.split.group == "person"


def test_a_class_that_comes_later_than_training_is_told(counted, tmp_path):
    table = counted.sort_values("day", ignore_index=True)
    table.loc[table.index[-5:], "grade"] = "new"
    with pytest.raises(DataError, match=r"test part cannot be used: .*'new' \(5 rows\)"):
        prepared(table, tmp_path, time="day")
    table.loc[table.index[-5:], "grade"] = "top"
    table.loc[table.index[300:], "grade"] = table["grade"].iloc[300:].replace("low", "mid")
    data = prepared(table, tmp_path, time="day")
    assert any("no row of 1 of 3 classes (low)" in line for line in data.remarks)
