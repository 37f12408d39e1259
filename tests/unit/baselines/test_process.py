"""The process beside a search: measures, is waited for with patience, never matters to it."""

import logging
import time

import pytest

from agebo_hpc.baselines import process
from agebo_hpc.baselines.process import BaselineProcess
from agebo_hpc.baselines.record import NAMES, Baseline, Baselines
from agebo_hpc.data.dataset import open_dataset


def test_it_measures_and_a_second_session_starts_none(tiny_dataset, tmp_path, monkeypatch):
    data = open_dataset(tiny_dataset)
    arguments = (tmp_path, str(tiny_dataset), data.fingerprint, "roc_auc", 1)
    first = BaselineProcess(*arguments)
    assert first.known is None
    first.wait(120, lambda: False)
    first.close()
    assert list(first.known.scores) == list(NAMES)
    monkeypatch.setattr(process.subprocess, "Popen", None)
    again = BaselineProcess(*arguments)
    assert again.known == first.known
    again.wait(60, lambda: False)
    again.close()


def test_data_that_are_gone_are_a_line_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    measured = BaselineProcess(tmp_path, str(tmp_path / "none.h5"), "f", "accuracy", 1)
    measured.wait(120, lambda: False)
    measured.close()
    measured.close()
    assert measured.known is None
    assert "the baselines were not measured" in caplog.text and "none.h5" in caplog.text


@pytest.mark.parametrize("stop", [True, False])
def test_an_order_to_stop_and_the_end_of_patience_end_it(tiny_dataset, tmp_path, stop, caplog):
    caplog.set_level(logging.INFO)
    measured = BaselineProcess(tmp_path, str(tiny_dataset), "f", "accuracy", 1)
    began = time.monotonic()
    measured.wait(60 if stop else 0, lambda: stop)
    measured.close()
    assert time.monotonic() - began < 10
    assert "a resume measures" in caplog.text


def test_scores_of_other_data_are_not_known(tmp_path, tiny_dataset):
    Baselines("f", "accuracy", (Baseline("constant", 0.5, 0.0),)).write(tmp_path)
    measured = BaselineProcess(tmp_path, str(tiny_dataset), "other", "accuracy", 1)
    measured.close()
    assert measured.known is None
