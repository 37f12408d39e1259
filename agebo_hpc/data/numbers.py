"""Which features are numbers with more than two values: what an embedding of numbers is for."""

from __future__ import annotations

import numpy as np

from agebo_hpc.data.dataset import DataSet

SAMPLE_ROWS = 10_000
"""First training rows that are looked at, so that a large table costs no time."""


def number_features(dataset: DataSet) -> tuple[int, ...]:
    """Return the positions of features that are numbers or parts of dates, in order.

    What has at most two values among the first training rows is none: columns of 0 and 1, and
    what tells that a cell is missing. The same for everybody who opens the data set.
    """
    candidates: list[int] = []
    place = 0
    for encoder in dataset.preprocessing.encoders:
        width = len(encoder.features)
        if encoder.kind != "category":
            candidates += range(place, place + width)
        place += width
    rows = np.asarray(dataset.train.x[:SAMPLE_ROWS])
    return tuple(column for column in candidates if len(np.unique(rows[:, column])) > 2)
