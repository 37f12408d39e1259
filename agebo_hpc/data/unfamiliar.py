"""What of a table a model has not seen in training: levels, and numbers far away. Counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from agebo_hpc.data.encoders import DateEncoder, Encoder, NumericEncoder
from agebo_hpc.text import counted

FAR = 10.0
"""Standard deviations from the training mean, beyond which a number is far away."""
NAMED = 5
"""Columns that are named, at most."""


class Unfamiliar:
    """Counts the cells of a table that are unlike those of the training rows.

    Attributes
    ----------
    levels, far
        Column -> cells with a level that training had not, and numbers more than `FAR` standard
        deviations from the mean.
    """

    def __init__(self) -> None:
        self.levels: Counter[str] = Counter()
        self.far: Counter[str] = Counter()

    def note(self, encoder: Encoder, read: Any) -> None:
        """Count the cells of a column, as its encoder has read them."""
        if isinstance(encoder, NumericEncoder):
            self.far[encoder.column] += _num_far(encoder, read)
        elif isinstance(encoder, DateEncoder):
            far = [_num_far(part, read[name]) for name, part in encoder.parts.items()]
            self.far[encoder.column] += max(far, default=0)
        else:
            self.levels[encoder.column] += int(np.count_nonzero(read < 0))

    @property
    def text(self) -> str:
        """What was found, in one line; empty where there is nothing."""
        found = [
            _said(self.levels, "with a level that training had not"),
            _said(self.far, f"more than {FAR:g} standard deviations from the training mean"),
        ]
        said = "; ".join(filter(None, found))
        return f"{said}: of these rows the model knows little" if said else ""


def _num_far(encoder: NumericEncoder, numbers: Any) -> int:
    # NaN is missing, and far from nothing.
    with np.errstate(invalid="ignore", over="ignore"):
        far = np.abs(numbers - encoder.mean) > FAR * encoder.scale
    return int(np.count_nonzero(far))


def _said(counts: Mapping[str, int], what: str) -> str:
    """Return how many cells of which columns, the most first; empty for none."""
    most = sorted(((n, name) for name, n in counts.items() if n), key=lambda pair: -pair[0])
    if not most:
        return ""
    cells = sum(number for number, _ in most)
    named = ", ".join(f"{name!r} {number:,}" for number, name in most[:NAMED])
    dots = f", ... ({len(most)} columns)" if len(most) > NAMED else ""
    return f"{counted(cells, 'cell')} {what} ({named}{dots})"
