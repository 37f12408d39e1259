"""The prepared file: made whole or not at all, mapped, and refused when it is not ours."""

import h5py
import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data import description, file_format, preparation
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.tables import read_table
from agebo_hpc.errors import DataError, InputMissingError, UsageError


def prepared(table, tmp_path, target="grade", name="d.h5", **options):
    return prepare_dataset(table, target, tmp_path / name, PrepareOptions(**options))


def test_parts_hold_the_rows_of_the_table(table, tmp_path):
    data = prepared(table.assign(row=np.arange(600.0)), tmp_path)
    scale = next(e for e in data.preprocessing.encoders if e.column == "row")
    column = data.feature_names.index("row")
    seen = []
    for part in (data.train, data.validation, data.test):
        rows = np.rint(part.x[:, column] * scale.scale + scale.mean).astype(int)
        labels = data.preprocessing.decode_target(part.y)
        assert labels.tolist() == table["grade"][rows].tolist()
        seen += rows.tolist()
    assert sorted(seen) == list(range(600))
    for part, share in {"train": 0.42, "validation": 0.25, "test": 0.33}.items():
        assert abs(data.num_rows[part] - 600 * share) <= 3


def test_arrays_are_read_only_maps_aligned_to_64_bytes(table, tmp_path):
    data = prepared(table, tmp_path)
    for part in (data.train, data.validation, data.test):
        assert isinstance(part.x, np.memmap) and not part.x.flags.writeable
        assert part.x.dtype == np.float32 and part.y.dtype == np.int32
        assert part.x.ctypes.data % 64 == 0 and part.y.ctypes.data % 64 == 0
        assert np.isfinite(part.x).all()
    with h5py.File(data.path) as file:
        np.testing.assert_array_equal(file["train/x"][()], data.train.x)


def test_fitting_uses_the_training_part_only(table, tmp_path):
    before = prepared(table, tmp_path)
    held_out = np.setdiff1d(np.arange(600), training_rows(table, tmp_path))
    spoilt = table.copy()
    spoilt.loc[held_out, "size"] = 1e6
    after = prepared(spoilt, tmp_path, name="e.h5")
    assert after.preprocessing == before.preprocessing
    np.testing.assert_array_equal(after.train.x, before.train.x)


def training_rows(table, tmp_path):
    data = prepared(table.assign(row=np.arange(600.0)), tmp_path, name="rows.h5")
    scale = next(e for e in data.preprocessing.encoders if e.column == "row")
    x = data.train.x[:, data.feature_names.index("row")]
    return np.rint(x * scale.scale + scale.mean).astype(int)


def test_training_rows_are_cross_fitted_and_the_others_not(table, tmp_path):
    data = prepared(table, tmp_path, target="price", drop=("grade",))
    rows = training_rows_of_price(table, data)
    again = data.preprocessing.transform(table.iloc[rows])
    column = data.feature_names.index("city target mean")
    same = [i for i in range(data.num_features) if i != column]
    np.testing.assert_allclose(again[:, same], data.train.x[:, same], atol=1e-6)
    assert np.abs(again[:, column] - data.train.x[:, column]).max() > 0.01


def training_rows_of_price(table, data):
    price = data.preprocessing.decode_target(data.train.y)
    return [int((table["price"] - value).abs().argmin()) for value in price]


def test_a_regression_target_is_standardised_and_comes_back(table, tmp_path):
    data = prepared(table, tmp_path, target="price")
    assert data.task == "regression" and data.num_outputs == 1 and data.class_labels is None
    assert abs(data.train.y.mean()) < 1e-5 and abs(data.train.y.std() - 1) < 1e-5
    back = data.preprocessing.decode_target(data.test.y)
    assert np.isin(np.round(back, 2), np.round(table["price"], 2)).mean() > 0.95


def test_the_same_seed_makes_the_same_data_set(table, tmp_path):
    a, b = (
        prepared(table, tmp_path),
        prepared(
            table,
            tmp_path,
            name="d2.h5",
        ),
    )
    other = prepared(table, tmp_path, name="o.h5", seed=1)
    np.testing.assert_array_equal(a.train.x, b.train.x)
    assert not np.array_equal(a.train.y[:50], other.train.y[:50])
    assert a.fingerprint != other.fingerprint


def test_the_fingerprint_is_that_of_the_content(table, tmp_path):
    (tmp_path / "x").mkdir()
    first = prepared(table, tmp_path)
    second = prepared(table, tmp_path / "x", name="other.h5")
    assert first.fingerprint == second.fingerprint
    third = prepared(table.assign(size=table["size"] + 1e-3), tmp_path, force=True)
    assert third.fingerprint != first.fingerprint


def test_blocks_do_not_change_the_content(table, tmp_path, monkeypatch):
    whole = prepared(table, tmp_path)
    monkeypatch.setattr(preparation, "BLOCK_ROWS", 7)
    parts = prepared(table, tmp_path, name="e.h5")
    np.testing.assert_array_equal(whole.train.x, parts.train.x)
    np.testing.assert_array_equal(whole.test.y, parts.test.y)


