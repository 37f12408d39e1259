"""All that the rest of a training depends on, between two of its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class BestState(NamedTuple):
    """The best epoch so far.

    Attributes
    ----------
    metric
        Its validation metric; minus infinity before the first epoch.
    parameters
        Its parameters, shape (num_parameters,), float32; None where they are not kept.
    without_progress
        Epochs since then.
    predicts_one
        What the network predicted one of then, see `Outcome`.
    """

    metric: float
    parameters: np.ndarray | None
    without_progress: int
    predicts_one: str


class ScheduleState(NamedTuple):
    """What the learning rate depends on besides the step, see `LearningRateSchedule`."""

    scale: float
    best: float
    epochs_without_progress: int


@dataclass(frozen=True)
class TrainingState:
    """A training after some of its epochs; the same on all of its processes.

    Random draws are not in it: each follows from the seed, the evaluation, the epoch and the
    rank, and the step's number for noise. So does the position in the rows: every epoch begins
    at their start, in an order of its own.

    Attributes
    ----------
    epoch
        Epochs that are over, >= 1.
    optimizer
        The parameters and what the optimizer remembers of each, see `VectorOptimizer.state`.
    loss_scale
        Numbers of the loss scale; empty where the scale is constant.
    schedule
        What the learning rate depends on.
    best
        The best epoch so far.
    curve
        One mapping for each epoch.
    """

    epoch: int
    optimizer: tuple[np.ndarray, ...]
    loss_scale: tuple[float, ...]
    schedule: ScheduleState
    best: BestState
    curve: tuple[Mapping[str, float], ...]
