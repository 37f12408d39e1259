"""What a table that knows no n says of a training with n processes.

By the linear scaling rule (AgEBO-Tabular, section 3.1), n processes with a batch of b rows each
and the learning rate lr are one process with a batch of n * b rows and the rate n * lr. So the
accuracy is that of the table's entry for the global batch and rate, and what data parallelism
costs in accuracy comes out of trainings that were made. The time is that of the table's entry for
the batch of each process, divided by n to the power of an efficiency.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agebo_hpc.errors import UsageError
from agebo_hpc.space.configuration import Configuration

Range = tuple[float, float]


def as_one_process(
    configuration: Configuration, batch_sizes: Range, learning_rates: Range
) -> tuple[Configuration, Configuration]:
    """Return what each process trains, and the training by one process that all of them make.

    A global batch that is larger than the table's largest counts as that one, in accuracy and in
    time: each process then takes an n-th of it. A scaled learning rate is kept within the table's
    range. So nothing is gained by leaving the table.

    Parameters
    ----------
    configuration
        A configuration with any n.
    batch_sizes, learning_rates
        Smallest and largest that the table has for one process.

    Returns
    -------
    tuple of Configuration
        The configuration with the batch of one process and its learning rate, and with the global
        batch and the scaled rate. n is 1 in both.
    """
    n = configuration.num_processes
    values = configuration.hyperparameters
    batch_size = min(values["batch_size"], batch_sizes[1] / n)
    learning_rate = values["learning_rate"]
    return (
        _changed(configuration, within(batch_size, batch_sizes), learning_rate),
        _changed(
            configuration,
            within(n * batch_size, batch_sizes),
            within(n * learning_rate, learning_rates),
        ),
    )


def _changed(
    configuration: Configuration, batch_size: float, learning_rate: float
) -> Configuration:
    changes = {"batch_size": batch_size, "learning_rate": learning_rate, "num_processes": 1}
    values = {**configuration.hyperparameters, **changes}
    return Configuration(configuration.architecture, values)


def within(value: float, bounds: Range) -> float:
    """Return the value, or the bound that it is beyond."""
    return min(max(value, bounds[0]), bounds[1])


def nearest(value: float, choices: Sequence[float]) -> float:
    """Return the nearest of positive choices on a logarithmic scale; of equal ones the first."""
    return min(choices, key=lambda choice: abs(math.log(choice / value)))


def check_scale(factor: float, efficiency: float) -> None:
    """Check what a table's times are changed with.

    Raises
    ------
    UsageError
        If the factor is not more than 0, or the efficiency not between 0 and 1.
    """
    if not (factor > 0 and math.isfinite(factor)):
        raise UsageError(f"--simulate has factor={factor}; give more than 0.")
    if not 0 <= efficiency <= 1:
        raise UsageError(f"--simulate has efficiency={efficiency}; give 0 to 1.")
