"""Damage of a prepared file is told before it changes a score, in one line that names the part."""

import json

import h5py
import numpy as np
import pytest

from agebo_hpc.data import dataset
from agebo_hpc.data.dataset import constant_target, open_dataset
from agebo_hpc.data.file_format import read_prepared
from agebo_hpc.data.integrity import fingerprint_of
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import DataError

PARTS = ("train", "validation", "test")
ARRAYS = ("x", "codes", "y")


PREPARED = {}
"""Content of the file by target: prepared once, each test damages a copy."""


@pytest.fixture(params=["grade", "price"])
def data(table, tmp_path, request):
    path = tmp_path / "d.h5"
    if request.param not in PREPARED:
        PREPARED[request.param] = prepare_dataset(table, request.param, path).path.read_bytes()
    path.write_bytes(PREPARED[request.param])
    return open_dataset(path)


def overwrite(path, name, change, at=0.5):
    """Change one byte of an array in the file."""
    extent = read_prepared(path)[1][name]
    with open(path, "r+b") as file:
        offset = extent.offset + int(at * (extent.num_bytes - 1))
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([change(byte)]))


def set_schema(path, **changes):
    with h5py.File(path, "r+") as file:
        schema = {**json.loads(file["schema"][()]), **changes}
        if schema["checksums"] is None:
            del schema["checksums"]
        del file["schema"]
        file["schema"] = json.dumps(schema)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("at", [0.0, 0.37, 1.0])
def test_a_flipped_bit_is_told_before_the_first_use(data, part, array, at):
    overwrite(data.path, f"{part}/{array}", lambda byte: byte ^ 1, at)
    damaged = open_dataset(data.path)
    with pytest.raises(DataError, match=rf"d\.h5 is damaged: {part}/{array} .*prepare") as caught:
        getattr(damaged, part)
    assert "\n" not in str(caught.value)
    for other in set(PARTS) - {part}:
        assert len(getattr(damaged, other).y)


def test_a_zeroed_block_and_swapped_rows_are_told(data):
    extent = read_prepared(data.path)[1]["test/x"]
    content = data.path.read_bytes()
    row = extent.shape[1] * 4
    first, second = (content[extent.offset + i * row :][:row] for i in (3, 4))
    for new in (bytes(2 * row), second + first):
        at = extent.offset + 3 * row
        data.path.write_bytes(content[:at] + new + content[at + len(new) :])
        with pytest.raises(DataError, match="test/x has the checksum"):
            open_dataset(data.path).test  # noqa: B018


def test_damage_is_told_again_at_the_next_use(data):
    overwrite(data.path, "test/x", lambda byte: byte ^ 64)
    damaged = open_dataset(data.path)
    for _ in range(2):
        with pytest.raises(DataError, match="test/x"):
            damaged.test  # noqa: B018


def test_the_description_is_covered_by_the_fingerprint(data):
    found = data.schema["preprocessing"]
    column = next(c for c in found["columns"] if c["encoder"] == "numeric")
    column["mean"] += 1e-9
    set_schema(data.path, preprocessing=found)
    with pytest.raises(DataError, match="description is not what was written"):
        open_dataset(data.path)


@pytest.mark.parametrize(
    "change",
    [{"checksums": {"train/x": "00000000"}}, {"fingerprint": "0" * 64}, {"rows": {"train": 1}}],
)
def test_checksums_and_counts_are_covered_too(data, change):
    set_schema(data.path, **change)
    with pytest.raises(DataError, match="is damaged"):
        open_dataset(data.path)


def test_a_file_without_checksums_opens_and_says_so(data):
    set_schema(data.path, checksums=None)
    old = open_dataset(data.path)
    assert len(old.train.x) and not old.has_checksums
    [line] = [line for line in old.remarks if line not in data.remarks]
    assert "no checksums" in line and str(data.path) in line


