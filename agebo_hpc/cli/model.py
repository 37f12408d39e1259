"""`retrain`, `evaluate` and `predict`: from a search to a model, and what the model is good for.

They work in one process. Under mpirun the first rank does it, the others leave at once.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agebo_hpc.execution.launcher import announced_rank

if TYPE_CHECKING:
    from agebo_hpc.models.bundle import Model

NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "r2": "R^2",
    "mse": "MSE",
    "mae": "MAE",
}
_THREADS = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Cores to use.  [default: all that this process may run on]",
)
_FORCE = click.option(
    "--force", is_flag=True, help="Replace the output if it exists.  [default: refuse]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Directory to make.  [default: RUN/models/evaluation_<id>]",
)
@click.option(
    "--rank",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Which of the best evaluations: 1 is the best.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Epochs of the training; the warm-up keeps its length.  [default: as in the search]",
)
@click.option(
    "--include-validation",
    is_flag=True,
    help="Train on the validation rows too: no validation score then, a fixed schedule (no "
    "reduction on a plateau, no early stopping).",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Of weights and shuffles.  [default: the search's]"
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DATA.h5",
    help="The search's prepared data set, where it was moved.  [default: where it was]",
)
@_THREADS
@_FORCE
@_JSON
def retrain(
    run: Path,
    out: Path | None,
    threads: int | None,
    force: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train one of the best configurations of the search in RUN again and save the model.

    Prints its scores on the validation and the test part; the test part is used here only.
    """
    if announced_rank():
        return
    from agebo_hpc.execution.installation import installed_versions
    from agebo_hpc.models.choice import RetrainOptions, choose, open_data
    from agebo_hpc.models.places import check_model_place

    options = RetrainOptions(**changes, versions=installed_versions())
    chosen = choose(run, options.rank)
    out = out or chosen.run / "models" / f"evaluation_{chosen.result.id}"
    check_model_place(out, force)
    dataset = open_data(chosen, options.data)
    _start(threads)
    from agebo_hpc.models.bundle import save_model
    from agebo_hpc.models.retraining import retrain as train_again

    if not as_json:
        click.echo(
            f"Training evaluation {chosen.result.id} (rank {chosen.rank}, objective "
            f"{chosen.result.objective:.5g} in the search) on {dataset.name} ..."
        )
    began = time.perf_counter()
    model = train_again(chosen, dataset, options)
    save_model(model, out, force)
    _report_training(model, out, time.perf_counter() - began, as_json)


def _report_training(model: Model, out: Path, seconds: float, as_json: bool) -> None:
    description = model.description
    scores = dict(description.scores)
    if as_json:
        click.echo(json.dumps({"model": str(out), "seconds": seconds, "scores": scores}))
        return
    speed = scores.pop("rows_per_second")
    for part, values in scores.items():
        _print_scores(part, description.data["rows"][part], values)
    if description.training["include_validation"]:
        click.echo("validation  trained on, no score")
    click.echo(
        f"network     {description.configuration['num_parameters']:,} parameters, "
        f"{len(description.training['curve'])} epochs, {seconds:.1f} s"
    )
    click.echo(f"inference   {speed:,.0f} rows per second")
    click.echo(f"model       {out}")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA.h5")
@click.option(
    "--part",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Which rows of the data set.",
)
@_THREADS
@_JSON
def evaluate(model: Path, data: Path, part: str, threads: int | None, as_json: bool) -> None:
    """Score MODEL on a part of the prepared data set it was trained on."""
    if announced_rank():
        return
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.models.description import read_description
    from agebo_hpc.models.fit import check_fits

    description, dataset = read_description(model), open_dataset(data)
    check_fits(description, dataset)
    _start(threads)
    from agebo_hpc.models.bundle import load_model
    from agebo_hpc.models.evaluation import evaluate_model

    done = evaluate_model(load_model(model), dataset, part)
    if as_json:
        click.echo(json.dumps({"model": str(model), "data": str(data), **asdict(done)}))
        return
    _print_scores(done.part, done.rows, done.scores)
    click.echo(f"inference   {done.rows_per_second:,.0f} rows per second")
    if done.trained_on:
        click.echo("note        the model was trained on these rows")
    if not done.same_data:
        click.echo("note        not the data that the model was trained on, but prepared alike")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("source", type=click.Path(path_type=Path), metavar="IN.csv")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.csv")
@click.option(
    "--keep",
    multiple=True,
    metavar="COL",
    help="Column of IN.csv to copy to the output, such as an id; may be repeated.  "
    "[default: none]",
)
@_THREADS
@_FORCE
def predict(
    model: Path, source: Path, out: Path, keep: tuple[str, ...], threads: int | None, force: bool
) -> None:
    """Predict the rows of IN.csv with MODEL and write OUT.csv, in the same order.

    IN.csv may be any table that `data prepare` reads; CSV (also .gz) and Parquet are streamed.
    OUT.csv (or .csv.gz) has the prediction and, for classes, the probability of each.
    """
    if announced_rank():
        return
    from agebo_hpc.models.description import read_description
    from agebo_hpc.models.prediction import check_prediction, predict_file

    check_prediction(read_description(model), source, out, keep, force)
    _start(threads)
    from agebo_hpc.models.bundle import load_model

    loaded = load_model(model)
    began = time.perf_counter()
    rows = predict_file(loaded, source, out, keep, force)
    speed = rows / (time.perf_counter() - began)
    click.echo(f"{rows:,} rows written to {out} ({speed:,.0f} rows per second, files included)")


def _start(threads: int | None) -> None:
    """Set TensorFlow up before anything imports it, and after what a user may have got wrong."""
    from agebo_hpc.execution.world import available_cores
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    configure_tensorflow(Slot(threads or available_cores()))


def _print_scores(part: str, rows: int, scores: dict[str, float | None]) -> None:
    shown = [
        f"{NAMES.get(name, name)} {'-' if value is None else format(value, '.5g')}"
        for name, value in scores.items()
    ]
    click.echo(f"{part:<11} {', '.join(shown)}  ({rows:,} rows)")
