"""What is stored of the simple models, and what anybody may have stored in its place."""

import pytest

from agebo_hpc.baselines import models
from agebo_hpc.baselines.program import measure
from agebo_hpc.baselines.record import FILE_NAME, read_baselines
from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.storage.seal import seal


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "constant", "score": "high", "seconds": 1.0},
        {"name": "constant", "score": float("nan"), "seconds": 1.0},
        {"name": "constant", "score": 10**400, "seconds": 1.0},
        {"name": "\x1b[2J", "score": 0.5, "seconds": 1.0},
        {"name": ["constant"], "score": 0.5, "seconds": 1.0},
        {"name": "constant", "score": 0.5, "seconds": 1.0, "remark": 5},
        "constant",
        None,
    ],
)
def test_scores_that_are_none_are_as_if_there_were_no_file(tmp_path, entry):
    stored = {"data_fingerprint": "f", "metric": "accuracy", "found": [entry]}
    (tmp_path / FILE_NAME).write_bytes(seal(stored))
    assert read_baselines(tmp_path) is None


def test_a_metric_that_is_no_text_is_as_if_there_were_no_file(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(seal({"data_fingerprint": "f", "metric": [], "found": []}))
    assert read_baselines(tmp_path) is None


def test_a_score_that_is_no_number_is_said_and_the_others_are_measured(
    tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(models, "score", lambda model, table: float("-inf"))
    measure(open_dataset(tiny_dataset), "accuracy", tmp_path, 0)
    found = read_baselines(tmp_path)
    assert found.is_complete and found.scores == {} and "accuracy is -inf" in found.remarks
