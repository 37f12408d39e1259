"""How long an evaluation by one process takes: measured in a run, or estimated for a data set.

The estimate counts what networks that a search draws at first multiply and put out, forwards and
backwards, over all rows and epochs, at the speed of this machine, and what each step and each new
network cost besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from agebo_hpc.run.configuration import network_decoder
from agebo_hpc.run.machine_speed import products_per_second
from agebo_hpc.space.cost import work
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.run_directory import holds_search
from agebo_hpc.text import counted

if TYPE_CHECKING:
    from agebo_hpc.run.request import SearchRequest
    from agebo_hpc.space.problem import Problem

DRAWS = 25
"""Random networks whose median stands for all."""
BACKWARD = 3.0
"""Work of a training step, in predictions of its rows."""
NEW_NETWORK_SECONDS = 2.0
"""To make, trace and compile a network."""
STEP_SECONDS = 5e-4
"""Of a training step, beside its products."""


@dataclass(frozen=True)
class EvaluationTime:
    """Seconds of an evaluation by one process, > 0, and how they are known, if they are."""

    seconds: float
    source: str = ""

    @property
    def text(self) -> str:
        """Both in a few words."""
        minutes = self.seconds / 60
        told = f"{minutes:.3g} min" if minutes >= 2 else f"{self.seconds:.2g} s"
        return f"{told} ({self.source})" if self.source else told


def measured(run: Path) -> EvaluationTime | None:
    """Return what the finished evaluations of a run took; None where there are none.

    One by n processes is taken to be n times as long by one.
    """
    if not holds_search(run):
        return None
    seconds = [
        (result.ended - result.started) * result.evaluation.configuration.num_processes
        for result in read_replay(run).results
        if result.status.has_value
    ]
    if not seconds:
        return None
    count = counted(len(seconds), "evaluation")
    return EvaluationTime(max(1e-3, median(seconds)), f"measured in the run, {count}")


def estimated(request: SearchRequest, problem: Problem, threads: int) -> EvaluationTime | None:
    """Return what an evaluation of a problem would take here; None where nothing tells.

    Parameters
    ----------
    request, problem
        What is searched; its data set is opened.
    threads
        Cores of a trainer rank, >= 1.
    """
    decode = None if request.simulate is not None else network_decoder(problem)
    if decode is None:
        return None
    from agebo_hpc.data.dataset import open_dataset

    rows = open_dataset(str(problem.data)).num_rows
    rng = np.random.default_rng(0)
    drawn = [decode(problem.architecture.random(rng)) for _ in range(DRAWS)]
    of_a_row = median(map(work, drawn)) / (products_per_second() * threads)
    defaults = problem.hyperparameters.defaults
    steps = -(-rows["train"] // int(defaults.get("batch_size", 256)))
    epoch = of_a_row * (BACKWARD * rows["train"] + rows["validation"]) + STEP_SECONDS * steps
    seconds = NEW_NETWORK_SECONDS + problem.recipe.epochs * epoch
    cores = counted(threads, "core")
    return EvaluationTime(seconds, f"estimated for this data set, on {cores} like this machine's")
