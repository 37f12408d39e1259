"""Results and runs for the tests of the run directory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.run_directory import RunDirectory


def evaluation(number: int) -> Evaluation:
    values = {"batch_size": 32 << number % 3, "learning_rate": 0.01 / (1 + number)}
    return Evaluation(
        number, Configuration((number % 31, 1, 0), {**values, "num_processes": 1 + number % 2})
    )


def result(number: int, status: Status = Status.DONE) -> Result:
    done = status is Status.DONE
    return Result(
        evaluation(number),
        status,
        objective=0.5 + number / 100 if done else None,
        curve=tuple({"epoch": k, "loss": 1 / k, "validation_loss": 2 / k} for k in (1, 2)),
        times={"queue": 0.5, "train": 8.0},
        submitted=1000.0 + number,
        started=1001.0 + number,
        ended=1010.0 + number,
        ranks=(1, 2)[: 1 + number % 2],
        host="node",
        num_parameters=100 + number,
        peak_memory=1 << 20,
        traceback="" if done else "Traceback:\n  boom",
    )


@pytest.fixture
def make_evaluation() -> Callable[[int], Evaluation]:
    return evaluation


@pytest.fixture
def make_result() -> Callable[..., Result]:
    return result


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", {"search": {"method": "agebo"}})


@pytest.fixture
def filled(run: RunDirectory) -> RunDirectory:
    """A run with a snapshot after 3 results, 5 results, 2 pending evaluations, closed."""
    history = History.open(run)
    history.session("start", {"slots": 2, "world_size": 3, "versions": {"agebo_hpc": "0"}})
    for number in range(7):
        history.submitted(evaluation(number))
    for number in range(5):
        history.append(result(number, Status.FAILED if number == 2 else Status.DONE))
        if number == 2:
            history.snapshot({"told": 3}, force=True)
    history.close()
    return run


@pytest.fixture(autouse=True)
def _log_all(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "agebo_hpc")
