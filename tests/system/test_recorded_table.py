"""A table of real trainings: made by real ranks, then replayed on a virtual clock."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from agebo_hpc.storage.reader import read_history

pytestmark = pytest.mark.mpi

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(shell, tiny_dataset, tmp_path_factory):
    """Return a table of a short search, and what its making printed."""
    out = tmp_path_factory.mktemp("made") / "table.parquet"
    done = shell(
        "EVALUATIONS=12 EPOCHS=1 METHODS=random SEARCHES=1 NOTE='a test' SOURCE='made up, CC0' "
        f"{ROOT}/scripts/make_table.sh {tiny_dataset} {out}",
        cwd=out.parent,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def facts_of(table):
    return json.loads(pyarrow.parquet.read_schema(table).metadata[b"agebo_hpc"])


def test_a_table_says_where_it_is_from_and_how_good_its_predictions_are(made, tiny_dataset):
    table, said = made
    facts = facts_of(table)
    assert (facts["note"], facts["source"]) == ("a test", "made up, CC0")
    assert facts["data"]["rows"]["train"] == 840
    assert [(s["method"], s["seed"]) for s in facts["searches"]] == [("random", 1)]
    assert sum(search["ended"]["done"] for search in facts["searches"]) == len(
        pd.read_parquet(table)
    )
    assert facts["machine"]["cores"] >= 1 and "tensorflow-cpu" in facts["machine"]["versions"]
    for name, value in facts["prediction_error"].items():
        assert f"{name:28s}{value:8.3f}" in said


def test_the_same_search_on_the_table_meets_the_same_trainings(made, agebo, tmp_path):
    table, _ = made
    before = read_history(table.with_name("table-runs") / "random-1").set_index("evaluation_id")
    out = tmp_path / "run"
    machine = ["--executor", "simulated", "--groups", "1", "--slots-per-group", "2"]
    world = ["--simulate", f"recorded:{table}", "--method", "random", "--seed", "1"]
    done = agebo("search", *machine, *world, "--max-evals", "20", "--out", out)
    assert done.returncode == 0, done.stderr
    after = read_history(out).set_index("evaluation_id")
    assert set(after["status"]) == {"done"} and len(after) == 20
    same = before[before["status"] == "done"].index
    pd.testing.assert_series_equal(after.loc[same, "objective"], before.loc[same, "objective"])
    pd.testing.assert_series_equal(
        after.loc[same, "num_parameters"], before.loc[same, "num_parameters"]
    )
    for number in same:
        assert after["seconds_train"][number] == pytest.approx(
            before["seconds_total"][number], abs=0.01
        )


def test_a_run_that_is_not_there_is_said_in_one_line(made, shell, tmp_path):
    run = made[0].with_name("table-runs") / "random-1"
    done = shell(
        f"python {ROOT}/scripts/record_table.py {run} nothing --out t.parquet", cwd=tmp_path
    )
    assert (done.returncode, done.stderr.count("\n")) == (66, 1), done.stderr
    assert "There is no run directory 'nothing'" in done.stderr
    assert not (tmp_path / "t.parquet").exists()
