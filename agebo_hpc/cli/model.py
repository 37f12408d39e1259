"""From a search to a model, and what the model is good for.

`retrain` and `ensemble` train data-parallel under mpirun; the others work in one process, and
under mpirun the first rank does it and the others leave at once.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agebo_hpc.cli.options import Integers, record_options
from agebo_hpc.execution.mpi.first_rank import is_first
from agebo_hpc.files import is_stream
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.training.ways import NAMES as WAYS

if TYPE_CHECKING:
    from agebo_hpc.data.dataset import DataSet
    from agebo_hpc.execution.mpi.rank_group import Team
    from agebo_hpc.models.bundle import Model
    from agebo_hpc.models.choice import RetrainOptions
    from agebo_hpc.models.quality import Quality

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
_THREADS = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Cores to use.  [default: all that this process may run on]",
)
_FORCE = click.option(
    "--force", is_flag=True, help="Replace the output if it exists.  [default: refuse]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_EPOCHS = click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Epochs of the training; the warm-up keeps its length.  [default: as in the search]",
)
_SEED = click.option(
    "--seed", type=click.IntRange(min=0), help="Of weights and shuffles.  [default: the search's]"
)
_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DATA.h5",
    help="The search's prepared data set, where it was moved.  [default: where it was]",
)
SHOWN_CLASSES = 12
"""Of a confusion matrix on a terminal, at most; JSON has all."""


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
@_EPOCHS
@click.option(
    "--include-validation",
    is_flag=True,
    help="Train on the validation rows too: no validation score then, a fixed schedule (no "
    "reduction on a plateau, no early stopping).",
)
@_SEED
@click.option(
    "--seeds",
    type=Integers(),
    help="Train once with each of these, such as 1,2,3, print the scores of all, and keep the "
    "one that is best on the validation part (the first, with --include-validation). The scores "
    "of the others, on the test part too, are for comparison and choose nothing.",
)
@_DATA
@_THREADS
@record_options([OPTIONS["data_parallel"]])
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
    Under mpirun all ranks train together: mpirun -n 4 agebo-hpc retrain RUN
    """
    from agebo_hpc.execution.mpi.rank_group import join_team
    from agebo_hpc.models.choice import Chosen, RetrainOptions, choose, open_data
    from agebo_hpc.models.places import check_model_place, place_in_run
    from agebo_hpc.versions import installed_versions

    changes["seeds"] = changes["seeds"] or ()
    options = RetrainOptions(**changes, versions=installed_versions())
    team = join_team()

    def choose_checked() -> tuple[Chosen, Path]:
        chosen = choose(run, options.rank)
        place = out or place_in_run(chosen.run, f"evaluation_{chosen.result.id}")
        check_model_place(place, force)
        return chosen, place

    chosen, place = team.first(choose_checked)
    dataset = team.agree(lambda: open_data(chosen, options.data, team.local_rank == 0))
    _remark(dataset, team.rank)
    options = _start_together(threads, team, options)
    from agebo_hpc.models.bundle import save_model
    from agebo_hpc.models.retraining import make_model, train_seeds

    if not as_json and not team.rank:
        click.echo(
            f"Training evaluation {chosen.result.id} (rank {chosen.rank}, objective "
            f"{chosen.result.objective:.5g} in the search) on "
            f"{dataset.name}{_together(team, options)} ..."
        )
    began = time.perf_counter()
    trainings = train_seeds(chosen, dataset, options, team.comm)
    if team.rank:
        return
    model = make_model(chosen, dataset, options, trainings, team.size)
    save_model(model, place, force)
    _report_training(model, place, time.perf_counter() - began, as_json)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Directory to make.  [default: RUN/models/ensemble_<size>]",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many of the best configurations are trained to choose from.",
)
@_EPOCHS
@_SEED
@_DATA
@_THREADS
@record_options([OPTIONS["data_parallel"]])
@_FORCE
@_JSON
def ensemble(
    run: Path,
    out: Path | None,
    size: int,
    threads: int | None,
    force: bool,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train the best configurations of the search in RUN and save an ensemble of them.

    The members are chosen greedily, with replacement, on the validation part. Prints the scores
    and the speed of the ensemble beside those of its best single network. Under mpirun all ranks
    train together.
    """
    from agebo_hpc.execution.mpi.rank_group import join_team
    from agebo_hpc.models.choice import Chosen, RetrainOptions, choose_best, open_data
    from agebo_hpc.models.places import check_model_place, place_in_run
    from agebo_hpc.versions import installed_versions

    options = RetrainOptions(**changes, versions=installed_versions())
    team = join_team()

    def choose_checked() -> tuple[list[Chosen], Path]:
        found = choose_best(run, size, "--size")
        place = out or place_in_run(found[0].run, f"ensemble_{size}")
        check_model_place(place, force)
        return found, place

    found, place = team.first(choose_checked)
    dataset = team.agree(lambda: open_data(found[0], options.data, team.local_rank == 0))
    _remark(dataset, team.rank)
    options = _start_together(threads, team, options)
    from agebo_hpc.models.bundle import save_model
    from agebo_hpc.models.ensemble import make_ensemble, train_candidates

    began = time.perf_counter()
    if not as_json and not team.rank:
        click.echo(f"Training {size} networks on {dataset.name}{_together(team, options)} ...")
    candidates = train_candidates(found, dataset, options, team.comm, team.size, score=False)
    if team.rank:
        return
    model = make_ensemble(candidates, dataset)
    save_model(model, place, force)
    _report_training(model, place, time.perf_counter() - began, as_json)


def _remark(dataset: DataSet, rank: int = 0) -> None:
    """Say what should be known of a data set, on standard error."""
    for line in () if rank else dataset.remarks:
        click.echo(f"note: {line}", err=True)


def _together(team: Team, options: RetrainOptions) -> str:
    way = WAYS[str(options.data_parallel)]
    return f" with {team.size} ranks, by {way}" if team.size > 1 else ""


def _report_training(model: Model, out: Path, seconds: float, as_json: bool) -> None:
    description = model.description
    scores = dict(description.scores)
    if as_json:
        told = {"model": str(out), "seconds": seconds, "scores": scores}
        seeds = description.training.get("seeds")
        click.echo(json.dumps(told if seeds is None else {**told, "seeds": seeds}))
        return
    speed, single = scores.pop("rows_per_second"), scores.pop("single", None)
    for part, values in scores.items():
        _print_scores(part, description.data["rows"][part], values)
    if description.training["include_validation"]:
        click.echo("validation  trained on, no score")
    for entry in description.training.get("seeds", ()):
        _print_scores(f"seed {entry['seed']}", description.data["rows"]["test"], entry["test"])
    curve = description.training.get("curve", ())
    epochs = f"{len(curve)} epochs, " if curve else f"{len(model.members)} members, "
    click.echo(
        f"network     {description.configuration['num_parameters']:,} parameters, "
        f"{epochs}{seconds:.1f} s"
    )
    click.echo(f"inference   {speed:,.0f} rows per second")
    if single is not None:
        fast = single["rows_per_second"]
        _print_scores("single", description.data["rows"]["test"], single["test"])
        click.echo(
            f"price       the single network does {fast:,.0f} rows per second, "
            f"{fast / speed:.1f} times as many"
        )
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
    if not is_first(sys.argv[1:]):
        return
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.models.description import read_description
    from agebo_hpc.models.fit import check_fits

    description, dataset = read_description(model), open_dataset(data)
    check_fits(description, dataset)
    dataset.verify((part,))
    _remark(dataset)
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
    if done.quality is not None:
        _print_quality(done.quality)


def _print_quality(quality: Quality) -> None:
    click.echo("calibration probability    rows  mean probability  accuracy")
    for row in quality.reliability:
        click.echo(
            f"            {row.lower:.1f} to {row.upper:.1f} {row.rows:>9,} "
            f"{row.confidence:>17.3f} {row.accuracy:>9.3f}"
        )
    names = [str(label) for label in quality.labels]
    if len(names) > SHOWN_CLASSES:
        click.echo(f"confusion   {len(names)} classes; --json has the matrix")
        return
    numbers = max(len(f"{count:,}") for row in quality.confusion for count in row)
    width = max(numbers, *(len(name) for name in names))
    left = max(len("true"), *(len(name) for name in names))
    click.echo(f"confusion   {'true':<{left}}  " + "  ".join(f"{name:>{width}}" for name in names))
    for name, counts in zip(names, quality.confusion, strict=True):
        cells = "  ".join(f"{count:>{width},}" for count in counts)
        click.echo(f"            {name:<{left}}  {cells}")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option(
    "--keep",
    multiple=True,
    metavar="COL",
    help="Column of IN to copy to the output, such as an id; may be repeated.  [default: none]",
)
@_THREADS
@_FORCE
def predict(
    model: Path, source: Path, out: Path, keep: tuple[str, ...], threads: int | None, force: bool
) -> None:
    """Predict the rows of the table IN with MODEL and write OUT, in the same order.

    IN may be any table that `data prepare` reads; CSV (also .gz) and Parquet are streamed. OUT
    (.csv, .csv.gz or .parquet) has the prediction and, for classes, the probability of each.
    """
    if not is_first(sys.argv[1:]):
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
    told = f"{rows:,} rows written to {out} ({speed:,.0f} rows per second, files included)"
    click.echo(told, err=is_stream(out))


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["keras", "savedmodel", "onnx"]),
    required=True,
    help="keras: one .keras file; savedmodel: TensorFlow's directory; onnx: one .onnx file.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File or directory to make.",
)
@_FORCE
def export(model: Path, kind: str, out: Path, force: bool) -> None:
    """Write MODEL with its preprocessing in a format that other programs read.

    The exported model takes the columns of a table, one input of shape (rows, 1) for each.
    """
    if not is_first(sys.argv[1:]):
        return
    from agebo_hpc.models.description import read_description
    from agebo_hpc.models.export import check_export, export_model, input_names

    check_export(kind, out, force)
    read_description(model)
    _start(None)
    from agebo_hpc.models.bundle import load_model

    loaded = load_model(model)
    export_model(loaded, kind, out, force)
    click.echo(f"{kind} model written to {out}", err=is_stream(out))
    for column, name in input_names(kind, loaded).items():
        if name != column:
            click.echo(f"column {column!r} is the input {name!r}")


def _start(threads: int | None) -> None:
    """Set TensorFlow up before anything imports it, and after what a user may have got wrong."""
    from agebo_hpc.job.cores import available_cores
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    configure_tensorflow(Slot(threads or available_cores()))


def _start_together(threads: int | None, team: Team, options: RetrainOptions) -> RetrainOptions:
    """Set TensorFlow up on all ranks; return the options with how they sum gradients."""
    from agebo_hpc.training.runtime import configure_tensorflow
    from agebo_hpc.training.trainer import Slot

    configure_tensorflow(Slot(threads or team.cores, team.local_rank, team.size > 1))
    return replace(options, data_parallel=team.way(options.data_parallel or "auto").name)


def _print_scores(part: str, rows: int, scores: dict[str, float | None]) -> None:
    shown = [
        f"{NAMES.get(name, name)} {'-' if value is None else format(value, '.5g')}"
        for name, value in scores.items()
    ]
    click.echo(f"{part:<11} {', '.join(shown)}  ({rows:,} rows)")
