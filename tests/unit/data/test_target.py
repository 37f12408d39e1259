"""The task, the checks of the target and its coding."""

import decimal
import json

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.kinds import Wish
from agebo_hpc.data.target import (
    ClassCoding,
    RealCoding,
    check_target,
    decide_task,
    read_target,
    target_from_dict,
)
from agebo_hpc.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        (pd.Categorical([1.5, 2.5, 3.5]), "classification"),
        (list(range(20)), "classification"),
        (list(range(21)), "regression"),
        ([0.0, 1.0], "classification"),
        ([0.5, 1.0, 2.5], "regression"),
        (["0", "1"], "classification"),
    ],
)
def test_the_task_follows_from_the_target(cells, task):
    assert decide_task(pd.Series(cells)) == task


def test_a_few_words_among_target_numbers_are_named_with_their_remedy():
    with pytest.raises(DataError, match=r"'none' \(1 of the cells\).*--task classification"):
        decide_task(pd.Series(["1.5", "2.5", "none", "3"], name="y"))


@pytest.mark.parametrize(
    "labels", [("a", "b", "c"), (1, 2, 7), (-1.5, 0.0, 2.0), (False, True)], ids=str
)
def test_labels_keep_their_kind_through_json(labels):
    column = pd.Series(list(labels) * 3, name="y")
    coding = target_from_dict(json.loads(json.dumps(ClassCoding.fit(column).to_dict())))
    decoded = coding.decode(coding.encode(column)).tolist()
    assert decoded == column.tolist()
    assert [type(label) for label in decoded] == [type(label) for label in column.tolist()]


def test_labels_are_known_again_from_text():
    coding = ClassCoding.fit(pd.Series([1, 2, 10], name="y"))
    assert coding.labels == (1, 2, 10)
    assert coding.encode(pd.Series(["10", "1"])).tolist() == [2, 0]


def test_an_unknown_label_is_named():
    coding = ClassCoding.fit(pd.Series(["a", "b"], name="y"))
    with pytest.raises(DataError, match=r"'z' \(2 rows\)"):
        coding.encode(pd.Series(["a", "z", "z"]))


def test_a_real_target_is_standardised_and_comes_back():
    column = pd.Series([1.0, 5.0, 9.0, 11.0], name="y")
    coding = target_from_dict(json.loads(json.dumps(RealCoding.fit(column).to_dict())))
    y = coding.encode(column)
    assert y.dtype == np.float32 and abs(y.mean()) < 1e-6 and abs(y.std() - 1) < 1e-6
    np.testing.assert_allclose(coding.decode(y), column, rtol=1e-6)


