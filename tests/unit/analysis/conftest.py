"""Histories for the tests of the analysis, as frames and as run directories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.storage.history import History
from agebo_hpc.storage.rows import columns_of, frame_of
from agebo_hpc.storage.run_directory import RunDirectory

SPACE = {"num_nodes": 2, "units": [16], "activations": ["relu"], "look_back": 1}


def results_of(objectives: Sequence[float | None]) -> list[Result]:
    """Return results that end ten seconds after each other, from 1010 on; None is a failure.

    Each takes eight seconds on one slot, or two for odd ids, and waits two.
    """
    return [
        Result(
            Evaluation(
                number,
                Configuration(
                    (number % 2, 1, 1, 0),
                    {"batch_size": 64, "learning_rate": 0.1, "num_processes": 1 + number % 2},
                ),
            ),
            Status.FAILED if objective is None else Status.DONE,
            objective=objective,
            submitted=1000.0 + 10 * number,
            started=1002.0 + 10 * number,
            ended=1010.0 + 10 * number,
            ranks=(1, 2),
            num_parameters=50,
            traceback='a "quoted", line\nC:\\new' if objective is None else "",
        )
        for number, objective in enumerate(objectives)
    ]


@pytest.fixture
def make_frame() -> Callable[[Sequence[float | None]], pd.DataFrame]:
    return lambda objectives: frame_of(columns_of(results_of(objectives)))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """Return a maker of run directories: objectives, name, whether the session is ended."""

    def make(
        objectives: Sequence[float | None], name: str = "run", ended: bool | str = True
    ) -> RunDirectory:
        config = {"search": {"max_evals": 9}, "problem": {"architecture": SPACE}}
        run = RunDirectory.create(tmp_path / name, config)
        history = History.open(run)
        history.session("start", {"slots": 2, "world_size": 3})
        results = results_of([*objectives, 0.0])
        for result in results:
            history.submitted(result.evaluation)
        for result in results[:-1]:
            history.append(result)
        if ended:
            history.session("end", {"reason": ended} if isinstance(ended, str) else {})
        history.close()
        return run

    return make
