"""Parts as files of their own and as arrays; what is stored and told of a split."""

import h5py
import numpy as np
import pandas as pd
import pytest
from prepared_parts import prepared, rows_of

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.description import describe
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.splitting.arrays import SplitArrays
from agebo_hpc.data.splitting.record import SplitRecord
from agebo_hpc.errors import DataError, UsageError

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
        ({"times": np.zeros((3, 2))}, UsageError),
        ({"times": np.zeros((4, 0))}, UsageError),
        ({"times": [[1, 2], [1, None], [2, 2], [3, 3]]}, DataError),
        ({"times": ["Q1 2013", "Q2 2013", "Q1 2014", "Q1 2015"]}, DataError),
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
    assert prepared(counted, tmp_path, group="person").schema["format_version"] == 3
    assert prepared(counted, tmp_path, time="day").schema["format_version"] == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fold": "count", "split": (0.5, 0.3, 0.2)}, "so --split cannot"),
        ({"time": "when"}, "--time is 'when', but the table has no such column"),
        ({"group": "grade"}, "--group names the target"),
        ({"fold": "person", "group": "person"}, "--group and --fold both name 'person'"),
        ({"time": ("day", "day")}, "--time names 'day' twice"),
        ({"time": "day,month"}, "--time is 'month', but the table has no such column"),
        ({"group": "count", "weight": "count"}, "--group and --weight both name 'count'"),
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
    remarks = prepared(counted, tmp_path, group="person").remarks
    assert not any("shares" in remark for remark in remarks)


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
        {"by": "time", "num_times": "many"},
        {"by": "time", "left_out": -1},
        {"by": "time", "time_columns": [3]},
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


def remarks_of(counted, tmp_path, **changes):
    """Return what is said of files of rows 0 to 300, 300 to 450 and the rest, but for some."""
    frames = {"validation": counted[300:450], "test": counted[450:]}
    frames |= {part: change(frames[part]) for part, change in changes.items()}
    return prepared(counted[:300], tmp_path, given=frames).schema.get("remarks", [])


def test_rows_that_are_in_two_files_are_counted(counted, tmp_path):
    assert not any("are equal to" in line for line in remarks_of(counted, tmp_path))
    again = remarks_of(
        counted,
        tmp_path,
        validation=lambda part: pd.concat([part, counted[:20]]),
        test=lambda part: pd.concat([counted[290:310], part])[list(part.columns)[::-1]],
    )
    said = [line for line in again if "are equal to" in line]
    assert "20 of 170 rows of the validation part are equal to rows of the train part" in said[0]
    assert "10 of 170 rows of the test part are equal to rows of the train part" in said[1]
    assert "10 of 170 rows of the test part are equal to rows of the validation part" in said[2]
    other = remarks_of(counted, tmp_path, test=lambda _: counted[:100].assign(grade="low"))
    low = int((counted["grade"][:100] == "low").sum())
    assert any(f"{low} of 100 rows of the test part" in line for line in other)


def test_levels_and_numbers_that_only_other_files_have_are_counted(counted, tmp_path):
    said = remarks_of(counted, tmp_path, test=lambda part: part.assign(colour="new", size=1e6))
    [line] = [line for line in said if line.startswith("In the test part")]
    assert "('colour' 150)" in line and "'size' 150" in line


def test_a_table_without_the_target_is_told(counted, tmp_path):
    with pytest.raises(DataError, match="test table has no column 'grade', the target"):
        remarks_of(counted, tmp_path, test=lambda part: part.drop(columns="grade"))