def test_an_existing_file_is_replaced_only_when_asked(table, tmp_path):
    first = prepared(table, tmp_path)
    content = first.path.read_bytes()
    with pytest.raises(UsageError, match="--force"):
        prepared(table, tmp_path, seed=1)
    assert first.path.read_bytes() == content
    prepared(table, tmp_path, seed=1, force=True)
    assert first.path.read_bytes() != content


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(table, tmp_path, monkeypatch):
    first = prepared(table, tmp_path)
    content = first.path.read_bytes()

    def interrupt(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Preprocessing, "encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepared(table, tmp_path, force=True)
    assert first.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [first.path]


def test_a_table_is_not_overwritten_by_its_own_data_set(table, tmp_path):
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    with pytest.raises(UsageError, match="the table itself"):
        prepare_dataset(path, "grade", path, PrepareOptions(force=True))


def test_a_data_set_made_from_csv_equals_that_of_the_frame(table, tmp_path):
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    data = prepare_dataset(path, "grade", tmp_path / "c.h5")
    np.testing.assert_allclose(data.train.x, prepared(table, tmp_path).train.x, atol=1e-6)


def test_new_rows_from_csv_are_read_like_those_of_training(table, tmp_path):
    table["count"] = table["count"].where(table["count"] > 0)
    data = prepared(table, tmp_path, categorical=("count", "flag"), one_hot_levels=5)
    path = tmp_path / "new.csv"
    table[:50].drop(columns="grade").to_csv(path, index=False)
    new = read_table(path, text=data.preprocessing.category_columns)
    np.testing.assert_allclose(
        data.preprocessing.transform(new), data.preprocessing.transform(table[:50]), atol=1e-6
    )


def test_an_index_column_without_a_name_is_refused(table, tmp_path):
    path = tmp_path / "t.csv"
    table.to_csv(path)
    with pytest.raises(DataError, match="Column 1 has no name"):
        prepare_dataset(path, "grade", tmp_path / "c.h5")
    options = PrepareOptions(drop=("Unnamed: 0",))
    assert prepare_dataset(path, "grade", tmp_path / "c.h5", options).num_rows["train"] > 0


def test_opening_a_missing_file_says_so(tmp_path):
    with pytest.raises(InputMissingError, match=r"no\.h5"):
        open_dataset(tmp_path / "no.h5")


def spoil(path, **attributes):
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            file.attrs[name] = value


def test_a_newer_format_names_both_versions(table, tmp_path):
    path = prepared(table, tmp_path).path
    spoil(path, format_version=99)
    with pytest.raises(DataError, match=r"version 99.*up to 4"):
        open_dataset(path)


def test_hdf5_of_another_program_names_what_was_found(table, tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = [1]
    with pytest.raises(DataError, match=rf"weights.*{file_format.FORMAT}"):
        open_dataset(path)
    spoil(path, format="agebo_hpc-history")
    with pytest.raises(DataError, match="agebo_hpc-history"):
        open_dataset(path)


def test_what_is_no_hdf5_is_refused(tmp_path):
    (tmp_path / "d.h5").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not an HDF5 file"):
        open_dataset(tmp_path / "d.h5")
    with pytest.raises(DataError, match="a directory"):
        open_dataset(tmp_path)


def test_a_truncated_data_set_is_refused(table, tmp_path):
    path = prepared(table, tmp_path).path
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match="damaged"):
        open_dataset(path)


def test_a_data_set_that_lost_an_array_is_refused(table, tmp_path):
    path = prepared(table, tmp_path).path
    with h5py.File(path, "r+") as file:
        del file["test/y"]
    with pytest.raises(DataError, match="damaged"):
        open_dataset(path)


def test_too_few_rows_are_refused(table, tmp_path):
    with pytest.raises(DataError, match="9 rows; at least 10"):
        prepared(table[:9], tmp_path)


def test_duplicate_columns_of_a_frame_are_refused(table, tmp_path):
    twice = pd.concat([table, table[["size"]]], axis=1)
    with pytest.raises(DataError, match="'size'"):
        prepared(twice, tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": (0.5, 0.5, 0.5)}, "sum 1"),
        ({"task": "ranking"}, "'ranking'"),
        ({"one_hot_levels": 0}, "one-hot-levels is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"drop": ("siez",)}, "Did you mean 'size'"),
        ({"categorical": ("nothing",)}, "--categorical is 'nothing'"),
        ({"drop": ("grade",)}, "--drop names the target"),
        ({"categorical": ("grade",), "task": "regression"}, "--task is regression"),
        ({"drop": ("size",), "categorical": ("size",)}, "both name 'size'"),
    ],
)
def test_a_wrong_option_is_refused(table, tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        prepared(table, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_the_description_counts_classes_and_columns(table, tmp_path):
    facts = description.describe(prepared(table.assign(one=1), tmp_path))
    for part, rows in facts["rows"].items():
        assert sum(entry[part] for entry in facts["classes"]) == rows
    counts = table["grade"].value_counts()
    for entry in facts["classes"]:
        assert sum(entry[part] for part in facts["rows"]) == counts[entry["label"]]
    assert facts["not_used"] == {"one": "the same value in all training rows"}
    assert sum(column["features"] for column in facts["columns"]) == facts["num_features"]
    assert [c["missing_in_training"] for c in facts["columns"] if c["name"] == "size"] == [True]
