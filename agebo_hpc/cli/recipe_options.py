"""Options that change the training recipe of a problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def with_options(
    command: Callable[..., Any], options: list[Callable[[Callable[..., Any]], Any]]
) -> Callable[..., Any]:
    """Add options to a command, to be shown in this order."""
    for option in reversed(options):
        command = option(command)
    return command


data_parallel_option = click.option(
    "--data-parallel",
    type=click.Choice(["auto", "horovod", "mpi"]),
    help="What sums the gradients of a training on several ranks: Horovod, or MPI itself; auto: "
    "Horovod where all ranks have it.  [default: auto]",
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the training recipe beyond its length."""
    options = [
        click.option(
            "--optimizer",
            type=click.Choice(
                [
                    *("sgd", "rmsprop", "adagrad", "adam", "adadelta", "adamax", "nadam"),
                    *("lars", "lamb"),
                ]
            ),
            help="lars and lamb give each layer a learning rate of its own: for large global "
            "batches.  [default: adam]",
        ),
        click.option(
            "--loss",
            type=click.Choice(
                [
                    "auto",
                    "cross_entropy",
                    *("mse", "mae", "huber", "log_cosh", "mape", "msle"),
                ]
            ),
            help="What training makes small; auto: cross_entropy for classes, mse for numbers.  "
            "[default: the preset's, auto]",
        ),
        click.option(
            "--metric",
            type=click.Choice(["auto", "accuracy", "roc_auc", "average_precision", "r2"]),
            help="What the search makes large on the validation part; auto: accuracy for "
            "classes, r2 for numbers.  [default: the preset's, auto]",
        ),
        click.option(
            "--class-weights",
            metavar="none|balanced|LABEL=W,...",
            help="What a class's rows count in the training loss; balanced: every class as much "
            "as the others.  [default: the preset's, none]",
        ),
        click.option(
            "--schedule",
            type=click.Choice(["plateau", "cosine"]),
            help="Of the learning rate; plateau: a tenth after epochs without a better loss; "
            "cosine: to zero at the last step.  [default: the preset's, plateau]",
        ),
        click.option(
            "--weight-decay",
            type=click.FloatRange(min=0),
            help="Taken off kernels in each step, times the rate, as in AdamW.  [default: 0]",
        ),
        click.option(
            "--label-smoothing",
            type=click.FloatRange(0, 1, max_open=True),
            help="Share of the training loss in which all classes count alike.  [default: 0]",
        ),
        click.option(
            "--dropout",
            type=click.FloatRange(0, 1, max_open=True),
            help="Share that the dropouts of a network drop, where its space has any.  "
            "[default: the preset's, 0]",
        ),
        click.option(
            "--accumulate-steps",
            type=click.IntRange(min=1),
            help="Batches of each process whose gradients make one update; the learning rate "
            "follows.  [default: 1]",
        ),
        click.option(
            "--precision",
            type=click.Choice(["float32", "bfloat16", "float16"]),
            help="Of the layers' products; parameters stay in float32.  [default: float32]",
        ),
        click.option(
            "--xla",
            type=click.Choice(["auto", "on", "off"]),
            help="Compile the training step with XLA; auto: on GPUs.  [default: auto]",
        ),
        click.option(
            "--input",
            type=click.Choice(["auto", "memory", "stream"]),
            help="Map the rows into memory, or stream them from the file; auto: stream what is "
            "larger than half of the node's memory.  [default: auto]",
        ),
    ]
    return with_options(command, options)
