"""Reading table files of every kind, sound and spoilt."""

import gzip

import h5py
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from agebo_hpc.data.tables import READERS, read_table
from agebo_hpc.errors import DataError, InputMissingError

ROWS = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": ["x", "y z", "x"]})


def write_csv(path):
    ROWS.to_csv(path, index=False)


def write_tsv(path):
    ROWS.to_csv(path, index=False, sep="\t")


def write_parquet(path):
    ROWS.to_parquet(path)


def write_arff(path):
    text = (
        "% a comment\n@RELATION r\n@attribute a NUMERIC\n@attribute b real\n"
        "@attribute c {x,'y z'}\n@DATA\n1,0.5,x\n2,?,'y z'\n3,2.5,x\n"
    )
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("table")
        group["a"] = [1, 2, 3]
        group["b"] = [0.5, np.nan, 2.5]
        group["c"] = np.array([b"x", b"y z", b"x"])


WRITERS = {
    ".csv": write_csv,
    ".csv.gz": write_csv,
    ".tsv": write_tsv,
    ".tsv.gz": write_tsv,
    ".parquet": write_parquet,
    ".arff": write_arff,
    ".arff.gz": write_arff,
    ".h5": write_hdf5,
    ".hdf5": write_hdf5,
}


def test_every_reader_has_a_writer_here():
    assert set(WRITERS) == set(READERS)


@pytest.mark.parametrize("ending", READERS)
def test_the_same_table_comes_from_every_kind_of_file(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    WRITERS[ending](path)
    frame = read_table(path)
    assert list(frame.columns) == ["a", "b", "c"]
    assert frame["a"].dtype.kind == "i" and frame["a"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(frame["b"], [0.5, np.nan, 2.5])
    assert frame["c"].astype(str).tolist() == ["x", "y z", "x"]


@pytest.mark.parametrize("ending", READERS)
def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".csv.gz", ".parquet", ".h5"])
def test_a_truncated_file_is_refused(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    WRITERS[ending](path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)


@pytest.mark.parametrize("ending", READERS)
def test_an_empty_file_is_refused(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    path.touch()
    with pytest.raises(DataError, match="is empty"):
        read_table(path)


def test_a_missing_file_is_named_with_the_closest_one(tmp_path):
    (tmp_path / "flights.csv").touch()
    with pytest.raises(InputMissingError, match=r"Did you mean .*flights\.csv"):
        read_table(tmp_path / "flihgts.csv")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "a,b\n", "0 rows"),
        ("t.csv", "a,b,a\n1,2,3\n", r"'a' \(2 times\)"),
        ("t.csv", "a,b\n1,2,3\n", "more cells than the 2 columns"),
        ("t.csv", "a,b\n1,2\n3,4,5\n", "cannot be read|more cells"),
        ("t.csv", "\n\n1,2\n", "no header"),
        ("t.csv", "a\0b,c\n1,2\n3,4\n", r"zero byte in its header, in 'a\\x00b'"),
        ("t.csv", '"\0",c\n1,2\n', "zero byte"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le").decode(), "may be UTF-16"),
        ("t.xlsx", "a", "the ending '.xlsx' is not known"),
        ("t.arff", "@relation r\n@attribute a real\n@attribute a real\n@data\n1,2\n", "duplicate"),
        ("t.arff", "@relation r\n@attribute a real\n@data\n", "0 rows"),
        ("t.arff", "@relation r\n@attribute a {x,y}\n@data\nz\n", "cannot be read"),
    ],
)
def test_a_spoilt_text_file_is_refused(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_table(path)


def test_duplicate_columns_of_a_compressed_csv_are_not_renamed(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"x,y,x\n1,2,3\n"))
    with pytest.raises(DataError, match="duplicate column names: 'x'"):
        read_table(path)


def test_duplicate_columns_of_parquet_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table([[1], [2]], names=["x", "x"]), path)
    with pytest.raises(DataError, match="duplicate column names: 'x'"):
        read_table(path)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\nMünchen,1\n".encode("latin-1"))
    with pytest.raises(DataError, match="utf-8"):
        read_table(path)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a directory"):
        read_table(tmp_path)


def test_semicolons_a_byte_order_mark_and_quotes_are_understood(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('\ufeff"a;1";b\n1;"x;y"\n2;?\n', encoding="utf-8")
    frame = read_table(path)
    assert list(frame.columns) == ["a;1", "b"]
    assert frame["b"][0] == "x;y" and pd.isna(frame["b"][1])


def test_a_csv_column_can_be_read_as_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("zip,n\n007,1\n12,2\n")
    assert read_table(path, text=["zip", "absent"])["zip"].tolist() == ["007", "12"]


def test_sparse_arff_and_dates_are_understood(tmp_path):
    path = tmp_path / "t.arff"
    path.write_text(
        "@relation r\n@attribute a numeric\n@attribute 'b c' {x,y}\n@data\n{0 5}\n{1 y}\n"
    )
    frame = read_table(path)
    assert frame["a"].tolist() == [5, 0] and frame["b c"].tolist() == ["x", "y"]
    path.write_text(
        '@relation r\n@attribute "the day" date "yyyy-MM-dd"\n@attribute a real\n@data\n'
        "2013-01-31,1.5\n"
    )
    assert read_table(path)["the day"].tolist() == ["2013-01-31"]


def test_a_compound_hdf5_data_set_is_a_table(tmp_path):
    path = tmp_path / "t.h5"
    rows = np.array([(1, b"x"), (2, b"y")], dtype=[("n", "i4"), ("s", "S3")])
    with h5py.File(path, "w") as file:
        file["anything"] = rows
    frame = read_table(path)
    assert frame["n"].tolist() == [1, 2] and frame["s"].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    "content",
    [{}, {"a": [1, 2], "b": [1]}, {"a": [[1, 2], [3, 4]]}, {"g/a": [1], "b": [1]}],
    ids=["nothing", "unequal", "matrix", "mixed"],
)
def test_hdf5_that_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
    with pytest.raises(DataError, match="is no table|has 2 dimensions"):
        read_table(path)
