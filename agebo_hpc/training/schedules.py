"""The learning rate: linear scaling and warm-up, then reduction on a plateau, or a cosine to zero.

The rate is a function of the step, the full length, and of what was observed after whole epochs,
so that a training that is cut and continued has the same rates.
"""

from __future__ import annotations

import math

import numpy as np

from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.training_state import ScheduleState

WARMUP_SHARE = 0.05
"""Share of all steps in which the rate rises, before it falls along a cosine."""


class LearningRateSchedule:
    """Rates of every step of a training on n processes.

    ``"plateau"`` (AgEBO-Tabular, section 2.3): the rate rises per step from lr_1 to n * lr_1 over
    the warm-up epochs; after them it is n * lr_1, reduced whenever the validation loss has not
    become better for ``patience`` epochs. ``"cosine"``: it rises from 0 to n * lr_1 over a
    twentieth of all steps, and falls to 0 at their end by half a cosine.

    Parameters
    ----------
    learning_rate
        lr_1, the rate for one process, > 0.
    num_processes
        n, >= 1.
    steps_per_epoch
        Steps of an epoch, >= 1.
    recipe
        Gives the schedule, its numbers, and the epochs of the full length.
    """

    min_delta = 1e-4
    """How much smaller a loss must be to count as better."""

    def __init__(
        self, learning_rate: float, num_processes: int, steps_per_epoch: int, recipe: Recipe
    ) -> None:
        self._base = learning_rate
        self._full = learning_rate * num_processes
        self._steps_per_epoch = steps_per_epoch
        self._recipe = recipe
        self._scale = 1.0
        self._best = math.inf
        self._epochs_without_progress = 0

    def state(self) -> ScheduleState:
        """Return what was observed, as far as later rates depend on it."""
        return ScheduleState(self._scale, self._best, self._epochs_without_progress)

    def load_state(self, state: ScheduleState) -> None:
        """Take over what `state` gave."""
        self._scale, self._best, self._epochs_without_progress = state

    def rates(self, epoch: int) -> np.ndarray:
        """Return the rate of each step of an epoch.

        Parameters
        ----------
        epoch
            Number of the epoch, from 0.

        Returns
        -------
        ndarray of shape (steps_per_epoch,), float32
        """
        step = 1 + epoch * self._steps_per_epoch + np.arange(self._steps_per_epoch)
        if self._recipe.schedule == "cosine":
            return (self._full * self._cosine(step)).astype(np.float32)
        warmup_steps = max(1, self._recipe.warmup_epochs * self._steps_per_epoch)
        progress = np.minimum(1.0, step / warmup_steps)
        rates = self._base + (self._full - self._base) * progress
        return (self._scale * rates).astype(np.float32)

    def _cosine(self, step: np.ndarray) -> np.ndarray:
        """Return the share of the full rate in steps that are counted from 1."""
        total = self._recipe.epochs * self._steps_per_epoch
        warmup = WARMUP_SHARE * total
        # The rate of a step is that of its begin, so that the last one is not wasted on zero.
        progress = np.clip((step - 1 - warmup) / (total - warmup), 0.0, 1.0)
        return np.minimum(1.0, step / max(1.0, warmup)) * (1 + np.cos(np.pi * progress)) / 2

    def observe(self, epoch: int, validation_loss: float) -> None:
        """Note an epoch's validation loss, and reduce the rate on a plateau."""
        if validation_loss < self._best - self.min_delta:
            self._best = validation_loss
            self._epochs_without_progress = 0
            return
        if epoch < self._recipe.warmup_epochs or not self._recipe.plateau_patience:
            return
        self._epochs_without_progress += 1
        if self._epochs_without_progress >= self._recipe.plateau_patience:
            self._scale *= self._recipe.plateau_factor
            self._epochs_without_progress = 0
