"""Tables in, predictions out: in order, in chunks, with the original labels, or not at all."""

import csv
import gzip
import json
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agebo_hpc.data.preprocessing import Preprocessing
from agebo_hpc.errors import DataError, InputMissingError, UsageError
from agebo_hpc.models import prediction
from agebo_hpc.models.bundle import Model
from agebo_hpc.models.description import ModelDescription
from agebo_hpc.models.prediction import predict_file
from agebo_hpc.models.table_chunks import open_table
from agebo_hpc.models.table_writer import new_table
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.training.network import initial_parameters, keras_model


def make_table(rows, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": [f"{i:05d}" for i in range(rows)]})
    frame["size"] = rng.normal(size=rows).round(3)
    frame["count"] = rng.integers(0, 9, rows)
    frame["place"] = rng.choice(["north", "south", "east"], rows)
    frame["code"] = rng.choice([f"{i:03d}" for i in range(40)], rows)
    frame["day"] = pd.date_range("2024-01-01", periods=rows, freq="h").strftime("%Y-%m-%dT%H:%M")
    frame.loc[::17, "size"] = np.nan
    frame["stars"] = rng.choice([1, 3, 5], rows)
    frame["price"] = 100 + 20 * frame["count"] + rng.normal(size=rows)
    return frame


TARGETS = ("stars", "price")


def make_model(target):
    """Return an untrained model fitted to the table's columns; what it says does not matter."""
    frame = make_table(400).drop(columns=["id", *(t for t in TARGETS if t != target)])
    task = "classification" if target == "stars" else "regression"
    # Its network takes the features alone.
    fitted = replace(Preprocessing.fit(frame, target, task=task, categorical=["code"]), codes=())
    labels = list(fitted.target.labels) if task == "classification" else None
    graph = ArchitectureSpace(num_nodes=1).decode(
        (3, 1), len(fitted.feature_names), len(labels) if labels else 1
    )
    network = keras_model(graph, initial_parameters(graph, np.random.default_rng(1)), task)
    description = ModelDescription(
        task=task,
        graph=json.loads(json.dumps(asdict(graph))),
        configuration={},
        training={},
        preprocessing=fitted.to_dict(),
        schema={"columns": list(fitted.columns), "class_labels": labels},
        data={},
        provenance={},
    )
    return Model(network, description)


@pytest.fixture(scope="module")
def model():
    return make_model("stars")


@pytest.fixture
def new(tmp_path):
    """Write a table of rows that training has not seen, without targets, as CSV."""
    frame = make_table(1500, seed=9).drop(columns=list(TARGETS))
    frame.to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


def test_predictions_are_original_labels_with_a_probability_for_each(model, new):
    out = new.with_name("out.csv")
    assert predict_file(model, new, out) == 1500
    got = pd.read_csv(out)
    shares = ["probability_1", "probability_3", "probability_5"]
    assert list(got.columns) == ["prediction", *shares]
    assert got["prediction"].dtype == np.int64
    np.testing.assert_allclose(got[shares].sum(axis=1), 1, atol=1e-5)
    best = got[shares].to_numpy().argmax(axis=1)
    np.testing.assert_array_equal(got["prediction"], np.array([1, 3, 5])[best])


def test_rows_keep_their_order_and_kept_columns_their_text(model, new):
    out = new.with_name("out.csv")
    predict_file(model, new, out, keep=["id", "count"])
    got = pd.read_csv(out, dtype={"id": "str"})
    assert list(got.columns)[:3] == ["id", "count", "prediction"]
    source = pd.read_csv(new, dtype={"id": "str", "code": "str"})
    assert got["id"].tolist() == source["id"].tolist()
    expected = model.predict(source)
    np.testing.assert_array_equal(
        got["probability_5"].astype(np.float32), expected["probability_5"]
    )


def test_chunks_give_what_the_whole_table_gives(model, new, monkeypatch):
    whole, cut = new.with_name("whole.csv"), new.with_name("cut.csv")
    predict_file(model, new, whole, keep=["id"])
    sizes = []
    chunks = prediction.TableFile.chunks

    def small_chunks(self, text, rows):
        for chunk in chunks(self, text, 128):
            sizes.append(len(chunk))
            yield chunk

    monkeypatch.setattr(prediction.TableFile, "chunks", small_chunks)
    predict_file(model, new, cut, keep=["id"])
    assert sizes == [128] * 11 + [92]
    left, right = pd.read_csv(whole), pd.read_csv(cut)
    assert left["prediction"].tolist() == right["prediction"].tolist()
    np.testing.assert_allclose(left["probability_3"], right["probability_3"], atol=1e-6)


@pytest.mark.parametrize("name", ["new.csv.gz", "new.tsv", "new.parquet", "new.h5"])
def test_every_kind_of_table_gives_the_same(model, new, name):
    other = new.with_name(name)
    frame = pd.read_csv(new, dtype={"code": "str"})
    if name.endswith(".parquet"):
        frame.to_parquet(other)
    elif name.endswith(".h5"):
        import h5py

        with h5py.File(other, "w") as file:
            for column in frame.columns:
                values = frame[column].to_numpy()
                file[column] = list(values) if values.dtype == object else values
    else:
        frame.to_csv(other, index=False, sep="\t" if "tsv" in name else ",")
    predict_file(model, new, new.with_name("a.csv"))
    predict_file(model, other, new.with_name("b.csv"))
    assert new.with_name("a.csv").read_text() == new.with_name("b.csv").read_text()


def test_a_target_column_changes_nothing_whatever_it_holds(model, new):
    frame = pd.read_csv(new, dtype="str")
    frame.assign(stars="what?").to_csv(new.with_name("with.csv"), index=False)
    predict_file(model, new, new.with_name("a.csv"))
    predict_file(model, new.with_name("with.csv"), new.with_name("b.csv"))
    assert new.with_name("a.csv").read_text() == new.with_name("b.csv").read_text()


def test_unseen_categories_and_missing_cells_are_predicted(model, new):
    frame = pd.read_csv(new, dtype="str")
    frame.loc[0, ["place", "code"]] = ["moon", "999"]
    frame.loc[1, ["size", "count", "place", "code", "day"]] = None
    frame.to_csv(new, index=False)
    predict_file(model, new, new.with_name("out.csv"))
    assert not pd.read_csv(new.with_name("out.csv")).isna().any().any()


def test_a_regression_is_written_in_its_own_unit(new):
    model = make_model("price")
    predict_file(model, new, new.with_name("out.csv"))
    got = pd.read_csv(new.with_name("out.csv"))
    assert list(got.columns) == ["prediction"]
    target = model.preprocessing.target
    x = model.preprocessing.transform(pd.read_csv(new, dtype={"code": "str"}))
    expected = model.network(x).numpy()[:, 0] * target.scale + target.mean
    np.testing.assert_allclose(got["prediction"], expected, atol=1e-3)


def test_packed_output_can_be_read_again(model, new):
    predict_file(model, new, new.with_name("out.csv.gz"))
    assert len(pd.read_csv(new.with_name("out.csv.gz"))) == 1500


def check_refused(model, source, kind, match, keep=()):
    out = source.with_name("out.csv")
    before = {p.name for p in source.parent.iterdir()}
    with pytest.raises(kind, match=match) as caught:
        predict_file(model, source, out, keep)
    assert "\n" not in str(caught.value)
    assert {p.name for p in source.parent.iterdir()} == before


def test_all_missing_columns_are_named(model, new):
    pd.read_csv(new).drop(columns=["size", "day"]).to_csv(new, index=False)
    check_refused(model, new, DataError, "lacks the columns 'size', 'day'")


def test_a_misspelt_column_is_recognised(model, new):
    pd.read_csv(new).rename(columns={"count": "counts"}).to_csv(new, index=False)
    check_refused(model, new, DataError, r"lacks the column 'count'.* Is it 'counts' there\?")


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [("count", "many", "a number"), ("day", "soon", "a date")],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_row(model, new, column, cell, expected):
    frame = pd.read_csv(new, dtype="str")
    frame.loc[[1234, 1400], column] = cell
    frame.to_csv(new, index=False)
    match = f"column '{column}' is '{cell}' in row 1235 .*{expected} is expected"
    check_refused(model, new, DataError, match)


def test_a_row_with_too_many_cells_is_refused(model, new):
    new.write_text(new.read_text() + "00,1,2,north,001,2024-01-01,7,8\n")
    check_refused(model, new, DataError, "line 1502")


def test_rows_that_are_all_longer_than_the_header_are_refused(model, new):
    head, *rows = new.read_text().splitlines()
    new.write_text("\n".join([head, *(f"{row},1" for row in rows)]))
    check_refused(model, new, DataError, "more cells than the 6 columns")


def test_a_table_without_rows_is_refused(model, new):
    new.write_text(new.read_text().splitlines()[0] + "\n")
    check_refused(model, new, DataError, "has 0 rows")


def test_an_empty_file_is_refused(model, new):
    new.write_text("")
    check_refused(model, new, DataError, "is empty")


def test_a_table_that_is_not_there_is_missing(model, new):
    check_refused(model, new.with_name("neu.csv"), InputMissingError, r"Did you mean .*new\.csv")


def test_a_packed_file_that_ends_early_is_refused(model, new):
    packed = gzip.compress(new.read_bytes())
    cut = new.with_name("cut.csv.gz")
    cut.write_bytes(packed[: len(packed) // 2])
    check_refused(model, cut, DataError, "cut.csv.gz cannot be read as .csv.gz")


def test_a_damaged_parquet_file_is_refused(model, new):
    broken = new.with_name("new.parquet")
    broken.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    check_refused(model, broken, DataError, "cannot be read as .parquet")


def test_a_column_name_that_is_there_twice_is_refused(model, new):
    text = new.read_text()
    new.write_text(text.replace("id,", "size,", 1))
    check_refused(model, new, DataError, "duplicate column names: 'size'")


def test_a_kept_column_must_be_there_and_not_be_an_output(model, new):
    check_refused(model, new, UsageError, r"--keep is 'idd'.* Did you mean 'id'\?", ["idd"])
    pd.read_csv(new).rename(columns={"id": "prediction"}).to_csv(new, index=False)
    check_refused(model, new, UsageError, "column of the output too", ["prediction"])


def test_an_output_that_exists_is_replaced_only_with_force(model, new):
    out = new.with_name("out.csv")
    out.write_text("old")
    with pytest.raises(UsageError, match="exists; give another name, or --force"):
        predict_file(model, new, out)
    assert out.read_text() == "old"
    predict_file(model, new, out, force=True)
    assert len(pd.read_csv(out)) == 1500
    assert sorted(p.name for p in new.parent.iterdir()) == ["new.csv", "out.csv"]


def test_the_input_is_never_overwritten(model, new):
    before = new.read_text()
    with pytest.raises(UsageError, match="the input itself"):
        predict_file(model, new, new, force=True)
    assert new.read_text() == before


def test_an_output_of_another_kind_or_in_no_directory_is_refused(model, new):
    with pytest.raises(UsageError, match=r"out\.xlsx; give a name that ends with one of \.csv"):
        predict_file(model, new, new.with_name("out.xlsx"))
    with pytest.raises(UsageError, match="there is no directory"):
        predict_file(model, new, new.parent / "nowhere" / "out.csv")


def test_a_table_is_read_in_chunks_of_the_size_asked_for(new):
    table = open_table(new)
    assert table.columns == ("id", "size", "count", "place", "code", "day")
    chunks = list(table.chunks(["id"], 1000))
    assert [len(chunk) for chunk in chunks] == [1000, 500]
    assert chunks[1]["id"].iloc[0] == "01000"


CELLS = (
    *("NA", "null", "None", "?", "NaN", "n/a", "", " ", "007", "1e5", "0.10", "+1", "-0", "TRUE"),
    *("True", "false", " x ", "\tx", "2024-1-5", "12345678901234567890123", "1_000", "#x", "a\rb"),
    *("a\nb", "a\r\nb", 'a"b', "a,b", "a;b", "\N{GRINNING FACE}", "\ufeff", "<NA>", "inf"),
)


@pytest.mark.parametrize("end", [".csv", ".csv.gz", ".parquet"])
def test_kept_columns_are_what_they_were(model, new, end):
    frame = pd.read_csv(new, dtype="str", keep_default_na=False)
    cells = [*CELLS] * (1500 // len(CELLS) + 1)
    frame["odd"] = cells[:1500]
    # A column that the model reads as numbers is kept as text all the same.
    frame["count"] = ["NA", "?", "1e0", "2.50", "0003", " 4"] * 250
    frame.to_csv(new, index=False, quoting=1)
    out = new.with_name("out" + end)
    assert predict_file(model, new, out, keep=["odd", "count", "size"]) == 1500
    if end == ".parquet":
        got = pd.read_parquet(out)
    else:
        got = pd.read_csv(out, dtype="str", keep_default_na=False)
    for name in ("odd", "count", "size"):
        assert got[name].tolist() == frame[name].tolist()
    # In a file written so, a plain reader of lines finds no more rows than there are.
    if end == ".csv":
        with open(out, newline="") as file:
            assert len(list(csv.reader(file))) == 1501


def exact_parquet(path, rows=1500):
    """Write columns of types that pandas would change on the way."""
    plain = pa.Table.from_pandas(make_table(rows, seed=9).drop(columns=list(TARGETS)))
    gaps = [None if i % 7 == 0 else 2**62 + i for i in range(rows)]
    odd = {
        "big": pa.array(gaps, pa.int64()),
        "flag": pa.array([None if i % 5 == 0 else i % 2 == 0 for i in range(rows)]),
        "exact": pa.array([Decimal("0.10") * i for i in range(rows)], pa.decimal128(12, 2)),
        "when": pa.array([date(2024, 1, 1 + i % 28) for i in range(rows)]),
        "text": pa.array(["NA", "null", None, " 01", "a\rb"] * (rows // 5)),
        "level": pa.array(["x", None] * (rows // 2)).dictionary_encode(),
        "real": pa.array([0.1 * i for i in range(rows)], pa.float32()),
        "list": pa.array([[1, 2], None] * (rows // 2)),
    }
    for name, column in odd.items():
        plain = plain.append_column(name, column)
    with pq.ParquetWriter(path, plain.schema) as writer:
        # Row groups without rows, at the start, between others, and at the end.
        for part in (plain[:0], plain[:700], plain[:0], plain[700:], plain[:0]):
            writer.write_table(part)
    return plain, list(odd)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["self", "frame", "a\nb", "index", "", "None", "\x1b[31m"])
def test_a_kept_column_may_have_any_name(tmp_path, name, ending):
    out = tmp_path / f"out.{ending}"
    with new_table(out, {name: None}) as write:
        for start in (0, 2):
            cells = pd.Series(["NA", f"{start:03}"], dtype=object)
            write(pd.DataFrame({name: cells, "prediction": [1.5, 2.5]}))
    read = {"csv": lambda p: pd.read_csv(p, dtype=str, keep_default_na=False)}
    got = read.get(ending, pd.read_parquet)(out)
    assert got.iloc[:, 0].tolist() == ["NA", "000", "NA", "002"]
    assert got.columns[0] == (name or got.columns[0])


def test_kept_columns_of_a_parquet_file_keep_their_types(model, tmp_path):
    source, names = exact_parquet(tmp_path / "new.parquet")
    out = tmp_path / "out.parquet"
    assert predict_file(model, tmp_path / "new.parquet", out, keep=names) == 1500
    got = pq.read_table(out)
    for name in names:
        assert got[name].to_pylist() == source[name].to_pylist()
        assert got.schema.field(name).type == source.schema.field(name).type


def test_kept_columns_of_a_parquet_file_are_written_as_text_without_change(model, tmp_path):
    source, names = exact_parquet(tmp_path / "new.parquet")
    names.remove("list")
    out = tmp_path / "out.csv"
    predict_file(model, tmp_path / "new.parquet", out, keep=names)
    got = pd.read_csv(out, dtype="str", keep_default_na=False)
    for name in ("big", "flag", "exact", "when", "text", "level"):
        expected = ["" if value is None else str(value) for value in source[name].to_pylist()]
        assert got[name].tolist() == expected


def one_column_model():
    frame = pd.DataFrame({"a": [1.0, 2.0, None, 4.0] * 10, "t": [0, 1, 1, 1] * 10})
    fitted = replace(Preprocessing.fit(frame, "t", task="classification"), codes=())
    graph = ArchitectureSpace(num_nodes=1).decode((3, 1), len(fitted.feature_names), 2)
    network = keras_model(
        graph, initial_parameters(graph, np.random.default_rng(1)), "classification"
    )
    schema = {"columns": ["a"], "class_labels": [0, 1]}
    return Model(
        network,
        ModelDescription(
            "classification", graph.to_dict(), {}, {}, fitted.to_dict(), schema, {}, {}
        ),
    )


@pytest.fixture(scope="module")
def narrow():
    return one_column_model()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("lines", "cells"),
    [
        (["1", "", "3"], [1, None, 3]),
        (["", "1", "3"], [None, 1, 3]),
        (["1", "3", ""], [1, 3, None]),
        (["1", "", "", ""], [1, None, None, None]),
        (['""', "1", "NA"], [None, 1, None]),
        ([""], [None]),
        (["4"], [4]),
    ],
)
def test_every_line_of_a_file_of_one_column_is_a_row(narrow, tmp_path, lines, cells, end):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(end.join(["a", *lines, ""]).encode())
    assert predict_file(narrow, source, out, keep=["a"]) == len(cells)
    expected = narrow.predict(pd.DataFrame({"a": np.array(cells, np.float64)}))
    got = pd.read_csv(out, skip_blank_lines=False)
    np.testing.assert_allclose(got["probability_0"], expected["probability_0"], atol=1e-6)


@pytest.mark.parametrize("rows", [1, 1023, 1024, 1025, 2049])
def test_rows_at_the_borders_of_chunks_are_all_there(narrow, tmp_path, rows, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK_CELLS", 1024)
    cells = pd.Series(np.arange(rows) % 5, dtype="str")
    cells[::3] = ""
    (tmp_path / "in.csv").write_text("a\n" + "\n".join(cells) + "\n")
    out = tmp_path / "out.csv"
    assert predict_file(narrow, tmp_path / "in.csv", out, keep=["a"]) == rows
    got = pd.read_csv(out, dtype="str", keep_default_na=False)
    assert got["a"].tolist() == cells.tolist()
