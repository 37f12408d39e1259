"""Fitting on the training part; every result equals scikit-learn's own."""

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn.preprocessing
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold

from agebo_hpc.data.cross_fitting import CrossFitting
from agebo_hpc.data.encoders import TargetMeanEncoder
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.data.scaling import CLIP
from agebo_hpc.errors import DataError

FEATURES = ["size", "count", "city", "colour", "day", "flag", "grade"]


@pytest.fixture
def fitted(table):
    return Preprocessing.fit_transform(table[FEATURES], "grade", task="classification")


def of(preprocessing, x, name):
    return x[:, preprocessing.feature_names.index(name)]


def test_numbers_are_imputed_indicated_and_standardised_as_scikit_learn_does(table, fitted):
    preprocessing, x = fitted
    imputed = SimpleImputer(strategy="median").fit_transform(table[["size"]])
    wanted = sklearn.preprocessing.StandardScaler().fit_transform(imputed)[:, 0]
    np.testing.assert_allclose(of(preprocessing, x, "size"), wanted, atol=1e-6)
    np.testing.assert_array_equal(of(preprocessing, x, "size is missing"), table["size"].isna())


def test_few_levels_are_one_hot_as_scikit_learn_does_with_a_level_for_missing(table, fitted):
    preprocessing, x = fitted
    colour = table["colour"].fillna("~")
    wanted = sklearn.preprocessing.OneHotEncoder(sparse_output=False).fit_transform(
        colour.to_frame()
    )
    start = preprocessing.feature_names.index("colour=blue")
    assert preprocessing.feature_names[start : start + 4] == (
        "colour=blue",
        "colour=green",
        "colour=red",
        "colour is missing",
    )
    np.testing.assert_array_equal(x[:, start : start + 4], wanted)


def folds(kind):
    return kind(5, shuffle=True, random_state=3)


@pytest.mark.parametrize(
    ("target", "type_", "splitter"),
    [
        (np.arange(600) % 2, "binary", StratifiedKFold),
        (np.arange(600) % 3, "multiclass", StratifiedKFold),
        (np.linspace(-1, 1, 600), "continuous", KFold),
    ],
)
def test_many_levels_are_target_encoded_as_scikit_learn_does(table, target, type_, splitter):
    city = table["city"].mask(table.index % 50 == 0)
    encoder, crossfitted = TargetMeanEncoder.fit(city, target, CrossFitting(3))
    theirs = sklearn.preprocessing.TargetEncoder(target_type=type_, cv=folds(splitter))
    levels = city.fillna("missing").to_frame()
    scaler = sklearn.preprocessing.StandardScaler()
    wanted = scaler.fit_transform(theirs.fit_transform(levels, target))
    np.testing.assert_allclose(crossfitted, wanted, atol=1e-5)
    later = scaler.transform(theirs.transform(levels))
    np.testing.assert_allclose(encoder.transform(city), later, atol=1e-5)
    assert encoder.transform(city).shape[1] == len(encoder.features)
    unseen = pd.DataFrame({"city": ["nowhere"]})
    wanted = scaler.transform(theirs.transform(unseen))
    np.testing.assert_allclose(encoder.transform(unseen["city"]), wanted, atol=1e-5)


def test_a_training_row_does_not_see_its_own_target():
    # Every level twice, targets random: the plain mean would give the target away.
    generator = np.random.default_rng(0)
    city = pd.Series([f"c{i // 2}" for i in range(2000)], name="city")
    target = generator.integers(0, 2, 2000)
    encoder, crossfitted = TargetMeanEncoder.fit(city, target, CrossFitting(1))
    assert abs(np.corrcoef(crossfitted[:, 0], target)[0, 1]) < 0.1
    assert np.corrcoef(encoder.transform(city)[:, 0], target)[0, 1] > 0.5


def test_dates_become_the_parts_that_vary(table, fitted):
    preprocessing, x = fitted
    names = [name for name in preprocessing.feature_names if name.startswith("day ")]
    assert names == ["day days", "day month", "day day", "day weekday"]
    wanted = sklearn.preprocessing.StandardScaler().fit_transform(
        table["day"].dt.day_of_week.to_frame()
    )
    np.testing.assert_allclose(of(preprocessing, x, "day weekday"), wanted[:, 0], atol=1e-6)


def test_a_date_that_is_only_there_or_missing_keeps_its_indicator(table):
    table["day"] = pd.Series(pd.Timestamp("2013-01-01"), table.index).mask(table.index % 2 == 0)
    preprocessing, x = Preprocessing.fit_transform(table, "grade", task="classification")
    np.testing.assert_array_equal(of(preprocessing, x, "day days is missing"), table["day"].isna())


def test_preprocessing_goes_through_json_unchanged(table, fitted):
    preprocessing, _ = fitted
    again = Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict())))
    assert again == preprocessing
    np.testing.assert_array_equal(again.transform(table), preprocessing.transform(table))


def test_a_damaged_description_is_refused():
    for broken in ({}, {"columns": [{"encoder": "pickle"}], "target": {}, "dropped": {}}):
        with pytest.raises(DataError, match="prepare the data set again"):
            Preprocessing.from_dict(broken)


def test_unseen_levels_and_missing_cells_give_finite_features(table, fitted):
    preprocessing, _ = fitted
    row = pd.DataFrame({name: [None, None] for name in FEATURES}, dtype=object)
    row["colour"] = ["violet", None]
    x = preprocessing.transform(row)
    assert np.isfinite(x).all()
    start = preprocessing.feature_names.index("colour=blue")
    assert x[0, start : start + 4].tolist() == [0, 0, 0, 0]
    assert x[1, start : start + 4].tolist() == [0, 0, 0, 1]


