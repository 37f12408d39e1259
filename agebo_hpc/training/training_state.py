"""All that the rest of a training depends on, between two of its epochs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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

    def to_bytes(self, plan: str) -> bytes:
        """Return the state as the content of a file, see `from_bytes`.

        Parameters
        ----------
        plan
            Says what is trained and how: only the same training goes on from it.
        """
        head = {
            "plan": plan,
            "epoch": self.epoch,
            "loss_scale": self.loss_scale,
            "schedule": self.schedule,
            "best": self.best._replace(parameters=None),
            "keeps_best": self.best.parameters is not None,
            "curve": self.curve,
        }
        best = () if self.best.parameters is None else (self.best.parameters,)
        file = io.BytesIO()
        # Numbers are written with all their digits; NumPy's archive has a checksum of each part.
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        np.savez(file, text, *self.optimizer, *best)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, plan: str) -> TrainingState:
        """Read what `to_bytes` gave.

        Raises
        ------
        ValueError
            If it is damaged, or the state of another training.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                text, *arrays = (archive[name] for name in archive.files)
            head: dict[str, Any] = json.loads(text.tobytes())
            best = BestState(*head["best"])
            if head["keeps_best"]:
                best = best._replace(parameters=arrays.pop())
            state = cls(
                epoch=head["epoch"],
                optimizer=tuple(arrays),
                loss_scale=tuple(head["loss_scale"]),
                schedule=ScheduleState(*head["schedule"]),
                best=best,
                curve=tuple(head["curve"]),
            )
        except (OSError, EOFError, LookupError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"the state of a training is damaged ({error})") from error
        if head["plan"] != plan:
            raise ValueError("it is the state of another training")
        return state
