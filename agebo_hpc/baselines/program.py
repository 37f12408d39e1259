"""The process that measures the simple models, beside a search and at low priority.

    program.py DATA METRIC RUN SEED

Writes them into the run directory, each as soon as it is there; one that fails says why. What they
predict for the test rows goes into a file of its own.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from agebo_hpc.baselines.models import Table
    from agebo_hpc.baselines.record import Baseline
    from agebo_hpc.data.dataset import DataSet, Part

T = TypeVar("T")
NICENESS = 10
MOST_SECONDS = 60
"""Processor time of one model, which is then given up."""


def main() -> None:
    """Measure those that are not there yet."""
    os.nice(NICENESS)
    data, metric, run, seed = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _give_up)
    from agebo_hpc.data.dataset import open_dataset

    # Whoever searches has checked the rows.
    measure(open_dataset(data, verify=False), metric, Path(run), int(seed))


def measure(dataset: DataSet, metric: str, run: Path, seed: int) -> None:
    """Measure the simple models of a data set that a run directory lacks, and write them there.

    Parameters
    ----------
    dataset
        Its training rows are fitted to, the validation rows are scored on. What is predicted for
        the test rows is kept apart, see `agebo_hpc.baselines.kept`.
    metric
        Name of the metric, one of `agebo_hpc.metrics.table.METRICS`.
    run
        The directory.
    seed
        Seed of every random draw, >= 0.
    """
    from agebo_hpc.baselines.judging import Judging
    from agebo_hpc.baselines.record import Baselines, read_baselines

    known = read_baselines(run)
    found: tuple[Baseline, ...] = ()
    if known is not None and known.belongs_to(dataset.fingerprint, metric):
        found = known.found
    missing = Baselines(dataset.fingerprint, metric, found).missing
    if not missing:
        return
    table, remark = table_of(dataset, metric, seed)
    judging = Judging(dataset, metric, run, seed)
    for name in missing:
        baseline, model = _measured(name, table, remark)
        if baseline.score is not None:
            # First: whoever sees the score finds the predictions.
            _timed(partial(judging.keep, name, model))
        found = (*found, baseline)
        Baselines(dataset.fingerprint, metric, found).write(run)


def _measured(name: str, table: Table, remark: str) -> tuple[Baseline, Any]:
    from agebo_hpc.baselines.models import MODELS, score
    from agebo_hpc.baselines.record import Baseline

    def fit_and_score() -> tuple[Any, str, float | None]:
        model, bounded = MODELS[name](table)
        return model, bounded, score(model, table)

    began = time.process_time()
    done, failure = _timed(fit_and_score)
    model, bounded, value = done or (None, failure, None)
    if done and value is None:
        bounded = f"the validation rows do not allow {table.metric}"
    elif value is not None and not math.isfinite(value):
        value, bounded = None, f"its {table.metric} is {value}"
    remarks = ", ".join(filter(None, [bounded, remark]))
    return Baseline(name, value, time.process_time() - began, remarks), model


def _timed(action: Callable[[], T]) -> tuple[T | None, str]:
    """Do something within `MOST_SECONDS`; return what it gave, or None and why it failed."""
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        with warnings.catch_warnings():
            # What does not converge is said in the remark.
            warnings.simplefilter("ignore")
            return action(), ""
    except Exception as error:  # noqa: BLE001 (the search does not depend on it)
        said = str(error).strip().splitlines() or [""]
        return None, f"failed ({type(error).__name__}: {said[0][:200]})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def table_of(dataset: DataSet, metric: str, seed: int) -> tuple[Table, str]:
    """Return the rows of a data set that are looked at, and what was left out in words."""
    from agebo_hpc.baselines.models import Table
    from agebo_hpc.data.target import RealCoding

    train, of_train = _some(dataset.train, seed, "training")
    validation, of_validation = _some(dataset.validation, seed, "validation")
    coding = dataset.preprocessing.target
    classes = dataset.num_outputs if dataset.task == "classification" else 0
    (x, y, weights), (x_validation, y_validation, weights_validation) = train, validation
    table = Table(
        *(x, y, x_validation, y_validation, classes, metric, seed, dataset.decode),
        *(weights, weights_validation),
        coding=coding if isinstance(coding, RealCoding) else None,
    )
    return table, ", ".join(filter(None, [of_train, of_validation]))


def _some(part: Part, seed: int, name: str) -> tuple[tuple[Any, Any, Any], str]:
    import numpy as np

    from agebo_hpc.baselines.models import MOST_CELLS, MOST_ROWS
    from agebo_hpc.baselines.sample import stratified

    most = max(1, min(MOST_ROWS, MOST_CELLS // part.x.shape[1]))
    rows = stratified(part.y, most, np.random.default_rng(seed))
    if len(rows) == len(part.y):
        weights = None if part.weights is None else np.asarray(part.weights)
        return (np.asarray(part.x), np.asarray(part.y), weights), ""
    weights = None if part.weights is None else part.weights[rows]
    return (part.x[rows], part.y[rows], weights), f"{len(rows):,} of {len(part.y):,} {name} rows"


def _give_up(number: int, frame: object) -> None:
    raise TimeoutError(f"no end after {MOST_SECONDS} s of processor time")


if __name__ == "__main__":
    main()
