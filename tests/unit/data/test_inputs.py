"""Several inputs: columns are divided, those that are alike are encoded alike."""

import json

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.inputs import divide, parse_input
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.errors import DataError, UsageError

INPUTS = (("cell", "*"), ("a", "a_*"), ("b", "b_*"))
COLUMNS = ("size", "a_dose", "a_drug", "b_dose", "b_drug")


def pairs(rows=400, seed=0):
    """Return a table with two inputs alike whose columns have other ranges and levels."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a_dose": rng.normal(5, 1, rows), "size": rng.normal(size=rows)})
    frame["b_dose"] = rng.normal(-5, 3, rows)
    frame["b_drug"] = rng.choice(["y", "z"], rows)
    frame["a_drug"] = rng.choice(["x", "y"], rows)
    frame["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), "D")
    frame["a_day"] = frame["day"]
    frame["b_day"] = frame["day"] + pd.Timedelta(days=400)
    return frame.assign(gain=frame["a_dose"] - frame["b_dose"] + frame["size"])


def prepared(tmp_path, frame=None, **options):
    frame = pairs() if frame is None else frame
    inputs = (("cell", "size"), ("cell", "day"), *INPUTS[1:])
    chosen = {"inputs": inputs, "alike": (("a", "b"),), **options}
    return prepare_dataset(frame, "gain", tmp_path / "d.h5", PrepareOptions(**chosen))


def test_columns_go_where_their_name_or_pattern_says_and_a_full_name_goes_first():
    division = divide(COLUMNS, (("rest", "*"), ("a", "a_dose"), ("a", "a_drug")))
    assert division.inputs == {"rest": ("size", "b_dose", "b_drug"), "a": ("a_dose", "a_drug")}
    assert parse_input("cell=gene_*") == ("cell", "gene_*")


@pytest.mark.parametrize(
    ("inputs", "alike", "text"),
    [
        (INPUTS, (), "'a_dose' fits the inputs a, cell"),
        (INPUTS[1:], (), "'size' fits no --input"),
        ((("all", "*"), ("none", "colour")), (), "--input none has no column"),
        ((("c", "size"), *INPUTS[1:]), (("a", "drug"),), "--alike is a,drug"),
        ((("c", "size"), *INPUTS[1:]), (("a", "b"), ("b", "c")), "names b twice"),
        ((("c", "size"), *INPUTS[1:]), (("a", "c"),), "c has 1 columns and a 2"),
        ((), (("a", "b"),), "there is no --input"),
    ],
)
def test_a_division_that_is_not_clear_is_refused(inputs, alike, text):
    with pytest.raises(UsageError, match=text):
        divide(COLUMNS, inputs, alike)


@pytest.mark.parametrize("text", ["cell", "=*", "cell="])
def test_an_input_without_name_or_pattern_is_refused(text):
    with pytest.raises(UsageError, match="write NAME=COLUMN"):
        parse_input(text)


def test_inputs_are_ranges_of_features_and_those_alike_have_equal_shape(tmp_path):
    data = prepared(tmp_path)
    found = [(item.name, item.stop - item.start, item.alike) for item in data.inputs]
    (cell, width, _), *others = found
    assert cell == "cell" and others == [("a", others[0][1], "a"), ("b", others[0][1], "a")]
    assert data.input_widths == (width, others[0][1], others[0][1])
    assert sum(data.input_widths) == data.num_features == data.train.x.shape[1]
    names = [n.replace("b_", "a_") for n in data.feature_names]
    assert names[width : width + others[0][1]] == names[width + others[0][1] :]


def test_inputs_alike_are_encoded_by_what_was_fitted_to_both(tmp_path):
    frame = pairs()
    data = prepared(tmp_path, frame)
    # A row whose two inputs hold the same cells has the same features in both.
    twin = frame.assign(b_dose=frame["a_dose"], b_drug=frame["a_drug"], b_day=frame["a_day"])
    x = data.preprocessing.transform(twin)
    a, b = (x[:, item.start : item.stop] for item in data.inputs[1:])
    np.testing.assert_array_equal(a, b)
    assert {"a_drug=x", "a_drug=z", "b_drug=x", "b_drug=z"} <= set(data.feature_names)
    doses = [data.feature_names.index(f"{name}_dose") for name in "ab"]
    both = data.train.x[:, doses]
    assert abs(both.mean()) < 1e-5 and abs(both.std() - 1) < 1e-5
    assert both[:, 0].mean() > 0.8 and both[:, 1].mean() < -0.8
    again = Preprocessing.from_dict(json.loads(json.dumps(data.preprocessing.to_dict())))
    np.testing.assert_array_equal(again.transform(twin), x)


def test_a_column_that_says_nothing_is_left_out_of_all_inputs_alike(tmp_path):
    frame = pairs().assign(a_plate=1, b_plate=1, a_lot=1, b_lot=2)
    data = prepared(tmp_path, frame)
    assert "which it is alike" in data.preprocessing.dropped["b_plate"]
    assert {"a_lot", "b_lot"} <= set(data.feature_names)
    assert data.input_widths[1] == data.input_widths[2]


def test_many_levels_and_other_kinds_in_inputs_alike_are_refused(tmp_path):
    with pytest.raises(DataError, match="3 levels .* --one-hot-levels 3"):
        prepared(tmp_path, one_hot_levels=2)
    with pytest.raises(DataError, match="'a_drug' is category and 'b_drug' is numeric"):
        prepared(tmp_path, pairs().assign(b_drug=np.arange(400)))


def test_a_data_set_without_inputs_has_one(tmp_path):
    data = prepare_dataset(pairs(), "gain", tmp_path / "one.h5")
    assert data.input_widths == (data.num_features,)
    assert "inputs" not in data.schema
