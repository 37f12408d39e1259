"""What each row counts: read, checked, kept beside the rows, and no feature."""

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data import file_format
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.description import describe
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import AgeboError, DataError, UsageError

ROWS = 200


def table(weights, **more):
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    y = np.where(x + rng.normal(0, 0.3, ROWS) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "row": np.arange(ROWS), "w": weights, "y": y, **more})


def prepared(frame, tmp_path, **options):
    return prepare_dataset(frame, "y", tmp_path / "d.h5", PrepareOptions(weight="w", **options))


@pytest.mark.parametrize(
    "given",
    [
        np.arange(ROWS) % 5,
        (np.arange(ROWS) % 5).astype(np.float32),
        np.arange(ROWS) % 5 > 0,
        pd.Series((np.arange(ROWS) % 5).astype(str)),
        pd.Series(np.arange(ROWS) % 5, dtype="Int64"),
        1e6 * (np.arange(ROWS) % 5),
    ],
    ids=["whole", "float32", "boolean", "text", "nullable", "large"],
)
def test_weights_stand_beside_their_rows_with_the_mean_one(given, tmp_path):
    frame = table(given)
    before = frame.copy()
    data = prepared(frame, tmp_path)
    pd.testing.assert_frame_equal(frame, before)
    assert data.is_weighted and data.feature_names == ("x", "row")
    assert data.train.weights.mean() == pytest.approx(1, rel=1e-6)
    encoder = data.preprocessing.encoders[1]
    wide = np.asarray(pd.Series(given).astype(float))
    scale = data.schema["weight"]["mean"]
    for part in (data.train, data.validation, data.test):
        row = np.rint(part.x[:, 1].astype(np.float64) * encoder.scale + encoder.mean).astype(int)
        np.testing.assert_allclose(part.weights * scale, wide[row], rtol=1e-5)
        assert part.weights.dtype == np.float32 and set(part.arrays(False)) == {
            "x",
            "y",
            "weights",
        }


def test_it_is_said_that_rows_count_differently(tmp_path):
    data = prepared(table(np.ones(ROWS)), tmp_path)
    assert any("'w'" in line and "count" in line for line in describe(data)["remarks"])
    assert describe(data)["format_version"] == 3 <= file_format.FORMAT_VERSION


def test_a_file_without_weights_is_for_earlier_programs_too(tmp_path):
    made = prepare_dataset(table(np.arange(ROWS) % 7), "y", tmp_path / "d.h5", PrepareOptions())
    assert made.schema["format_version"] == 2 and "w" in made.preprocessing.columns
    assert made.train.weights is None and not made.is_weighted
    assert set(made.train.arrays(True)) <= {"x", "y", "codes"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({3: -1.0}, "'w' is -1 in row 4"),
        ({0: np.nan}, "missing in row 1"),
        ({7: np.inf}, "is inf in row 8"),
        ({n: 0.0 for n in range(ROWS)}, "is 0 in all rows of the train part"),
    ],
)
def test_weights_that_cannot_be_are_refused_in_one_line(wrong, said, tmp_path):
    weights = np.ones(ROWS)
    weights[list(wrong)] = list(wrong.values())
    with pytest.raises(DataError, match=said) as caught:
        prepared(table(weights), tmp_path)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_text_is_no_weight(tmp_path):
    with pytest.raises(DataError, match="'w'"):
        prepared(table(np.where(np.arange(ROWS) == 5, "many", "1")), tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight": "y"}, "--weight names the target 'y'"),
        ({"weight": "ww"}, "--weight is 'ww', but the table has no such column. Did you mean 'w'"),
        ({"weight": "w", "drop": ["w"]}, "--drop and --weight both name 'w'"),
        ({"weight": "w", "group": "w"}, "--group and --weight both name 'w'"),
    ],
)
def test_a_weight_that_is_no_column_of_its_own_is_refused(options, said, tmp_path):
    with pytest.raises(UsageError) as caught:
        prepare_dataset(table(np.ones(ROWS)), "y", tmp_path / "d.h5", PrepareOptions(**options))
    assert said in str(caught.value)


def test_damaged_weights_are_found(tmp_path):
    data = prepared(table(np.arange(ROWS) + 1.0), tmp_path)
    path, extent = data.path, data._extents["validation/weights"]
    content = bytearray(path.read_bytes())
    content[extent.offset] ^= 1
    path.write_bytes(content)
    with pytest.raises(AgeboError, match="validation/weights"):
        _ = open_dataset(path).validation


def test_tables_of_their_own_bring_their_weights(tmp_path):
    frame = table(np.arange(ROWS) + 1.0)
    pieces = [frame.iloc[:120], frame.iloc[120:160], frame.iloc[160:]]
    data = prepare_dataset(
        pieces[0],
        "y",
        tmp_path / "d.h5",
        PrepareOptions(weight="w"),
        validation=pieces[1],
        test=pieces[2],
    )
    mean = data.schema["weight"]["mean"]
    for part, piece in zip((data.train, data.validation, data.test), pieces, strict=True):
        assert sorted(part.weights * mean) == pytest.approx(sorted(piece["w"]), rel=1e-5)


def test_weights_and_groups_stand_side_by_side(tmp_path):
    frame = table(np.arange(ROWS) + 1.0, person=np.arange(ROWS) // 4)
    data = prepared(frame, tmp_path, group="person")
    assert set(data.validation.arrays(True)) >= {"x", "y", "weights"}
    assert len(data.validation.groups) == len(data.validation.weights)
