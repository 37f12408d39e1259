"""Curves as text, for terminals."""

from __future__ import annotations

import numpy as np

BLOCKS = " ▁▂▃▄▅▆▇█"


def sparkline(values: np.ndarray, width: int = 60) -> str:
    """Draw a curve as one line of block characters.

    Parameters
    ----------
    values : ndarray of shape (n,), float64
        Numbers to draw, all finite.
    width
        Characters, >= 1; fewer are returned if there are fewer values.

    Returns
    -------
    str
        Lowest value the lowest block; equal values are all the highest.
    """
    if not len(values):
        return ""
    chosen = values[np.unique(np.linspace(0, len(values) - 1, width, dtype=int))]
    spread = float(np.ptp(chosen))
    if spread == 0:
        return BLOCKS[-1] * len(chosen)
    heights = 1 + np.rint((len(BLOCKS) - 2) * (chosen - chosen.min()) / spread).astype(int)
    return "".join(BLOCKS[height] for height in heights)
