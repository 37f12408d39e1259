"""Columns of codes of a prepared data set: what has some, what they are, and their bounds."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from agebo_hpc.cli.data import info
from agebo_hpc.data import codes as codes_module
from agebo_hpc.data.codes import CodeColumn, CodeFit, Values, largest_column
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.integrity import fingerprint_of
from agebo_hpc.data.numbers import code_inputs, number_features
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.errors import DataError


def table(rows=600, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(0, 1, rows), "month": rng.integers(1, 13, rows)})
    frame["share"] = rng.integers(0, 30, rows) / 7
    frame["flag"] = rng.integers(0, 2, rows)
    frame["sex"] = rng.choice(["f", "m"], rows)
    frame["place"] = rng.choice(["north", "south", "west"], rows)
    frame["town"] = [f"t{i}" for i in rng.integers(0, 40, rows)]
    frame["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D")
    for column in ("share", "place"):
        frame.loc[rng.random(rows) < 0.1, column] = None
    frame["late"] = rng.choice(["no", "yes"], rows)
    return frame


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return prepare_dataset(table(), "late", tmp_path_factory.mktemp("data") / "t.h5")


def test_categories_repeated_numbers_and_parts_of_dates_have_codes(made):
    found = {code.name: code for code in made.preprocessing.codes}
    assert set(found) == {
        "month",
        "share",
        "place",
        "town",
        "day year",
        "day month",
        "day day",
    } | {"day weekday"}
    assert found["month"].size == 13
    # A missing number is a level of its own, as a missing category is.
    assert found["share"].missing == found["share"].size - 1 == 31
    assert found["place"].size == 5
    assert {code.name for code in found.values() if code.is_number} == set(found) - {
        *("place", "town")
    }


def test_codes_are_a_block_of_their_own_and_the_features_are_as_before(made):
    part = made.train
    assert part.codes.dtype == np.int32 and part.codes.shape == (made.num_rows["train"], 8)
    assert part.codes.min() >= 0
    for k, code in enumerate(made.preprocessing.codes):
        # Every code of a training row is one that training has seen.
        assert set(np.unique(part.codes[:, k])) <= set(range(1, code.size))
    without = Preprocessing(made.preprocessing.encoders, made.preprocessing.target, {})
    np.testing.assert_array_equal(
        made.preprocessing.transform(table(50)), without.transform(table(50))
    )


def test_what_training_did_not_have_is_0(made):
    fresh = table(4, seed=1)
    fresh["month"] = [1, 12, 13, 2.5]
    fresh["place"] = ["north", "unheard of", None, " south "]
    fresh["share"] = [np.nan, 3 / 7, float(np.float32(3 / 7)), np.inf]
    _, codes = made.preprocessing.encode(fresh)
    at = {code.name: codes[:, k].tolist() for k, code in enumerate(made.preprocessing.codes)}
    assert at["month"] == [1, 12, 0, 0]
    place = next(e for e in made.preprocessing.encoders if e.column == "place")
    levels = [place.levels.index(level) + 1 for level in ("north", None, "south")]
    assert at["place"] == [levels[0], 0, levels[1], levels[2]]
    # The number of a float32 is that of its text; an infinite one is missing.
    assert at["share"][0] == at["share"][3] == 31
    assert at["share"][1] == at["share"][2] > 0


@pytest.mark.parametrize(
    "kind", [np.float64, np.float32, "Int64", "str"], ids=["float64", "float32", "Int64", "text"]
)
def test_a_number_has_the_same_code_in_any_type(made, kind):
    fresh = table(60, seed=2)
    _, expected = made.preprocessing.encode(fresh)
    fresh["month"] = fresh["month"].astype(kind)
    np.testing.assert_array_equal(made.preprocessing.encode(fresh)[1], expected)


@pytest.mark.parametrize("scale", [1, 1e-9, 1e12, -3.3])
def test_repeated_numbers_of_any_size_are_told_apart(scale):
    numbers = np.repeat(np.arange(-5, 20) * scale, 10)
    fit = CodeFit()
    fit._add_number("a", "", numbers)
    [code] = fit.columns
    assert len(np.unique(code.of_read(numbers))) == 25
    assert (code.of_read(numbers + scale / 3) == 0).all()
    assert (code.of_read(numbers.astype(np.float32).astype(float)) == code.of_read(numbers)).all()


def test_days_written_as_eight_digits_are_told_apart():
    days = np.repeat([20130101.0, 20130102.0, 20130103.0, 20130131.0], 10)
    known = Values.of(np.unique(days))
    assert (known.tolerances < 0.5).all()
    fit = CodeFit()
    fit._add_number("a", "", days)
    assert len(np.unique(fit.columns[0].of_read(days))) == 4
    assert fit.columns[0].of_read(np.array([20130104.0, 20130132.0])).tolist() == [0, 0]


def test_a_number_with_too_many_values_has_no_codes():
    fit = CodeFit()
    fit._add_number("few rows of each", "", np.arange(100.0) // 2)
    fit._add_number("many", "", np.arange(20_000.0) // 10)
    fit._add_number("two", "", np.arange(100.0) % 2)
    fit._add_number("none", "", np.full(100, np.nan))
    assert fit.columns == ()


def test_the_most_frequent_levels_of_very_many_have_codes(monkeypatch, tmp_path):
    monkeypatch.setattr(codes_module, "LARGEST_COLUMN", 11)
    rng = np.random.default_rng(0)
    frame = table(3000)
    frame["town"] = [f"t{int(k)}" for k in rng.geometric(0.05, 3000)]
    made = prepare_dataset(frame, "late", tmp_path / "t.h5")
    code = next(code for code in made.preprocessing.codes if code.column == "town")
    assert code.size == 11 and code.num_shared > 20
    counts = np.bincount(made.train.codes[:, made.preprocessing.codes.index(code)])
    assert (np.diff(counts[1:]) <= 0).all()
    # Their means stay features, for they say more than the codes.
    inputs = dict(zip((c.name for c in made.preprocessing.codes), code_inputs(made), strict=True))
    assert inputs["town"].features == () and inputs["place"].features
    said = CliRunner().invoke(info, [str(made.path)]).stdout
    assert "codes of town: the 10 most frequent levels have one" in said


def test_all_columns_together_have_a_bounded_number_of_codes():
    assert largest_column([10, 100]) == codes_module.LARGEST_COLUMN
    assert largest_column([10**6]) == codes_module.LARGEST_COLUMN
    sizes = [1000] * 2000
    most = largest_column(sizes)
    assert most * 2000 <= codes_module.LARGEST_TABLE < (most + 1) * 2000


def test_features_of_two_values_are_told_when_the_data_are_prepared(made):
    names = made.feature_names
    numbers = [names[k] for k in number_features(made)]
    assert "flag" not in numbers and "share is missing" not in numbers
    assert numbers[:3] == ["size", "month", "share"]


def test_a_third_value_late_in_a_large_table_counts(tmp_path, monkeypatch):
    monkeypatch.setattr("agebo_hpc.data.encoders.SAMPLE_ROWS", 20)
    frame = table(300)
    frame["rare"] = 0
    frame.loc[::3, "rare"] = 1
    made = prepare_dataset(frame, "late", tmp_path / "a.h5")
    assert made.feature_names.index("rare") in made.schema["two_valued"]
    frame.loc[::50, "rare"] = 2
    made = prepare_dataset(frame, "late", tmp_path / "b.h5")
    assert made.feature_names.index("rare") not in made.schema["two_valued"]


def as_version_1(path):
    """Make a prepared file one of the first format: no codes, and what says so left out."""
    with h5py.File(path, "r+") as file:
        schema = json.loads(file["schema"][()])
        del schema["preprocessing"]["codes"], schema["two_valued"], schema["fingerprint"]
        for part in ("train", "validation", "test"):
            del file[f"{part}/codes"], schema["checksums"][f"{part}/codes"]
        del file["schema"]
        file["schema"] = json.dumps({**schema, "fingerprint": fingerprint_of(schema)})
        file.attrs["format_version"] = 1


def test_a_file_of_the_first_format_opens_and_gives_the_same_features(made, tmp_path):
    old = prepare_dataset(table(), "late", tmp_path / "old.h5")
    as_version_1(old.path)
    opened = open_dataset(old.path)
    opened.verify()
    assert opened.train.codes is None and code_inputs(opened) == ()
    np.testing.assert_array_equal(opened.train.x, made.train.x)
    assert number_features(opened) == number_features(made)
    assert "version 1" in CliRunner().invoke(info, [str(old.path)]).stdout


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": 2**25},
        {"values": (2.0, 1.0)},
        {"values": (float("nan"),)},
        {"column": "not there"},
        {"missing": 7},
        {"part": "hour"},
        {"ranks": (1, 2)},
        {"other": 1},
    ],
)
def test_a_description_of_codes_that_makes_no_sense_is_refused(made, change):
    described = made.preprocessing.to_dict()
    described["codes"] = [{**described["codes"][0], **change}, *described["codes"][1:]]
    with pytest.raises(DataError, match="cannot be read"):
        Preprocessing.from_dict(described)


def test_codes_outside_their_range_are_damage(tmp_path):
    made = prepare_dataset(table(), "late", tmp_path / "t.h5")
    with h5py.File(made.path, "r+") as file:
        file["train/codes"][3, 2] = -1
    with pytest.raises(DataError, match="train/codes holds unknown codes"):
        _ = open_dataset(made.path).train


def test_inputs_that_are_alike_have_codes_that_are_alike(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a_kind": rng.choice(["x", "y", "z"], 300), "b_kind": "x"})
    frame.loc[:50, "b_kind"] = "y"
    frame["late"] = rng.integers(0, 2, 300)
    options = PrepareOptions(inputs=[("a", "a_*"), ("b", "b_*")], alike=[("a", "b")])
    made = prepare_dataset(frame, "late", tmp_path / "t.h5", options)
    assert [code.size for code in made.preprocessing.codes] == [4, 4]
    fresh = pd.DataFrame({"a_kind": ["z"], "b_kind": ["z"]})
    assert made.preprocessing.encode(fresh)[1].tolist() == [[3, 3]]


def test_what_is_told_of_codes_is_read_again():
    for code in (
        CodeColumn("a", 5),
        CodeColumn("a", 5, "month", (1.0, 2.0, 3.0), 4),
        CodeColumn("a", 3, ranks=(1, 0, 2, 0)),
    ):
        assert CodeColumn.from_dict(code.to_dict()) == code
