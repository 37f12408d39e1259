"""What `status` says of a run, line by line."""

import pytest
from click.testing import CliRunner

from agebo_hpc.cli.history import status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory


def said(run):
    """Return the lines by their names."""
    done = CliRunner().invoke(status, [str(run)], catch_exceptions=False)
    assert done.exit_code == 0
    lines = (line.partition(" ") for line in done.output.splitlines())
    return {name: text.strip() for name, _, text in lines}


@pytest.mark.parametrize(
    ("ended", "words"),
    [("complete", "1 not finished"), ("stopped", "1 to be repeated"), (False, "1 running")],
)
def test_only_what_will_be_repeated_is_said_to_be(make_run, ended, words):
    run = make_run([0.5], ended=ended)
    assert said(run.path)["evaluations"].endswith(words)


@pytest.mark.parametrize("state", ["complete", "stopped"])
def test_an_end_is_told_with_its_reason(make_run, state):
    run = make_run([0.5], ended=False)
    history = History.open(run)
    history.session("start", {"slots": 1})
    history.session("end", {"reason": state, "why": "the 60 s that it had are used up"})
    history.close()
    line = said(run.path)["state"]
    assert line.startswith(state) and ": the 60 s that it had are used up" in line


def test_data_task_and_metric_are_named(tmp_path):
    config = {
        "problem": {"metric": "neg_log_loss", "data_fingerprint": "0123456789abcdef"},
        "data": {
            "name": "flights",
            "task": "classification",
            "target": "late",
            "rows": {"train": 1200, "validation": 300, "test": 400},
            "num_classes": 3,
        },
    }
    lines = said(RunDirectory.create(tmp_path / "run", config).path)
    assert (
        lines["data"] == "flights (01234567), rows 1,200 / 300 / 400 (train / validation / test)"
    )
    assert lines["task"] == "classification, 3 classes of 'late'"
    assert lines["metric"] == "log loss"


def test_a_run_of_an_earlier_version_says_what_it_knows(tmp_path):
    config = {"problem": {"metric": "r2", "data": "/nowhere/prices.h5"}}
    lines = said(RunDirectory.create(tmp_path / "run", config).path)
    assert (lines["data"], lines["task"]) == ("prices", "regression")
    nothing = said(RunDirectory.create(tmp_path / "simulated", {}).path)
    assert not nothing.keys() & {"data", "task", "metric"}