@pytest.mark.parametrize(
    ("cells", "task", "words"),
    [
        (["a", None, "b", None], "classification", "2 of 4"),
        ([1.0, np.nan, 2.0], "regression", "1 of 3"),
        ([1.0, np.inf, -np.inf], "regression", "infinite in 2 of 3"),
        ([2.0, 2.0, 2.0], "regression", "2 in all 3 rows"),
        (["a"] * 5, "classification", "one class 'a'"),
        (["a"] * 5 + ["b"], "classification", r"'b' \(1 row\)"),
        (["a"] * 5 + ["b"] * 2, "classification", r"'b' \(2 rows\)"),
        (["a", "b", "c"], "regression", "'a', 'b', 'c'"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused(cells, task, words):
    with pytest.raises(DataError, match=words):
        check_target(pd.Series(cells, name="y"), task)


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        ([decimal.Decimal(i) / 4 for i in range(30)], "regression"),
        (pd.to_timedelta(range(30), "s"), "regression"),
        (pd.to_timedelta([0, 1] * 15, "s"), "regression"),
        ([f"{i} days 00:00:00" for i in range(30)], "regression"),
        ([f"{i},5" for i in range(30)], "regression"),
        ([f"{i}%" for i in range(30)], "regression"),
        (["TRUE", "FALSE"] * 15, "classification"),
        (["true", "false"] * 15, "classification"),
        ([0.0, -0.0, 1.0] * 10, "classification"),
        (["01", "02", "03"] * 10, "classification"),
        (pd.array([1, 2] * 15, dtype="Int64"), "classification"),
        (pd.array([i / 2 for i in range(30)], dtype="Float64"), "regression"),
        (pd.array([i / 2 for i in range(30)], dtype="double[pyarrow]"), "regression"),
        (np.arange(30, dtype=">f8") / 2, "regression"),
    ],
)
def test_the_task_is_the_same_in_every_type_and_notation(cells, task):
    column = pd.Series(cells, name="y")
    known = read_target(column)
    assert known.task == task
    y = known.coding(known.values).encode(known.values)
    assert np.isfinite(y).all() and y.min() < y.max()


def test_labels_come_back_as_they_were_written():
    column = pd.Series(["01", "02"] * 10, name="y")
    for wish in (Wish(), Wish("text"), Wish("level")):
        known = read_target(column, wish=wish)
        assert known.coding(known.values).labels == ("01", "02")
    known = read_target(column, "classification", Wish("number"))
    assert known.coding(known.values).labels == (1, 2)


@pytest.mark.parametrize(
    ("cells", "told", "way"),
    [
        (["None"] * 20 + ["NA"] * 5, "'None' in 20, 'NA' in 5", True),
        ([" n/a "] * 3, "'n/a' in 3", True),
        ([""] * 4, "empty, NA, None or NaN", False),
        ([None, float("nan")], "empty, NA, None or NaN", False),
    ],
)
def test_a_missing_target_names_the_texts_that_were_taken_for_missing(cells, told, way):
    column = pd.Series([*cells, *["yes", "no"] * 10], name="the target", dtype=object)
    with pytest.raises(DataError) as raised:
        read_target(column)
    assert f"missing ({told}) in {len(cells)} of {len(column)}" in str(raised.value)
    assert ("--text 'the target'" in str(raised.value)) == way
    if way:
        kept = read_target(column, wish=Wish("text"))
        assert {str(cell) for cell in cells} <= set(kept.values)


def test_text_labels_keep_blanks_and_words_for_missing_only_if_they_are_text():
    column = pd.Series(["NA", " a", "a"] * 10, name="y")
    with pytest.raises(DataError, match="missing .* in 10 of 30"):
        read_target(column)
    known = read_target(column, wish=Wish("text"))
    coding = target_from_dict(json.loads(json.dumps(known.coding(known.values).to_dict())))
    assert coding.labels == (" a", "NA", "a")
    assert coding.encode(column).tolist()[:3] == [1, 0, 2]


def test_the_same_label_in_another_type_is_the_same_class():
    coding = ClassCoding.fit(pd.Series([0.1, 0.5], dtype="float32", name="y"))
    assert coding.labels == (0.1, 0.5)
    for cells in (["0.10", "0.50"], [0.1, 0.5], [decimal.Decimal("0.1"), decimal.Decimal("0.5")]):
        assert coding.encode(pd.Series(cells)).tolist() == [0, 1]
    coding = ClassCoding.fit(pd.Series(["TRUE", "FALSE"], name="y"))
    assert coding.encode(pd.Series([True, False])).tolist() == [1, 0]


def test_minus_zero_is_zero():
    coding = ClassCoding.fit(pd.Series([-0.0, 0.0, 1.0], name="y"))
    assert coding.labels == (0.0, 1.0) and str(coding.labels[0]) == "0.0"


@pytest.mark.parametrize(
    ("task", "wish", "words"),
    [
        ("regression", Wish("text"), "--text y makes classes"),
        ("regression", Wish("level"), "--categorical y makes classes"),
        ("auto", Wish("date"), "--date y names the target"),
    ],
)
def test_a_wish_that_contradicts_the_task_is_refused(task, wish, words):
    with pytest.raises(UsageError, match=words):
        read_target(pd.Series([1, 2] * 10, name="y"), task, wish)


def test_few_bad_cells_of_a_target_are_named_with_their_rows():
    with pytest.raises(DataError, match=r"'soon' \(1 of the cells\) in row 31; .*--task class"):
        read_target(pd.Series([*map(str, range(30)), "soon"], name="y"))


def test_dates_are_no_target_unless_they_are_classes():
    column = pd.Series(pd.to_datetime(["2013-01-01", "2013-01-02"] * 5), name="y")
    with pytest.raises(DataError, match="--categorical y"):
        read_target(column)
    known = read_target(column, wish=Wish("level"))
    assert known.coding(known.values).labels == ("2013-01-01", "2013-01-02")


def test_tiny_targets_are_standardised():
    column = pd.Series([1e-200, 3e-200, 2e-200], name="y")
    coding = RealCoding.fit(column)
    y = coding.encode(column)
    assert abs(y.std() - 1) < 1e-6
    np.testing.assert_allclose(coding.decode(y), column, rtol=1e-6)


def test_a_coding_from_before_readings_knows_its_labels_as_before():
    old = {"task": "classification", "name": "y", "labels": ["0.5", "0.50", "TRUE"]}
    coding = target_from_dict(old)
    assert coding.encode(pd.Series(["0.50", "TRUE", "0.5"])).tolist() == [1, 2, 0]
