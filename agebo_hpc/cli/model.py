"""What a model is good for: scores, predictions, exports.

They work in one process; under mpirun the first rank does it and the others leave at once.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agebo_hpc.cli.model_output import (
    FORCE,
    JSON,
    THREADS,
    print_optimism,
    print_scores,
    remark,
    start_tensorflow,
    warn_of,
)
from agebo_hpc.execution.mpi.first_rank import is_first
from agebo_hpc.files import is_stream

if TYPE_CHECKING:
    from agebo_hpc.models.quality import Quality

SHOWN_CLASSES = 12
"""Largest number of classes in a confusion matrix on a terminal; JSON has all."""


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA.h5")
@click.option(
    "--part",
    type=click.Choice(["test", "validation", "train"]),
    help="Which rows of the data set.  [default: test; validation where there is no test part]",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="A further metric, such as log_loss or pinball:0.9; may be repeated.  [default: that of "
    "the search]",
)
@THREADS
@JSON
def evaluate(
    model: Path,
    data: Path,
    part: str | None,
    metrics: tuple[str, ...],
    threads: int | None,
    as_json: bool,
) -> None:
    """Score MODEL on a part of the prepared data set it was trained on."""
    if not is_first(sys.argv[1:]):
        return
    from agebo_hpc.data.dataset import open_dataset
    from agebo_hpc.models.description import read_description
    from agebo_hpc.models.fit import check_fits, check_part

    description, dataset = read_description(model), open_dataset(data)
    check_fits(description, dataset)
    part = part or ("test" if dataset.has_test else "validation")
    check_part(dataset, part)
    dataset.verify((part,))
    remark(dataset)
    warn_of(description)
    start_tensorflow(threads)
    from agebo_hpc.models.bundle import load_model
    from agebo_hpc.models.evaluation import evaluate_model

    done = evaluate_model(load_model(model), dataset, part, metrics)
    if as_json:
        click.echo(json.dumps({"model": str(model), "data": str(data), **asdict(done)}))
        return
    print_scores(done.part, done.rows, done.scores, done.intervals)
    click.echo(f"inference   {done.rows_per_second:,.0f} rows per second")
    if done.same_data and part != "train":
        print_optimism(description)
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
@THREADS
@FORCE
def predict(
    model: Path, source: Path, out: Path, keep: tuple[str, ...], threads: int | None, force: bool
) -> None:
    """Predict the rows of the table IN with MODEL and write OUT, in the same order.

    IN may be any table that `data prepare` reads; CSV (also .gz) and Parquet are streamed. OUT
    (.csv, .csv.gz or .parquet) has the prediction and, for classes, the probability of each.
    """
    if not is_first(sys.argv[1:]):
        return
    from agebo_hpc.data.unfamiliar import Unfamiliar
    from agebo_hpc.models.description import read_description
    from agebo_hpc.models.prediction import check_prediction, predict_file

    description = read_description(model)
    check_prediction(description, source, out, keep, force)
    warn_of(description)
    start_tensorflow(threads)
    from agebo_hpc.models.bundle import load_model

    loaded = load_model(model)
    began = time.perf_counter()
    unfamiliar = Unfamiliar()
    rows = predict_file(loaded, source, out, keep, force, unfamiliar)
    speed = rows / (time.perf_counter() - began)
    told = f"{rows:,} rows written to {out} ({speed:,.0f} rows per second, files included)"
    click.echo(told, err=is_stream(out))
    if unfamiliar.text:
        click.echo(f"note: {unfamiliar.text}", err=True)


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
@FORCE
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
    start_tensorflow(None)
    from agebo_hpc.models.bundle import load_model

    loaded = load_model(model)
    export_model(loaded, kind, out, force)
    click.echo(f"{kind} model written to {out}", err=is_stream(out))
    for column, name in input_names(kind, loaded).items():
        if name != column:
            click.echo(f"column {column!r} is the input {name!r}")
