"""What files of each kind may hold, and what is refused in one line."""

import datetime
import decimal

import h5py
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from agebo_hpc.data.checks import check_columns
from agebo_hpc.data.csv_files import csv_layout
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.kinds import decide
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.data.tables import read_table
from agebo_hpc.errors import DataError, UsageError
from agebo_hpc.models.table_chunks import open_table


def written(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def chunks(path, text=(), rows=2):
    return pd.concat(list(open_table(path).chunks(text, rows)))


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ('"a, b";"c, d";e\n1;2;3\n', ["a, b", "c, d", "e"], [1, 2, 3]),
        ('"a, b, c";d\n"1,5";2\n', ["a, b, c", "d"], ["1,5", 2]),
        ("a;b\n1,5;2,5\n", ["a", "b"], ["1,5", "2,5"]),
        ('a,"b;c;d"\n1,2\n', ["a", "b;c;d"], [1, 2]),
        ("a\tb, c, d\n1\t2,3\n", ["a", "b, c, d"], [1, "2,3"]),
        ('\ufeff"a",b\r\n1,"x\r\ny"\r\n', ["a", "b"], [1, "x\r\ny"]),
        ("a,b\r1,2\r3,4\r", ["a", "b"], [1, 2]),
        ('"a\nb",c\n1,2\n', ["a\nb", "c"], [1, 2]),
        ("a,b\n1,2\n\n3,4\n\n", ["a", "b"], [1, 2]),
        ("a,b\n1,2", ["a", "b"], [1, 2]),
        (",b,\n1,2,3\n", ["Unnamed: 0", "b", "Unnamed: 2"], [1, 2, 3]),
        (",Unnamed: 0,b\n1,2,3\n", ["Unnamed: 0.1", "Unnamed: 0", "b"], [1, 2, 3]),
    ],
)
def test_a_csv_file_is_read_by_its_own_layout_in_one_piece_and_in_many(
    tmp_path, text, names, first
):
    path = written(tmp_path / "t.csv", text)
    for frame in (read_table(path), chunks(path)):
        assert list(frame.columns) == names
        assert [v.item() if hasattr(v, "item") else v for v in frame.iloc[0]] == first


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a,b\n1,2\n3\n", "fewer cells than the 2 columns"),
        ("a,b\n1\n", "fewer"),
        ("a,b,c\n1,2,3\n4,5\n", "line 3"),
        ("a,b\n1,2,3\n", "more"),
        ("a,b\n1,2,\n", "more"),
        ('a,b\n"1,2\n', "fewer"),
    ],
)
def test_a_row_of_another_length_than_the_header_is_refused(tmp_path, text, word):
    path = written(tmp_path / "t.csv", text)
    for read in (read_table, chunks):
        with pytest.raises(DataError, match=word):
            read(path)


def test_an_empty_line_of_one_column_is_a_row_with_an_empty_cell(tmp_path):
    path = written(tmp_path / "t.csv", "a\n1\n\n2\n\n")
    np.testing.assert_array_equal(read_table(path)["a"], [1, np.nan, 2, np.nan])
    assert len(chunks(path)) == 4


@pytest.mark.parametrize("word", ["?", "NA", "N/A", "nan", "NULL", "null", "None", "", "<NA>"])
@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0"])
def test_words_for_missing_have_blanks_around_them(tmp_path, word, blank):
    path = written(tmp_path / "t.csv", f"a,b,c\n1,{blank}{word}{blank},{blank}{word}\n2,3,x\n")
    frame = read_table(path)
    np.testing.assert_array_equal(frame["b"], [np.nan, 3])
    assert frame["c"].isna().tolist() == [True, False]


def test_only_plain_cells_become_numbers_and_all_others_stay_as_they_are(tmp_path):
    lines = [
        "a,b,c,d,e,f,g,h",
        "1,01,1_0,9007199254740993, x,1e5,TRUE,+3",
        "2,,5,,y ,.5,False,4",
    ]
    path = written(tmp_path / "t.csv", "\n".join(lines))
    frame = read_table(path, words=True)
    assert frame["a"].tolist() == [1, 2] and frame["a"].dtype == np.int64
    assert frame["b"].tolist() == ["01", ""] and frame["c"].tolist() == ["1_0", "5"]
    assert frame["d"].tolist() == ["9007199254740993", ""] and frame["e"].tolist() == [" x", "y "]
    assert frame["f"].tolist() == [1e5, 0.5] and frame["g"].tolist() == [True, False]
    assert frame["h"].tolist() == [3, 4]


