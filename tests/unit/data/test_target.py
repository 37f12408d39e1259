"""The task, the checks of the target and its coding."""

import json

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.target import (
    ClassCoding,
    RealCoding,
    check_target,
    decide_task,
    target_from_dict,
)
from agebo_hpc.errors import DataError


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
