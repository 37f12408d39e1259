"""How long an evaluation will take, from those that have ended.

The logarithm of the duration is fitted, by least squares, as a linear function of the logarithms
of n, batch size and number of parameters: time is a product of powers of them. The prediction is
one that nine of ten evaluations keep.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

RECENT = 200
"""Number of the latest durations that are used."""
ENOUGH = 8
"""Least number of durations for a prediction by quantile; with fewer the longest one is taken."""
QUANTILE = 0.9
REFIT_SHARE = 0.05
"""The fit is made anew when so large a part of the durations is new."""
RIDGE = 1e-2
"""Keeps what never varied from having an influence."""


class Durations:
    """Predicts seconds from features; all features are positive numbers.

    Attributes
    ----------
    shortest
        The shortest of the latest, seconds; 0 without any.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[list[float], float]] = deque(maxlen=RECENT)
        self._fit: tuple[np.ndarray, np.ndarray, float] | None = None
        self._num_new = 0
        self.shortest = 0.0

    def __len__(self) -> int:
        return len(self._rows)

    def observe(self, features: Sequence[float], seconds: float) -> None:
        """Learn from a duration, in seconds > 0."""
        oldest = self._rows[0][1] if len(self._rows) == RECENT else math.inf
        self._rows.append((list(features), seconds))
        if len(self._rows) > 1 and oldest > self.shortest:
            self.shortest = min(self.shortest, seconds)
        else:
            # Asked for at each proposal; looked for only when the shortest one is forgotten.
            self.shortest = min(seconds for _, seconds in self._rows)
        self._num_new += 1
        if self._num_new >= REFIT_SHARE * len(self._rows):
            self._fit = None

    def predict(self, features: Sequence[float]) -> float:
        """Return seconds that nine of ten such evaluations keep; 0 if nothing is known."""
        if len(self._rows) < ENOUGH:
            return max((seconds for _, seconds in self._rows), default=0.0)
        centre, weights, excess = self._fit or self._make_fit()
        return float(np.exp((np.log(features) - centre[:-1]) @ weights + centre[-1] + excess))

    def _make_fit(self) -> tuple[np.ndarray, np.ndarray, float]:
        self._num_new = 0
        x = np.log([features for features, _ in self._rows])
        y = np.log([max(seconds, 1e-6) for _, seconds in self._rows])
        centre = np.append(x.mean(axis=0), y.mean())
        x, y = x - centre[:-1], y - centre[-1]
        gram = x.T @ x / len(y) + RIDGE * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, x.T @ y / len(y))
        self._fit = centre, weights, float(np.quantile(y - x @ weights, QUANTILE))
        return self._fit
