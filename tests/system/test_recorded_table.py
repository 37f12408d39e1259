"""A table of real trainings: made by real ranks, then replayed on a virtual clock."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from agebo_hpc.storage.reader import read_history

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(shell, tiny_dataset, tmp_path_factory):
    """Return a table of two short searches, and what its making printed."""
    out = tmp_path_factory.mktemp("made") / "table.parquet"
    done = shell(
        "EVALUATIONS=6 EPOCHS=1 SEARCHES=1 NOTE='a test' SOURCE='made up, CC0' "
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
    assert [(s["method"], s["seed"]) for s in facts["searches"]] == [("random", 1), ("agebo", 2)]
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
    done = agebo("search", *machine, *world, "--max-evals", "30", "--out", out)
    assert done.returncode == 0, done.stderr
    after = read_history(out).set_index("evaluation_id")
    assert set(after["status"]) == {"done"} and len(after) == 30
    same = before[before["status"] == "done"].index
    pd.testing.assert_series_equal(after.loc[same, "objective"], before.loc[same, "objective"])
    pd.testing.assert_series_equal(
        after.loc[same, "num_parameters"], before.loc[same, "num_parameters"]
    )
    for number in same:
        assert after["seconds_train"][number] == pytest.approx(
            before["seconds_total"][number], abs=0.01
        )


def test_runs_that_do_not_belong_together_are_not_recorded(made, agebo, shell, tmp_path):
    table, _ = made
    run = tmp_path / "run"
    machine = ["--executor", "simulated", "--groups", "2"]
    done = agebo(
        "search", *machine, "--simulate", "lognormal:mean=5", "--max-evals", "3", "--out", run
    )
    assert done.returncode == 0, done.stderr
    first = table.with_name("table-runs") / "random-1"
    script = f"python {ROOT}/scripts/record_table.py"
    cases = {
        f"{first}": (65, "a table needs 10 at least"),
        f"{run}": (78, "trained no data set"),
        f"{tmp_path / 'nothing'}": (66, "There is no run directory"),
    }
    for runs, (code, said) in cases.items():
        refused = shell(f"{script} {runs} --out {tmp_path}/t.parquet", cwd=tmp_path)
        assert (refused.returncode, refused.stderr.count("\n")) == (code, 1), refused.stderr
        assert said in refused.stderr
    assert not (tmp_path / "t.parquet").exists()
