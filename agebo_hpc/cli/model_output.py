"""Options and lines of output that the commands about models share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from agebo_hpc.intervals.interval import with_interval

if TYPE_CHECKING:
    from agebo_hpc.data.dataset import DataSet
    from agebo_hpc.models.description import ModelDescription

NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
    "r2": "R^2",
    "mse": "MSE",
    "mae": "MAE",
}
THREADS = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Cores to use.  [default: all that this process may run on]",
)
FORCE = click.option(
    "--force", is_flag=True, help="Replace the output if it exists.  [default: refuse]"
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def remark(dataset: DataSet, rank: int = 0) -> None:
    """Write what should be known of a data set on standard error."""
    for line in () if rank else dataset.remarks:
        click.echo(f"note: {line}", err=True)


def warn_of(description: ModelDescription) -> None:
    """Warn on standard error of a model that does not tell rows apart."""
    if description.remark:
        click.echo(f"warning: {description.remark}", err=True)


def print_optimism(description: ModelDescription) -> None:
    """Print what the validation score of one of the best of many owes to the choice."""
    from agebo_hpc.models.best_of_many import optimism_text

    said = optimism_text(description)
    if said:
        click.echo(f"optimism    {said}")


def print_folds(folds: Mapping[str, Any]) -> None:
    """Print the scores of each fold, and their mean."""
    for number, fold in enumerate(folds["each"], 1):
        print_scores(f"fold {number}", fold["rows"], fold["scores"], fold["intervals"])
    print_scores("mean", folds["rows"], folds["scores"], folds["intervals"])


def print_scores(
    part: str,
    rows: int,
    scores: Mapping[str, float | None],
    intervals: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Print the scores of some rows in one line, with the 95 % intervals that are known."""
    known = intervals or {}
    shown = [
        f"{_name(name)} {with_interval(value, known.get(name))}" for name, value in scores.items()
    ]
    click.echo(f"{part:<11} {', '.join(shown)}  ({rows:,} rows)")


def _name(score: str) -> str:
    return NAMES.get(score, score.replace("_", " "))


def start_tensorflow(threads: int | None) -> None:
    """Set TensorFlow up before anything imports it, and after what a user may have got wrong."""
    from agebo_hpc.job.cores import available_cores
    from agebo_hpc.training.environment import prepare_environment
    from agebo_hpc.training.preload import load_for_models
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    threads = threads or available_cores()
    prepare_environment(threads)
    load_for_models()
    configure_tensorflow(Slot(threads))