@pytest.mark.parametrize("value", [-1, 3, 2**30])
def test_a_label_out_of_range_is_told_without_checksums(table, tmp_path, value):
    path = prepare_dataset(table, "grade", tmp_path / "d.h5").path
    set_schema(path, checksums=None)
    with h5py.File(path, "r+") as file:
        file["test/y"][5] = value
    with pytest.raises(DataError, match="test/y holds other labels than the 3 classes"):
        open_dataset(path).test  # noqa: B018


def test_labels_in_range_but_in_other_numbers_are_told_without_checksums(table, tmp_path):
    path = prepare_dataset(table, "grade", tmp_path / "d.h5").path
    set_schema(path, checksums=None)
    with h5py.File(path, "r+") as file:
        file["test/y"][5] = (file["test/y"][5] + 1) % 3
    with pytest.raises(DataError, match="test/y holds other labels"):
        open_dataset(path).test  # noqa: B018


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("array", ["x", "y"])
def test_numbers_that_are_not_finite_are_told_without_checksums(table, tmp_path, value, array):
    path = prepare_dataset(table, "price", tmp_path / "d.h5").path
    set_schema(path, checksums=None)
    with h5py.File(path, "r+") as file:
        file[f"validation/{array}"][5] = value
    with pytest.raises(DataError, match=rf"validation/{array} holds infinite numbers or NaN"):
        open_dataset(path).validation  # noqa: B018


@pytest.mark.parametrize("kind", [">f4", "<f8", "<i4"])
def test_an_array_of_another_kind_is_told(data, kind):
    with h5py.File(data.path, "r+") as file:
        x = file["test/x"][()]
        del file["test/x"]
        file["test/x"] = x.astype(kind)
    with pytest.raises(DataError, match="test/x"):
        open_dataset(data.path)


def test_a_part_is_read_once_and_by_who_shall_verify(data, monkeypatch):
    overwrite(data.path, "test/x", lambda byte: byte ^ 1)
    assert len(open_dataset(data.path, verify=False).test.x)
    read = []
    monkeypatch.setattr(dataset, "check_array", lambda path, name, *_: read.append(name))
    again = open_dataset(data.path)
    again.target_of("validation")
    assert read == ["validation/y"]
    again.verify(["validation"])
    again.verify()
    assert sorted(read) == sorted(f"{part}/{array}" for part in PARTS for array in ARRAYS)


def test_a_constant_validation_target_is_said(table, tmp_path):
    many = table.assign(mostly=0.0)
    many.loc[:2, "mostly"] = 1.5
    for seed in range(20):
        options = PrepareOptions(task="regression", seed=seed, force=True)
        try:
            data = prepare_dataset(many, "mostly", tmp_path / "d.h5", options)
        except DataError:
            continue
        y = data.validation.y
        if y.min() == y.max():
            break
    said = constant_target(data, "validation")
    assert "'mostly' is constant" in said and "--seed" in said
    assert data.remarks == [said]


@pytest.mark.parametrize(
    "change",
    [
        {"checksums": {}},
        {"checksums": [1, 2]},
        {"checksums": 0.5},
        {"feature_names": ["a"]},
        {"class_counts": 3},
        {"inputs": [{"name": "a", "start": 0, "stop": 1, "alike": "a"}]},
        {"task": "ranking"},
        {"rows": {"train": "many"}},
        {"preprocessing": None},
        {"seed": "gone"},
    ],
)
def test_a_description_with_the_right_fingerprint_and_nonsense_is_refused(data, change):
    with h5py.File(data.path, "r+") as file:
        schema = {**json.loads(file["schema"][()]), **change}
        if schema["seed"] == "gone":
            del schema["seed"]
        del file["schema"]
        file["schema"] = json.dumps({**schema, "fingerprint": fingerprint_of(schema)})
    with pytest.raises(DataError) as caught:
        open_dataset(data.path)
    assert "\n" not in str(caught.value)