def test_numbers_far_outside_training_stay_bounded(table, fitted):
    preprocessing, _ = fitted
    x = preprocessing.transform(table.assign(size=1e90))
    assert of(preprocessing, x, "size").max() == CLIP


def test_extra_columns_and_their_order_do_not_matter(table, fitted):
    preprocessing, _ = fitted
    shuffled = table[table.columns[::-1]].assign(other="text")
    np.testing.assert_array_equal(
        preprocessing.transform(shuffled), preprocessing.transform(table)
    )


def test_missing_columns_are_named(table, fitted):
    with pytest.raises(DataError, match="no column 'count', 'day'"):
        fitted[0].transform(table.drop(columns=["count", "day"]))


def test_text_in_a_numeric_column_is_named_when_predicting(table, fitted):
    spoilt = table.assign(count=["few"] + ["3"] * 599)
    with pytest.raises(DataError, match=r"'count'.*'few' \(1 of the cells\)"):
        fitted[0].transform(spoilt)


def test_columns_that_tell_nothing_are_dropped_with_the_reason(table):
    table = table.assign(one=1, again=table["size"], id=[f"row{i}" for i in range(600)])
    dropped = Preprocessing.fit(table, "grade", task="classification").dropped
    assert dropped == {
        "one": "the same value in all training rows",
        "again": "identical with 'size'",
        "id": "a different value in every training row",
    }


def test_a_table_with_nothing_to_learn_from_is_refused(table):
    with pytest.raises(DataError, match="No feature column is left"):
        Preprocessing.fit(table[["grade"]].assign(one=1), "grade", task="classification")


@pytest.mark.parametrize("cell", [np.nan, None, "", "?", pd.NaT])
def test_columns_without_a_value_are_not_used_and_do_not_stop_the_others(table, cell):
    gaps = table.assign(gap=pd.Series([cell] * 600), second=pd.Series([cell] * 600))
    fitted = Preprocessing.fit(gaps, "grade", task="classification")
    assert fitted.dropped.keys() == {"gap", "second"}
    assert set(fitted.dropped.values()) == {"no value that can be used in any training row"}
    assert fitted.transform(table).shape[0] == 600


def test_a_number_can_be_declared_a_category(table):
    preprocessing = Preprocessing.fit(
        table, "grade", task="classification", categorical=["count"], one_hot_levels=4
    )
    assert "count" in preprocessing.category_columns
    assert "count share of class 0" in preprocessing.feature_names


def test_transform_needs_no_second_copy_in_double_precision():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(20_000, 50)).astype(np.float32))
    table = table.rename(columns=str).assign(y=np.arange(20_000) % 2)
    preprocessing = Preprocessing.fit(table, "y", task="classification")
    tracemalloc.start()
    x = preprocessing.transform(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * x.nbytes


def test_a_description_from_before_readings_reads_as_before():
    one_hot = {"encoder": "one-hot", "column": "c", "levels": ["0.5", "0.50", "NA", "TRUE", None]}
    numeric = {"encoder": "numeric", "column": "n", "median": 0.0, "mean": 0.0, "scale": 2.0,
               "indicator": False}  # fmt: skip
    day = {
        "encoder": "datetime",
        "column": "d",
        "parts": {"days": {**numeric, "column": "d days"}},
    }
    del day["parts"]["days"]["encoder"]
    target = {"task": "regression", "name": "y", "mean": 0.0, "scale": 1.0}
    old = {"target": target, "columns": [one_hot, numeric, day], "dropped": {}}
    rows = pd.DataFrame(
        {"c": ["0.50", "NA", "", "true", "TRUE"], "n": ["2"] * 5, "d": ["1970-01-03"] * 5}
    )
    x = Preprocessing.from_dict(old).transform(rows)
    assert x[:, :5].tolist() == [
        [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0],
    ]  # fmt: skip
    assert x[:, 5].tolist() == [1] * 5 and x[:, 6].tolist() == [1] * 5


@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e-120, 1.0, 1e90])
def test_numbers_of_any_size_are_standardised_and_beyond_the_largest_dropped(factor):
    table = pd.DataFrame({"tiny": np.arange(1, 9) * factor, "huge": np.arange(1, 9) * 1e150})
    table["y"] = [0, 1] * 4
    preprocessing, x = Preprocessing.fit_transform(table, "y", task="classification")
    assert preprocessing.feature_names == ("tiny",)
    assert abs(x.std() - 1) < 1e-3
    far = preprocessing.transform(pd.DataFrame({"tiny": [9e99, -9e99]}))
    assert np.isfinite(far).all() and np.abs(far).max() <= CLIP
    assert preprocessing.dropped == {"huge": "no value that can be used in any training row"}


def test_the_notation_of_training_reads_rows_to_predict(table):
    euro = table.assign(size=[f"{v:.3f}".replace(".", ",") for v in range(600)])
    preprocessing = Preprocessing.fit(euro, "grade", task="classification")
    again = Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict())))
    assert again == preprocessing and "size" in again.category_columns
    numbers = table.assign(size=np.arange(600.0))
    np.testing.assert_array_equal(again.transform(euro), again.transform(numbers))
    plain = Preprocessing.fit(numbers, "grade", task="classification")
    with pytest.raises(DataError, match=r"'size'.*'0,000', .*600 of the cells\) in rows 1, 2"):
        plain.transform(euro)
