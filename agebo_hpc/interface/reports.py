"""The report of a run, with its model where there is one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agebo_hpc.models.bundle import Model


def report_of_run(run: Path, out: str | Path) -> Path:
    """Write the report of a run and of the model that lies in it; return the page's path."""
    from agebo_hpc.analysis.report import write_analysis
    from agebo_hpc.analysis.runs import read_runs
    from agebo_hpc.models.run_report import models_of

    runs = read_runs([run])
    return write_analysis(runs, Path(out), models=models_of(runs, None, _load)).files[0]


def report_of_fit(run: Path, model: Model, out: str | Path) -> Path:
    """Write the report of an estimator's search, whose rows are not kept; return its path.

    Parameters
    ----------
    run
        The run directory.
    model
        What the estimator predicts with.
    out
        Directory of the report.
    """
    from agebo_hpc.analysis.report import write_analysis
    from agebo_hpc.analysis.reported_model import ReportedModel
    from agebo_hpc.analysis.runs import read_runs

    runs = read_runs([run])
    why = "An estimator keeps its model and its search, but not the rows that it was fitted to."
    told = ReportedModel("model_", asdict(model.description), missing=why)
    return write_analysis(runs, Path(out), models=dict.fromkeys(runs, told)).files[0]


def _load(path: Path) -> Model:
    from agebo_hpc.job.cores import available_cores
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    # In a process that uses TensorFlow already it stays as it is.
    with suppress(RuntimeError):
        configure_tensorflow(Slot(available_cores()))
    from agebo_hpc.models.bundle import load_model

    return load_model(path)
