"""The best epoch of a training: its metric, its parameters, and how long it is ago."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from agebo_hpc.training.training_state import BestState


class BestEpoch:
    """Keeps the best epoch's metric and, when asked, its parameters; counts without progress."""

    def __init__(self, patience: int, keep_parameters: bool) -> None:
        self._patience = patience
        self._keep_parameters = keep_parameters
        self._metric = -np.inf
        self._parameters: np.ndarray | None = None
        self._without_progress = 0
        # Of the parameters that are chosen in the end.
        self.predicts_one = ""

    def observe(self, metric: float, parameters: tf.Variable, predicts_one: str) -> None:
        """Note an epoch's validation metric, and the parameters after it."""
        if metric > self._metric or self._parameters is None:
            self.predicts_one = predicts_one
        if metric > self._metric:
            self._metric = metric
            self._without_progress = 0
            if self._keep_parameters:
                self._parameters = parameters.numpy()
        else:
            self._without_progress += 1

    def state(self) -> BestState:
        """Return what was observed."""
        return BestState(self._metric, self._parameters, self._without_progress, self.predicts_one)

    def load_state(self, state: BestState) -> None:
        """Take over what `state` gave."""
        self._metric, self._parameters, self._without_progress, self.predicts_one = state

    @property
    def patience_exhausted(self) -> bool:
        """Whether so many epochs were no better that training is to end."""
        return 0 < self._patience <= self._without_progress

    def choose(
        self, curve: list[dict[str, float]], parameters: tf.Variable
    ) -> tuple[float, np.ndarray]:
        """Return metric and parameters of the network that the training gives."""
        if self._parameters is not None:
            return self._metric, self._parameters
        return curve[-1]["validation_metric"], parameters.numpy()