def test_the_delimiter_is_found_by_reading_rows(tmp_path):
    path = written(tmp_path / "t.csv", "a,b,c;d\n1;2\n3;4\n")
    assert csv_layout(path).delimiter == ";"


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 0.1", "Unnamed: 0.1.1", "", " "])
def test_a_column_without_a_name_is_refused_with_its_place_and_can_be_dropped(name):
    frame = pd.DataFrame({"a": [1], name: [2], "y": [3]})
    with pytest.raises(DataError, match="Column 2 has no name") as caught:
        check_columns(frame, "y", PrepareOptions())
    assert "--drop '" in str(caught.value)
    check_columns(frame, "y", PrepareOptions(drop=(name,)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text": ("b",)}, "--text is 'b'"),
        ({"numeric": ("a",), "text": ("a",)}, "both name 'a'"),
        ({"date": ("a=xyz",)}, "one of ymd, dmy, mdy"),
        ({"date": ("nothing",)}, "--date is 'nothing'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        check_columns(pd.DataFrame({"a": [1], "y": [2]}), "y", PrepareOptions(**options))


def arff(path, *lines):
    return written(path / "t.arff", "\n".join(lines))


def test_arff_with_tabs_weights_comments_and_quotes_is_read(tmp_path):
    path = arff(
        tmp_path,
        "% made by hand",
        "@relation\t'the data'",
        "@attribute\ta\tnumeric",
        "@attribute 'b c'\t{x,\t'y z'}",
        '@ATTRIBUTE "d%"   INTEGER',
        "@attribute day date 'yyyy-MM-dd'",
        "@attribute s string",
        "@data",
        "% rows",
        "1.5\tx\t3\t2013-01-31\t'a\tb'",
        "2.5,\tx,\t4,2013-02-01,q, {0.5}",
        "",
        "?,'y z',9007199254740993,?,?,{2}",
    )
    frame = read_table(path)
    assert ["'{0.5}'" in line for line in frame.attrs["remarks"]] == [True]
    assert list(frame.columns) == ["a", "b c", "d%", "day", "s"]
    np.testing.assert_array_equal(frame["a"], [1.5, 2.5, np.nan])
    assert frame["b c"].tolist() == ["x", "x", "y z"]
    assert frame["d%"].tolist() == [3, 4, 9007199254740993]
    assert frame["s"][0] == "a\tb" and decide(frame["day"]).kind == "datetime"


def test_arff_comments_may_follow_declarations_and_rows_but_a_percent_sign_in_a_cell_is_none(
    tmp_path,
):
    path = arff(
        tmp_path,
        "@relation r % a relation",
        "@attribute 'a % b' numeric\t% of all",
        "@attribute total { low, high} % low < 100",
        "@attribute kind {x,y}% no blank before",
        "@attribute share string",
        "@data % rows follow",
        "1,low,x,50% % half",
        "2,high,y,'5 % off' % 'quoted'",
    )
    frame = read_table(path)
    assert list(frame.columns) == ["a % b", "total", "kind", "share"]
    assert frame["total"].tolist() == ["low", "high"] and frame["kind"].tolist() == ["x", "y"]
    assert frame["share"].tolist() == ["50%", "5 % off"]


@pytest.mark.parametrize("content", [("nonsense",), ("@relation r", "a,b"), ("@data", "1")])
def test_a_file_that_is_no_arff_is_refused_in_one_line(tmp_path, content):
    with pytest.raises(DataError, match=r"cannot be read as \.arff"):
        read_table(arff(tmp_path, *content))


def test_arff_columns_to_predict_stay_text_where_they_were_read_as_text(tmp_path):
    path = arff(tmp_path, "@relation r", "@attribute a string", "@data", "1.000", "2.50")
    assert chunks(path, ("a",))["a"].tolist() == ["1.000", "2.50"]
    assert chunks(path)["a"].tolist() == [1, 2.5]


def test_weights_of_rows_that_do_not_count_are_said(tmp_path):
    head = ("@relation r", "@attribute a numeric", "@attribute t {x,y}", "@data")
    rows = [f"{i},{'xy'[i % 2]}" for i in range(20)]
    out = tmp_path / "p.h5"
    plain = prepare_dataset(arff(tmp_path, *head, *rows), "t", out)
    assert plain.remarks == []
    rows[7] += ", {2.5}"
    weighed = prepare_dataset(
        arff(tmp_path, *head, *rows), "t", out, PrepareOptions(force=True, drop=())
    )
    assert "weights of instances, such as '{2.5}'" in weighed.remarks[0]
    assert open_dataset(out).remarks == weighed.remarks and len(weighed.remarks) == 1


def test_sparse_arff_with_weights_is_read(tmp_path):
    path = arff(
        tmp_path,
        "@relation r", "@attribute a numeric", "@attribute b {x,y}", "@data",
        "{0 5}, {0.5}", "{1 y}",
    )  # fmt: skip
    frame = read_table(path)
    assert frame["a"].tolist() == [5, 0] and frame["b"].tolist() == ["x", "y"]


def parquet(path, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), path / "t.parquet")
    return path / "t.parquet"


def test_parquet_of_any_arrow_type_is_read_or_refused_by_its_column(tmp_path):
    path = parquet(
        tmp_path,
        day=pyarrow.array([datetime.date(9999, 12, 31), None, datetime.date(1, 1, 1)]),
        clock=pyarrow.array([datetime.time(5, 15), None, datetime.time(6)]),
        money=pyarrow.array([decimal.Decimal("1.50"), None, decimal.Decimal("2")]),
        zone=pyarrow.array([0, 1, None], pyarrow.timestamp("s", "Asia/Kolkata")),
        small=pyarrow.array([1, None, 3], pyarrow.uint8()),
        word=pyarrow.array(["x", None, "y"]).dictionary_encode(),
        half=pyarrow.array(np.array([1, 2, 3], np.float16)),
        empty=pyarrow.nulls(3),
        rows=pyarrow.array([[1], [2], None]),
        record=pyarrow.array([{"a": 1}, None, {"a": 2}]),
        map=pyarrow.array([[("k", 1)], None, []], pyarrow.map_(pyarrow.string(), pyarrow.int8())),
    )
    kinds = {"day": "datetime", "clock": "numeric", "money": "numeric", "zone": "datetime",
             "small": "numeric", "word": "category", "half": "numeric"}  # fmt: skip
    for frame in (read_table(path), chunks(path, rows=5)):
        assert {name: decide(frame[name]).kind for name in kinds} == kinds
        assert decide(frame["clock"]).values[0] == 5 * 3600 + 15 * 60
        for name in ("rows", "record", "map"):
            with pytest.raises(DataError, match=f"'{name}' holds .*--drop {name}"):
                decide(frame[name])


@pytest.mark.parametrize("engine", ["numpy_nullable", "pyarrow"])
def test_parquet_from_frames_of_other_types_is_read(tmp_path, engine):
    frame = pd.DataFrame(
        {
            "n": [1, None, 3],
            "t": pd.to_datetime(["2013-01-31", None, "2013-02-01"]).tz_localize("Europe/Rome"),
            "w": ["x", None, "y"],
            "b": [True, None, False],
        }
    ).convert_dtypes(dtype_backend=engine)
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    found = {name: decide(read[name]).kind for name in read}
    assert found == {"n": "numeric", "t": "datetime", "w": "category", "b": "numeric"}


def test_the_index_of_parquet_is_a_column_only_if_it_has_a_name(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=[5, 7])
    frame.to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").columns) == ["a"]
    frame.rename_axis("id").to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").columns) == ["id", "a"]


def test_hdf5_types_are_read_or_refused_by_their_column(tmp_path):
    colour = h5py.enum_dtype({"RED": 1, "BLUE": 2}, basetype="i4")
    kinds = np.dtype(
        [
            ("big", ">f8"), ("enum", colour), ("flag", "?"), ("text", h5py.string_dtype()),
            ("fixed", "S4"), ("field", "f4", (2,)), ("nested", [("x", "i4")]), ("complex", "c16"),
            ("ref", h5py.ref_dtype),
        ]
    )  # fmt: skip
    with h5py.File(tmp_path / "t.h5", "w") as file:
        data = file.create_dataset("table", (2,), kinds)
        rows = np.zeros(2, kinds)
        rows["big"], rows["enum"], rows["flag"] = [1.5, 2.5], [1, 2], [True, False]
        rows["ref"] = file.ref
        rows["text"], rows["fixed"] = ["\u00e4", "b"], [b"x", b"yz"]
        data[:] = rows
    frame = read_table(tmp_path / "t.h5")
    assert frame["big"].tolist() == [1.5, 2.5] and frame["enum"].tolist() == ["RED", "BLUE"]
    assert frame["flag"].tolist() == [True, False] and frame["text"].tolist() == ["\u00e4", "b"]
    assert frame["fixed"].tolist() == ["x", "yz"]
    for name in ("field", "nested", "complex", "ref"):
        with pytest.raises(DataError, match=f"'{name}' holds .*--drop {name}"):
            decide(frame[name])


def test_prepared_data_says_what_its_columns_are_and_reads_other_rows_so(tmp_path):
    rows = 40
    table = pd.DataFrame(
        {
            "price": [f"{1000 + 7 * i % 90:,}".replace(",", ".") + ",5" for i in range(rows)],
            "day": [f"{1 + i % 28:02}.01.2013" for i in range(rows)],
            "code": [f"{i % 5:02}" for i in range(rows)],
            "y": [f"{i % 2:02}" for i in range(rows)],
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False, sep=";")
    options = PrepareOptions(text=("code",))
    data = prepare_dataset(tmp_path / "t.csv", "y", tmp_path / "t.h5", options)
    assert data.class_labels == ("00", "01")
    facts = {column["name"]: column for column in open_dataset(data.path).schema["columns"]}
    assert facts["price"]["oddities"][0].startswith("decimal comma, thousands '.'")
    assert "code=03" in data.feature_names
    written(tmp_path / "new.csv", "price;day;code\n1.000;01.02.2013;03\n")
    one = chunks(tmp_path / "new.csv", data.preprocessing.category_columns)
    given = pd.DataFrame({"price": [1000.0], "day": ["2013-02-01"], "code": ["03"]})
    given["day"] = pd.to_datetime(given["day"])
    x = data.preprocessing.transform(one)
    np.testing.assert_array_equal(x, data.preprocessing.transform(given))
    written(tmp_path / "new.csv", "price;day;code\n1.00;01.02.2013;03\n")
    with pytest.raises(DataError, match=r"'price'.*'1.00'"):
        data.preprocessing.transform(
            chunks(tmp_path / "new.csv", data.preprocessing.category_columns)
        )
